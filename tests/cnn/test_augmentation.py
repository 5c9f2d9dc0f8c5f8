import numpy as np
import pytest

from leukfeat.cnn import Augmentation
from leukfeat.cnn.augmentation import augment_batch

OFF = {"flip": False, "rotation": 0.0, "shift": 0.0}
OFF |= {"brightness": 0.0, "colour": 0.0, "contrast": 0.0}


@pytest.fixture(scope="module")
def batch(discs):
    return np.stack(discs[:16].images)


def augmented(batch, seed=(0, 0), fill="black", **settings):
    changed = augment_batch(batch, np.array(seed), Augmentation(**{**OFF, **settings}), fill=fill)
    return changed.numpy()


def test_nothing_asked_for_changes_nothing(batch):
    np.testing.assert_array_equal(augmented(batch), batch)


def test_the_seed_decides(batch):
    every = {"flip": True, "rotation": 180.0, "shift": 0.1, "colour": 0.2}
    np.testing.assert_array_equal(augmented(batch, **every), augmented(batch, **every))
    assert (augmented(batch, **every) != augmented(batch, seed=(0, 1), **every)).any()
    assert (augmented(batch, **every) != augmented(batch, seed=(1, 0), **every)).any()


def test_colour_changes_leave_the_background_black_and_the_cell_not(batch):
    changed = augmented(batch, brightness=0.9, colour=0.9, contrast=0.9)
    outside = (batch == 0).all(axis=3)
    assert (changed[outside] == 0).all()
    assert (changed[~outside].max(axis=1) > 0).all()
    assert not np.array_equal(changed, batch)
    assert changed.min() >= 0
    assert changed.max() <= 255


def test_what_is_moved_into_view_is_black(batch):
    white = np.full_like(batch, 255)
    moved = augmented(white, shift=0.4)
    assert (moved[:, [0, 0, -1, -1], [0, -1, 0, -1]] == 0).any(axis=1).all()
    reflected = augmented(white, shift=0.4, rotation=90.0, fill="reflect")
    np.testing.assert_allclose(reflected, 255, atol=1e-3)


def test_a_flip_moves_pixels_and_changes_none(batch):
    flipped = augmented(batch, flip=True)
    options = np.stack([batch, batch[:, ::-1], batch[:, :, ::-1], batch[:, ::-1, ::-1]])
    same = np.isclose(options, flipped, atol=1e-2).all(axis=(2, 3, 4))
    assert same.any(axis=0).all()
    assert len(set(same.argmax(axis=0))) == 4


def test_a_turned_cell_keeps_its_place_and_size(batch):
    turned = augmented(batch, rotation=180.0)
    before, after = (batch > 0).any(axis=3), (turned > 0).any(axis=3)
    ratio = after.sum(axis=(1, 2)) / before.sum(axis=(1, 2))
    assert abs(ratio - 1).max() < 0.2
    rows = np.arange(batch.shape[1])
    for axis in (1, 2):
        centre = [
            (m.sum(axis=axis) * rows).sum(axis=1) / m.sum(axis=(1, 2)) for m in (before, after)
        ]
        assert abs(centre[0] - centre[1]).max() < 1.5


def test_zoom_changes_the_size(batch):
    zoomed = augmented(batch, zoom=0.5)
    areas = (zoomed > 0).any(axis=3).sum(axis=(1, 2)) / (batch > 0).any(axis=3).sum(axis=(1, 2))
    assert areas.min() < 0.8
    assert areas.max() > 1.2
