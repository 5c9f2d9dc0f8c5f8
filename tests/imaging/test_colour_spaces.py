import colorsys

import numpy as np
import pytest
from skimage import color

from leukfeat.imaging.colour_spaces import hsi_to_rgb, optical_density, rgb_to_hsi, rgb_to_lab


def every_nth_colour(step):
    levels = np.unique(np.r_[np.arange(0, 256, step), 254, 255]).astype(np.uint8)
    return np.stack(np.meshgrid(levels, levels, levels), -1).reshape(len(levels), -1, 3)


def test_hsi_round_trip_is_exact():
    colours = every_nth_colour(5)
    np.testing.assert_array_equal(hsi_to_rgb(rgb_to_hsi(colours)), colours)


def test_hsi_agrees_with_the_book():
    """Gonzalez & Woods, equations 6.2-2 to 6.2-4, as they are printed."""
    colours = every_nth_colour(37)
    r, g, b = (colours.reshape(-1, 3).astype(float) / 255).T
    hsi = rgb_to_hsi(colours).reshape(-1, 3)
    grey = (r == g) & (g == b)
    with np.errstate(invalid="ignore", divide="ignore"):
        theta = np.arccos(
            np.clip(((r - g) + (r - b)) / 2 / np.sqrt((r - g) ** 2 + (r - b) * (g - b)), -1, 1)
        )
        saturation = 1 - 3 * np.minimum(np.minimum(r, g), b) / (r + g + b)
    hue = np.where(b <= g, theta, 2 * np.pi - theta) / (2 * np.pi)
    difference = np.abs(hsi[~grey, 0] - hue[~grey])
    assert np.minimum(difference, 1 - difference).max() < 1e-4
    np.testing.assert_allclose(hsi[~grey, 1], saturation[~grey], atol=1e-6)
    np.testing.assert_allclose(hsi[:, 2], (r + g + b) / 3, atol=1e-6)


def test_hsi_of_greys_has_no_hue_and_no_saturation():
    greys = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    assert not rgb_to_hsi(greys)[..., :2].any()


def test_hue_of_hsi_points_where_that_of_hsv_does():
    for pixel in ([255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255]):
        hue = rgb_to_hsi(np.array([[pixel]], np.uint8))[0, 0, 0]
        assert hue == pytest.approx(colorsys.rgb_to_hsv(*pixel)[0], abs=1e-6)


def test_hsi_outside_the_cube_is_clipped():
    out = hsi_to_rgb(np.array([[[0.0, 1.0, 0.9]]]))
    assert out.tolist() == [[[255, 0, 0]]]


def test_hsi_needs_floats():
    with pytest.raises(ValueError, match="'hsi'"):
        hsi_to_rgb(np.zeros((2, 2, 3), np.uint8))


def test_lab_agrees_with_scikit_image():
    colours = every_nth_colour(51)
    np.testing.assert_allclose(rgb_to_lab(colours), color.rgb2lab(colours), atol=0.3)


def test_optical_density_of_the_background_is_zero_and_adds_up():
    half = optical_density(np.full((1, 1, 3), 119, np.uint8), background=239)
    quarter = optical_density(np.full((1, 1, 3), 59, np.uint8), background=239)
    np.testing.assert_allclose(quarter, 2 * half, rtol=1e-6)
    pixel = np.array([[[240, 230, 180]]], np.uint8)
    np.testing.assert_allclose(optical_density(pixel, background=(240, 230, 180)), 0, atol=1e-7)


@pytest.mark.parametrize("background", [-1, (1, 2, np.nan)])
def test_optical_density_needs_a_background_that_exists(background):
    with pytest.raises(ValueError, match="'background'"):
        optical_density(np.zeros((1, 1, 3), np.uint8), background=background)
