import numpy as np
import pytest

from leukfeat.imaging.conversion import check_rgb, foreground_mask, to_rgb


def test_rgb_is_returned_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert check_rgb(image) is image
    np.testing.assert_array_equal(to_rgb(image), image)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.uint16),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_anything_else_is_refused_with_what_it_was(image):
    with pytest.raises(ValueError, match=r"'pixels' parameter.*shape") as caught:
        check_rgb(image, name="pixels")
    assert str(image.shape) in str(caught.value)


def test_grey_is_repeated():
    grey = np.array([[0, 7], [200, 255]], np.uint8)
    for shape in ((2, 2), (2, 2, 1)):
        np.testing.assert_array_equal(to_rgb(grey.reshape(shape)), np.dstack([grey] * 3))


def test_sixteen_bits_and_floats_keep_the_eight_bit_values():
    eight = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(to_rgb(eight.astype(np.uint16) * 257)[..., 0], eight)
    np.testing.assert_array_equal(to_rgb(eight / 255)[..., 1], eight)
    np.testing.assert_array_equal(to_rgb(eight > 100)[..., 2], np.where(eight > 100, 255, 0))


def test_transparent_is_laid_on_white():
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], np.uint8)
    assert to_rgb(rgba).tolist() == [[[10, 20, 30], [255, 255, 255]]]


@pytest.mark.parametrize("value", [-0.1, 1.5, np.nan, np.inf])
def test_a_float_of_unknown_scale_is_refused(value):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        to_rgb(np.full((2, 2, 3), value))


@pytest.mark.parametrize("shape", [(4,), (4, 4, 2), (1, 4, 4, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        to_rgb(np.zeros(shape, np.uint8))


def test_integers_of_unknown_range_are_refused():
    with pytest.raises(ValueError, match="int64"):
        to_rgb(np.zeros((2, 2, 3), np.int64))


def test_foreground_is_any_channel_above_zero():
    image = np.zeros((3, 3, 3), np.uint8)
    image[0, 0, 0] = image[1, 1, 1] = image[2, 2, 2] = 1
    np.testing.assert_array_equal(foreground_mask(image), np.eye(3, dtype=bool))
