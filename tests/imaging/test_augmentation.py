import dataclasses

import numpy as np
import pytest

from leukfeat.data import CellDataset
from leukfeat.imaging.augmentation import CellAugmentation, augment_cells, augment_image
from leukfeat.imaging.pixel_key import pixel_key

NOTHING = CellAugmentation(
    flip=False, **{f.name: 0 for f in dataclasses.fields(CellAugmentation) if f.name != "flip"}
)


@pytest.fixture
def cut_out():
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :64]
    image = rng.integers(1, 200, (64, 64, 3), dtype=np.uint8)
    image[(rows - 30) ** 2 + (columns - 34) ** 2 > 20**2] = 0
    return image


def test_nothing_is_the_identity(cut_out):
    np.testing.assert_array_equal(augment_image(cut_out, NOTHING, random_state=3), cut_out)


def test_the_same_seed_gives_the_same_view(cut_out):
    views = [augment_image(cut_out, random_state=seed) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(views[0], views[1])
    assert (views[0] != views[2]).any()


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(CellAugmentation)])
def test_each_change_changes_something_and_keeps_background_and_cell_apart(cut_out, field):
    largest = {"rotation": 180, "shear": 30, "noise": 40, "blur": 3, "flip": True}
    settings = dataclasses.replace(NOTHING, **{field: largest.get(field, 0.5)})
    changed = 0
    for seed in range(6):
        out = augment_image(cut_out, settings, random_state=seed)
        changed += (out != cut_out).any()
        if field in ("brightness", "contrast", "stain", "noise", "blur"):
            np.testing.assert_array_equal(out.any(axis=2), cut_out.any(axis=2))
        if field in ("flip", "rotation", "shear"):
            share = out.any(axis=2).sum() / cut_out.any(axis=2).sum()
            assert share == pytest.approx(1, abs=0.03)
    assert changed >= 3


def test_all_at_once_there_is_one_cell_on_exact_black(cut_out):
    for seed in range(20):
        out = augment_image(cut_out, random_state=seed)
        assert out[0, 0].tolist() == [0, 0, 0]
        assert 0.7 < out.any(axis=2).sum() / cut_out.any(axis=2).sum() < 1.3


@pytest.mark.parametrize("field", ["rotation", "scale", "shear", "translation"])
def test_no_black_creeps_into_the_rim_of_a_cell(field):
    rows, columns = np.mgrid[:96, :96]
    disc = np.zeros((96, 96, 3), np.uint8)
    disc[(rows - 50) ** 2 + (columns - 46) ** 2 < 30**2] = (150, 60, 160)
    largest = {"rotation": 180, "shear": 30, "scale": 0.4, "translation": 0.1}[field]
    settings = dataclasses.replace(NOTHING, **{field: largest})
    for seed in range(4):
        out = augment_image(disc, settings, random_state=seed)
        seen = out[out.any(axis=2)].astype(int)
        assert np.abs(seen - (150, 60, 160)).max() <= 6


def test_a_field_without_black_is_filled_with_the_colour_of_its_frame():
    image = np.full((40, 40, 3), (230, 220, 200), np.uint8)
    image[15:25, 15:25] = (90, 30, 120)
    settings = dataclasses.replace(NOTHING, rotation=45, translation=0.4, crop=0.5)
    for seed in range(5):
        out = augment_image(image, settings, random_state=seed)
        assert out[:, [0, -1]].reshape(-1, 3).min(axis=0).tolist() == [230, 220, 200]


def test_leaving_one_change_out_keeps_the_others(cut_out):
    still = dataclasses.replace(CellAugmentation(), noise=0, blur=0, brightness=0, contrast=0)
    still = dataclasses.replace(still, stain=0)
    silhouettes = [
        augment_image(cut_out, s, random_state=5).any(axis=2) for s in (CellAugmentation(), still)
    ]
    np.testing.assert_array_equal(*silhouettes)


@pytest.mark.parametrize("values", [{"rotation": 200}, {"noise": -1}, {"crop": 0.95}])
def test_settings_outside_their_range_are_refused(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        CellAugmentation(**values)


@pytest.fixture
def cells(cut_out):
    images = [np.roll(cut_out, i, axis=0) for i in range(4)]
    return CellDataset.from_arrays(images, ["a", "b", "a", "b"], ["p1", "p1", "p2", None])


def test_views_stay_with_their_cell(cells):
    augmented = augment_cells(cells, copies=3)
    frame = augmented.frame
    assert len(augmented) == 16
    assert frame["parent_id"].isna().sum() == 4
    keys = [pixel_key(image).hex() for image in cells.images]
    for row in range(16):
        assert frame["label"][row] == cells.y[row % 4]
        assert frame["group"][row] == frame["group"][row % 4]
        if row >= 4:
            assert frame["parent_id"][row] == keys[row % 4]
    assert frame["group"].nunique() == 3


def test_a_view_does_not_depend_on_its_neighbours(cells):
    alone = augment_cells(cells[[2]], copies=2).images
    among = augment_cells(cells, copies=2).images
    np.testing.assert_array_equal(alone[1], among[6])
    np.testing.assert_array_equal(alone[2], among[10])
    assert (alone[1] != alone[2]).any()


def test_views_of_views_are_refused(cells):
    with pytest.raises(ValueError, match="parent_id"):
        augment_cells(augment_cells(cells))
    with pytest.raises(ValueError, match="'copies'"):
        augment_cells(cells, copies=0)


@pytest.mark.parametrize(
    "given", [{"copies": 1.5}, {"copies": "2"}, {"random_state": -1}, {"random_state": None}]
)
def test_copies_and_seeds_that_are_none_are_refused(cells, given):
    (name,) = given
    with pytest.raises(ValueError, match=f"'{name}' parameter must be an integer from"):
        augment_cells(cells, **given)


def test_a_seed_below_zero_is_refused(cut_out):
    with pytest.raises(ValueError, match="'random_state' parameter must be an integer from 0"):
        augment_image(cut_out, random_state=-1)
