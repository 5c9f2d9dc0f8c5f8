"""make_smear: the truth is exact, and cells touch as asked."""

import numpy as np
import pytest
from scipy import ndimage

from leukfeat.data.procedural import make_smear


@pytest.fixture(scope="module")
def smear():
    return make_smear(8, 50, 6, size=(480, 640), um_per_px=0.2, touching=0.3, random_state=1)


def test_counts_and_types(smear):
    assert (smear.count("white"), smear.count("red"), smear.count("platelet")) == (8, 50, 6)
    assert len(smear.cells) == 64
    white = smear.cells[smear.cells["type"] == "white"]
    assert (white["label"] == 1).sum() == 4
    assert set(white["label"]) == {0, 1}
    assert (white["kind"] == "neutrophil").sum() == 2
    assert (smear.cells.loc[smear.cells["type"] != "white", "label"] == -1).all()
    lymphoid = white[white["kind"] != "neutrophil"]
    assert lymphoid["true_nucleus_um"].notna().all()
    assert white.loc[white["kind"] == "neutrophil", "true_nucleus_um"].isna().all()


def test_image_and_masks_have_one_shape(smear):
    assert smear.image.shape == (480, 640, 3)
    assert smear.image.dtype == np.uint8
    assert smear.owner.shape == smear.nucleus.shape == (480, 640)
    assert smear.owner.dtype == np.int32
    assert smear.nucleus.dtype == bool


def test_boxes_and_areas_are_those_of_the_masks(smear):
    for row in smear.cells.itertuples():
        mask = smear.owner == row.number
        assert row.area == mask.sum() > 0
        rows, columns = np.nonzero(mask)
        box = (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
        assert (row.top, row.left, row.bottom, row.right) == box
        edge = min(box[0], box[1], 480 - box[2], 640 - box[3]) == 0
        assert row.at_border == edge


def test_label_images_number_each_type_from_1(smear):
    total = np.zeros(smear.owner.shape, int)
    for kind in ("white", "red", "platelet"):
        labels = smear.labels(kind)
        assert labels.max() == smear.count(kind)
        assert len(np.unique(labels)) == smear.count(kind) + 1
        total += labels > 0
    np.testing.assert_array_equal(total > 0, smear.owner > 0)
    assert total.max() == 1
    assert smear.labels().dtype == np.int32


def test_every_white_cell_has_its_nucleus_and_nothing_else_has(smear):
    white = smear.labels("white")
    assert not (smear.nucleus & (white == 0)).any()
    for number in range(1, 9):
        share = smear.nucleus[white == number].mean()
        assert 0.1 < share < 1


def test_the_picture_shows_what_the_masks_say(smear):
    colour = {
        name: smear.image[mask].mean(axis=0)
        for name, mask in {
            "plasma": ndimage.binary_erosion(smear.owner == 0, iterations=3),
            "red": ndimage.binary_erosion(smear.labels("red") > 0, iterations=2),
            "nucleus": ndimage.binary_erosion(smear.nucleus, iterations=2),
        }.items()
    }
    assert colour["plasma"].min() > 180
    assert colour["plasma"][1] > colour["red"][1] + 30
    assert colour["red"][0] > colour["nucleus"][0] + 60
    assert colour["nucleus"].argmin() == 1


def test_sizes_are_those_of_blood_cells(smear):
    whole = smear.cells[~smear.cells["at_border"] & ~smear.cells["touching"]]
    diameter = np.sqrt(4 / np.pi * whole["area"]) * smear.um_per_px
    by_type = diameter.groupby(whole["type"]).median()
    assert 6 < by_type["red"] < 8.5
    assert 9 < by_type["white"] < 16
    assert 1.5 < by_type["platelet"] < 3.5


def test_without_touching_no_cell_touches_another():
    for seed in range(3):
        apart = make_smear(5, 30, 4, size=(480, 640), um_per_px=0.2, touching=0, random_state=seed)
        assert not apart.cells["touching"].any()
        assert ndimage.label(apart.owner > 0)[1] == 39


def test_more_touching_more_contacts():
    shares = [
        make_smear(5, 30, 4, size=(480, 640), um_per_px=0.2, touching=t, random_state=0)
        .cells["touching"]
        .mean()
        for t in (0.1, 0.5, 1.0)
    ]
    assert shares[0] < shares[1] < shares[2] == 1


def test_no_cell_is_hidden_and_white_cells_lie_above_red_ones():
    smear = make_smear(6, 40, 4, size=(480, 640), um_per_px=0.2, touching=1, random_state=2)
    inside = smear.cells[~smear.cells["at_border"]]
    assert inside.groupby("type")["area"].min()["red"] > 300  # of about 1,000 pixels
    white = smear.labels("white")
    for number in range(1, 7):
        filled = ndimage.binary_fill_holes(white == number)
        assert (filled & (white == 0)).sum() == 0


def test_the_same_seed_gives_the_same_smear_and_another_does_not():
    settings = {"n_white": 3, "n_red": 10, "n_platelets": 2, "size": (200, 240), "um_per_px": 0.3}
    first, again, other = (make_smear(**settings, random_state=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.owner, again.owner)
    assert (first.image != other.image).any()


def test_an_empty_field():
    empty = make_smear(0, 0, 0, size=(64, 80))
    assert len(empty.cells) == empty.count("white") == 0
    assert not empty.owner.any()
    assert empty.labels().max() == 0
    assert empty.image.std(axis=(0, 1)).max() < 5


def test_blast_share_is_exact():
    for share, blasts in [(0.0, 0), (0.25, 2), (1.0, 8)]:
        smear = make_smear(8, 0, 0, um_per_px=0.2, blast_share=share)
        assert (smear.cells["label"] == 1).sum() == blasts


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_white": -1}, "'n_white' parameter of make_smear.*at least 0"),
        ({"n_red": 1.5}, "'n_red'.*integer"),
        ({"size": 300}, "'size'.*height, width"),
        ({"size": (300, 10)}, "'size'.*at least 64"),
        ({"um_per_px": 0}, "'um_per_px'"),
        ({"blast_share": 1.2}, "'blast_share'.*at most 1"),
        ({"touching": -0.1}, "'touching'"),
        ({"subject_shift": "much"}, "'subject_shift'"),
        ({"random_state": None}, "'random_state'"),
        ({"n_red": 500, "size": (128, 128)}, "no room for cell.*fewer cells than.*n_red=500"),
    ],
)
def test_a_wrong_parameter_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        make_smear(**{"n_white": 1, "n_red": 2, "n_platelets": 1, "size": (128, 160), **wrong})


def test_an_unknown_type_is_named(smear):
    with pytest.raises(ValueError, match=r"'white', 'red', 'platelet'.*Got 'blue'"):
        smear.count("blue")
