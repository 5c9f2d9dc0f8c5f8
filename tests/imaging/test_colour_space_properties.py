"""Of any image, HSI is in its ranges, is undone exactly, and moves as the colours do."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from leukfeat.imaging.colour_spaces import hsi_to_rgb, rgb_to_hsi

SIDES = st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))
IMAGES = hnp.arrays(np.uint8, SIDES)
THOROUGH = settings(max_examples=100, deadline=None, derandomize=True, database=None)


@THOROUGH
@given(IMAGES)
def test_values_are_in_their_ranges_and_the_way_back_is_exact(image):
    before = image.copy()
    hsi = rgb_to_hsi(image)
    assert hsi.shape == image.shape
    assert hsi.dtype == np.float32
    hue, saturation, intensity = np.moveaxis(hsi, -1, 0)
    assert ((hue >= 0) & (hue < 1)).all()
    assert ((saturation >= 0) & (saturation <= 1)).all()
    assert ((intensity >= 0) & (intensity <= 1)).all()
    np.testing.assert_array_equal(hsi_to_rgb(hsi), image)
    np.testing.assert_array_equal(image, before)


@THOROUGH
@given(IMAGES, st.data())
def test_a_pixel_does_not_depend_on_its_neighbours(image, data):
    row = data.draw(st.integers(0, image.shape[0] - 1))
    column = data.draw(st.integers(0, image.shape[1] - 1))
    alone = rgb_to_hsi(image[row : row + 1, column : column + 1])
    np.testing.assert_array_equal(alone[0, 0], rgb_to_hsi(image)[row, column])


@THOROUGH
@given(IMAGES)
def test_turning_the_channels_turns_the_hue_by_a_third(image):
    hsi = rgb_to_hsi(image)
    turned = rgb_to_hsi(np.ascontiguousarray(image[..., [2, 0, 1]]))
    np.testing.assert_allclose(turned[..., 1:], hsi[..., 1:], rtol=0, atol=1e-6)
    grey = (image.max(axis=-1) == image.min(axis=-1))[..., np.newaxis]
    difference = np.abs((turned[..., :1] - hsi[..., :1] - 1 / 3 + 0.5) % 1 - 0.5)
    assert difference[~grey].max(initial=0) < 1e-5
    assert not turned[..., :2][grey[..., 0]].any()


@THOROUGH
@given(IMAGES)
def test_exchanging_green_and_blue_mirrors_the_hue(image):
    hue = rgb_to_hsi(image)[..., 0]
    mirrored = rgb_to_hsi(np.ascontiguousarray(image[..., [0, 2, 1]]))[..., 0]
    assert np.abs((hue + mirrored + 0.5) % 1 - 0.5).max() < 1e-5


@THOROUGH
@given(
    hnp.arrays(np.float64, SIDES, elements=st.floats(0, 1)),
    st.integers(-3, 3),
)
def test_any_point_of_the_space_is_a_colour_and_hue_is_a_circle(hsi, turns):
    colours = hsi_to_rgb(hsi)
    assert colours.dtype == np.uint8
    # One full turn more or less moves the hue by rounding only.
    moved = hsi_to_rgb(hsi + np.array([turns, 0, 0]))
    assert np.abs(moved.astype(int) - colours).max() <= 1
