import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from leukfeat.imaging import PixelSVM, segment


@pytest.fixture(scope="module")
def fitted(draw_cell):
    drawn = [draw_cell(pressed=k, seed=k) for k in range(6)]
    return PixelSVM().fit([i for i, _ in drawn], [m for _, m in drawn])


def test_it_learns_red_cells_from_masks(fitted, draw_cell, dice):
    image, mask = draw_cell(pressed=6, seed=99)
    found = segment(image, method=fitted)
    assert dice(found.nucleus, mask == 2) > 0.95
    assert dice(found.cell, mask > 0) > 0.9
    assert found.method == "pixel_svm"


def test_the_same_seed_learns_the_same(draw_cell):
    image, mask = draw_cell(pressed=2)
    first, second = (PixelSVM(random_state=1).fit([image], [mask]) for _ in range(2))
    np.testing.assert_array_equal(first.predict_mask(image), second.predict_mask(image))


def test_conventions_and_errors(draw_cell):
    image, mask = draw_cell()
    assert clone(PixelSVM(C=3.0)).C == 3.0
    with pytest.raises(NotFittedError):
        segment(image, method=PixelSVM())
    with pytest.raises(ValueError, match="Mask 0"):
        PixelSVM().fit([image], [mask[:5]])
    with pytest.raises(ValueError, match="values 0"):
        PixelSVM().fit([image], [mask * 100])
    with pytest.raises(ValueError, match="at least one"):
        PixelSVM().fit([], [])


def test_what_cannot_be_learnt_from_is_refused(draw_cell):
    image, mask = draw_cell()
    with pytest.raises(ValueError, match=r"at least two of the classes .* hold only \[0\]"):
        PixelSVM().fit([image], [mask * 0])
    with pytest.raises(ValueError, match="Got 2 images and 1 masks"):
        PixelSVM().fit([image, image], [mask])
    for few in (0, 2, 3.5):
        with pytest.raises(ValueError, match="'pixels_per_image' parameter of PixelSVM"):
            PixelSVM(pixels_per_image=few).fit([image], [mask])
