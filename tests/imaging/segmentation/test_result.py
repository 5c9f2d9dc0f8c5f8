import numpy as np
import pytest

from leukfeat.imaging import Segmentation


def test_boxes_are_in_the_order_of_the_cells():
    labels = np.zeros((10, 12), np.int32)
    labels[6:9, 1:5] = 1
    labels[1:4, 7:11] = 2
    found = Segmentation(labels, labels == 2, "drawn")
    assert found.boxes.tolist() == [[6, 1, 9, 5], [1, 7, 4, 11]]
    assert found.n_cells == 2
    assert found.cytoplasm.sum() == 12


def test_nothing_has_no_boxes():
    nothing = Segmentation(np.zeros((3, 4), np.int32), np.zeros((3, 4), bool), "drawn")
    assert nothing.boxes.shape == (0, 4)
    assert "0 white cells" in repr(nothing)


def test_masks_must_fit_together():
    with pytest.raises(ValueError, match="same shape"):
        Segmentation(np.zeros((3, 4), np.int32), np.zeros((4, 3), bool), "drawn")
    with pytest.raises(ValueError, match="outside the cells"):
        Segmentation(np.zeros((3, 4), np.int32), np.ones((3, 4), bool), "drawn")
