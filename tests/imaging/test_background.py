import numpy as np
import pytest

from leukfeat.imaging.background import estimate_background, remove_background


def test_background_is_the_bright_mode_even_where_cells_cover_more():
    rng = np.random.default_rng(0)
    field = np.full((100, 100, 3), (190, 130, 120), np.float64)  # red cells, 60 %
    field[:40] = (238, 228, 190)
    field[50:70, 50:70] = (90, 40, 140)
    field[:3, :3] = 255  # a few glares are no background
    noisy = np.clip(np.rint(field + rng.normal(0, 3, field.shape)), 0, 255).astype(np.uint8)
    np.testing.assert_allclose(estimate_background(noisy), (238, 228, 190), atol=2)


def test_black_of_a_cut_out_cell_does_not_count():
    image = np.zeros((20, 20, 3), np.uint8)
    image[5:15, 5:15] = (200, 150, 180)
    assert estimate_background(image).tolist() == [200, 150, 180]


def test_background_of_nothing_is_white_and_of_one_colour_that_colour():
    assert estimate_background(np.zeros((4, 4, 3), np.uint8)).tolist() == [255, 255, 255]
    assert estimate_background(np.full((4, 4, 3), 255, np.uint8)).tolist() == [255, 255, 255]
    assert estimate_background(np.full((1, 1, 3), 77, np.uint8)).tolist() == [77, 77, 77]


def test_removing_the_background_leaves_exact_zero_outside_and_no_zero_inside():
    image = np.random.default_rng(0).integers(0, 3, (30, 30, 3), dtype=np.uint8)
    mask = np.zeros((30, 30), bool)
    mask[5:25, 8:20] = True
    out = remove_background(image, mask)
    np.testing.assert_array_equal(out.any(axis=2), mask)
    unchanged = mask & image.any(axis=2)
    np.testing.assert_array_equal(out[unchanged], image[unchanged])


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"'mask'.*\(4, 5\).*\(5, 4\)"):
        remove_background(np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4)))
