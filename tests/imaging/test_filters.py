import numpy as np
import pytest

from leukfeat.imaging.filters import clahe, gaussian_blur, invert, median_blur


@pytest.fixture
def cell():
    """A textured disc on exact black, as a segmented cell is delivered."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:48, :48]
    inside = (rows - 24) ** 2 + (columns - 24) ** 2 < 18**2
    image = rng.integers(60, 200, (48, 48, 3), dtype=np.uint8)
    image[24, 24] = 255
    image[~inside] = 0
    return image, inside


def test_inverting_twice_gives_the_image():
    image = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    np.testing.assert_array_equal(invert(invert(image)), image)
    assert int(invert(image).astype(int)[0, 0, 0] + image[0, 0, 0]) == 255


@pytest.mark.parametrize("operation", [invert, gaussian_blur, median_blur, clahe])
def test_background_is_kept_exactly_on_request(cell, operation):
    image, inside = cell
    before = image.copy()
    out = operation(image, keep_background=True)
    np.testing.assert_array_equal(out.any(axis=2), inside)
    np.testing.assert_array_equal(image, before)
    assert out.dtype == np.uint8
    assert out.shape == image.shape


def test_blur_of_a_cut_out_cell_does_not_darken_its_edge():
    image = np.zeros((40, 40, 3), np.uint8)
    image[10:30, 10:30] = 150
    assert set(np.unique(gaussian_blur(image, sigma=2, keep_background=True))) == {0, 150}
    assert gaussian_blur(image, sigma=2)[10, 20, 0] < 100


def test_gaussian_blur_keeps_the_mean_and_lowers_the_spread():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    out = gaussian_blur(image, sigma=2)
    assert abs(out.mean() - image.mean()) < 1.5
    assert out.std() < image.std() / 4


def test_median_blur_is_the_median():
    image = np.random.default_rng(0).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    expected = np.median(image[1:4, 1:4].reshape(9, 3), axis=0)
    np.testing.assert_array_equal(median_blur(image)[2, 2], expected)


def test_clahe_raises_local_contrast_and_leaves_greys_grey():
    rng = np.random.default_rng(0)
    grey = rng.integers(110, 131, (64, 64, 1), dtype=np.uint8).repeat(3, axis=2)
    out = clahe(grey)
    assert out.std() > 1.3 * grey.std()
    assert np.ptp(out.astype(int), axis=2).max() <= 2


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda i: gaussian_blur(i, sigma=0), "sigma"),
        (lambda i: gaussian_blur(i, sigma="3"), "'sigma' must be above 0"),
        (lambda i: gaussian_blur(i, sigma=float("inf")), "'sigma' must be above 0"),
        (lambda i: clahe(i, clip_limit="2"), "'clip_limit' must be a number"),
        (lambda i: clahe(i, tiles=None), "'tiles' an integer"),
        (lambda i: median_blur(i, size=4), "size"),
        (lambda i: median_blur(i, size=1), "size"),
        (lambda i: clahe(i, clip_limit=0), "clip_limit"),
        (lambda i: clahe(i, tiles=0), "tiles"),
    ],
)
def test_errors_name_the_parameter(call, name):
    with pytest.raises(ValueError, match=name):
        call(np.zeros((8, 8, 3), np.uint8))


@pytest.mark.parametrize("operation", [invert, gaussian_blur, median_blur, clahe])
def test_one_colour_and_a_single_pixel_pass(operation):
    for shape in ((1, 1, 3), (16, 16, 3)):
        image = np.full(shape, 90, np.uint8)
        out = operation(image)
        assert out.shape == shape
        assert np.ptp(out) == 0
