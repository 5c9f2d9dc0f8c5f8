import numpy as np
import pytest

from leukfeat.imaging.cropping import crop_to_mask, crop_window, rescale, resize


@pytest.fixture
def numbered():
    """Each pixel tells its row and column."""
    rows, columns = np.mgrid[:30, :40].astype(np.uint8)
    return np.dstack([rows, columns, np.full_like(rows, 9)])


def test_the_window_is_central_and_keeps_the_scale(numbered):
    window = crop_window(numbered, side=10)
    assert window[0, 0].tolist() == [10, 15, 9]
    assert window[-1, -1].tolist() == [19, 24, 9]


def test_an_odd_window_of_an_even_image_takes_whole_pixels(numbered):
    assert crop_window(numbered, side=7)[0, 0].tolist() == [12, 17, 9]


def test_a_window_beyond_the_image_is_filled(numbered):
    window = crop_window(numbered, side=50, fill=200)
    assert window.shape == (50, 50, 3)
    assert window[0, 0].tolist() == [200, 200, 200]
    np.testing.assert_array_equal(window[10:40, 5:45], numbered)
    outside = crop_window(numbered, side=4, center=(500, 500), fill=3)
    assert (outside == 3).all()


def test_micrometres(numbered):
    assert crop_window(numbered, side_um=2.0, um_per_px=0.1).shape == (20, 20, 3)
    assert rescale(numbered, um_per_px=0.2, target_um_per_px=0.1).shape == (60, 80, 3)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"side": 4, "side_um": 2.0},
        {"side_um": 2.0},
        {"side": 0},
        {"side_um": 2, "um_per_px": 0},
        {"side_um": 2, "um_per_px": "0.1"},
        {"side_um": float("nan"), "um_per_px": 0.1},
        {"side": 10.5},
        {"side": "10"},
    ],
)
def test_a_window_without_a_size_is_refused(numbered, arguments):
    with pytest.raises(ValueError, match=r"side|um_per_px"):
        crop_window(numbered, **arguments)


def test_the_box_around_a_mask(numbered):
    mask = np.zeros((30, 40), bool)
    mask[10:20, 12:16] = True
    assert crop_to_mask(numbered, mask, margin=0, square=False)[0, 0].tolist() == [10, 12, 9]
    square = crop_to_mask(numbered, mask, margin=0.2)
    assert square.shape == (14, 14, 3)
    assert square[7, 7].tolist() == [15, 14, 9]


def test_a_cell_at_the_border_is_padded(numbered):
    mask = np.zeros((30, 40), bool)
    mask[:6, :6] = True
    window = crop_to_mask(numbered, mask, margin=0.5, fill=255)
    assert window.shape == (12, 12, 3)
    assert window[0, 0].tolist() == [255, 255, 255]
    assert window[3, 3].tolist() == [0, 0, 9]


def test_an_empty_mask_is_refused(numbered):
    with pytest.raises(ValueError, match="empty mask"):
        crop_to_mask(numbered, np.zeros((30, 40), bool))
    with pytest.raises(ValueError, match="'margin'"):
        crop_to_mask(numbered, np.ones((30, 40), bool), margin=-1)


def test_shrinking_averages_areas():
    checker = np.indices((8, 8)).sum(axis=0) % 2 * 200
    image = np.dstack([checker] * 3).astype(np.uint8)
    assert (resize(image, size=(4, 4)) == 100).all()
    with pytest.raises(ValueError, match="'size'"):
        resize(image, size=(0, 4))
    with pytest.raises(ValueError, match="um_per_px"):
        rescale(image, um_per_px=0.0, target_um_per_px=0.1)


@pytest.mark.parametrize("center", [(float("nan"), 3), (3,), 3, ("a", 3), (float("inf"), 0)])
def test_a_centre_that_is_no_place_is_refused(numbered, center):
    with pytest.raises(ValueError, match="'center' parameter of crop_window must be two numbers"):
        crop_window(numbered, side=4, center=center)


@pytest.mark.parametrize("size", [64, (64,), (0, 3), ("4", "4"), (float("nan"), 4), (4, 4, 3)])
def test_a_size_that_is_not_two_numbers_is_refused(numbered, size):
    with pytest.raises(ValueError, match=r"'size' parameter of resize must be \(height, width\)"):
        resize(numbered, size=size)


def test_numbers_of_numpy_are_sizes_and_places(numbered):
    window = crop_window(numbered, side=np.int64(4), center=np.array([15.0, 20.0]))
    np.testing.assert_array_equal(window, crop_window(numbered, side=4, center=(15, 20)))
    assert resize(numbered, size=np.array([6, 8])).shape == (6, 8, 3)


@pytest.mark.parametrize("scale", ["0.1", float("inf"), None])
def test_a_scale_that_is_no_number_is_refused(numbered, scale):
    with pytest.raises(ValueError, match="um_per_px"):
        rescale(numbered, um_per_px=scale, target_um_per_px=0.1)
