import numpy as np
import pytest

from leukfeat.imaging.colour_constancy import gray_world, shades_of_gray, subtract_center_mean


@pytest.fixture
def cell():
    rng = np.random.default_rng(0)
    image = rng.integers(40, 200, (60, 60, 3), dtype=np.uint8)
    image[:10] = 0
    return image


def test_gray_world_makes_the_means_agree_over_the_foreground(cell):
    tinted = (cell * np.array([1.0, 0.7, 0.5])).astype(np.uint8)
    out = gray_world(tinted)
    means = out[10:].reshape(-1, 3).mean(axis=0)
    assert np.ptp(means) < 1.5
    assert not out[:10].any()


@pytest.mark.parametrize("power", [1, 6, np.inf])
def test_the_light_no_longer_matters(cell, power):
    """The same cell under two lights comes out the same."""
    dim = np.clip(cell, 0, 200)
    lights = [np.array([1.0, 0.9, 0.7]), np.array([0.8, 1.0, 1.0])]
    first, second = (
        shades_of_gray(np.rint(dim * light).astype(np.uint8), power=power) for light in lights
    )
    brightness = first[10:].mean() / second[10:].mean()
    assert np.abs(first - second * brightness).max() < 4


def test_central_patch_gets_its_level_wherever_the_stain_was(cell):
    for shift in (0, 30):
        out = subtract_center_mean(np.where(cell > 0, cell + shift, 0).astype(np.uint8), side=20)
        np.testing.assert_allclose(out[20:40, 20:40].mean(axis=(0, 1)), 128, atol=1.5)
        assert not out[:10].any()
        assert out[10:].any(axis=2).all()


def test_nothing_in_view_stays_nothing():
    black = np.zeros((6, 6, 3), np.uint8)
    for operation in (gray_world, shades_of_gray, subtract_center_mean):
        np.testing.assert_array_equal(operation(black), black)


def test_an_empty_middle_falls_back_on_the_whole_cell():
    ring = np.zeros((9, 9, 3), np.uint8)
    ring[0] = 50
    assert subtract_center_mean(ring, side=3)[0, 0].tolist() == [128, 128, 128]


def test_errors_name_the_parameter(cell):
    with pytest.raises(ValueError, match="'power'"):
        shades_of_gray(cell, power=0.5)
    with pytest.raises(ValueError, match="'side'"):
        subtract_center_mean(cell, side=0)
