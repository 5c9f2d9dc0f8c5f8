"""Counting whole fields: against exact truth, at any scale, of any pixel type."""

import cv2
import numpy as np
import pytest

from leukfeat.data.procedural import make_smear
from leukfeat.exceptions import ImageReadError
from leukfeat.imaging import count_cells, draw_cells, find_cells, to_rgb


@pytest.fixture(scope="module")
def smear():
    return make_smear(4, 40, 4, size=(480, 640), um_per_px=0.15, touching=0.2, random_state=3)


@pytest.fixture(scope="module")
def found(smear):
    return find_cells(smear.image, types=("white", "red", "platelet"), subject="P1")


def iou(box, other):
    shared = max(min(box[2], other[2]) - max(box[0], other[0]), 0)
    shared *= max(min(box[3], other[3]) - max(box[1], other[1]), 0)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box, other)]
    return shared / (sum(areas) - shared)


SIDES = ["top", "left", "bottom", "right"]


def test_counts_of_a_procedural_field(smear):
    counts = count_cells(smear.image)
    assert counts.white == 4
    assert abs(counts.red - 40) <= 3
    assert abs(counts.platelets - 4) <= 2
    red = smear.cells[(smear.cells["type"] == "red") & ~smear.cells["at_border"]]
    assert counts.red_diameter == pytest.approx(2 * np.sqrt(red["area"].median() / np.pi), rel=0.15)
    assert counts.to_dict()["height"] == 480


def test_places_are_those_of_the_truth(smear, found):
    frame = found.frame
    for name, least in (("white", 1.0), ("red", 0.9)):
        true = smear.cells.loc[smear.cells["type"] == name, SIDES].to_numpy()
        boxes = frame.loc[frame["type"] == name, SIDES].to_numpy()
        met = sum(max(iou(box, other) for other in boxes) > 0.5 for box in true)
        assert met >= least * len(true)


def test_a_cell_has_its_own_mask_window_and_columns(smear, found):
    frame = found.frame
    assert (frame["number"] == np.arange(1, len(frame) + 1)).all()
    assert set(found.subjects) == {"P1"}
    white = smear.labels("white") > 0
    for row in frame.to_dict("records"):
        assert row["image"].shape[:2] == row["mask"].shape
        assert row["mask"].sum() == row["area"]
        rows, columns = np.nonzero(row["mask"])
        rows, columns = rows + row["window_top"], columns + row["window_left"]
        assert (rows.min(), columns.min()) == (row["top"], row["left"])
        assert (rows.max() + 1, columns.max() + 1) == (row["bottom"], row["right"])
        if row["type"] == "white":
            assert white[rows, columns].mean() > 0.8
        inside = row["image"][row["mask"]]
        assert (inside == smear.image[rows, columns]).all()


@pytest.mark.parametrize("factor", [0.5, 1.7])
def test_the_scale_need_not_be_known(smear, factor):
    size = (round(640 * factor), round(480 * factor))
    image = cv2.resize(smear.image, size, interpolation=cv2.INTER_AREA if factor < 1 else 1)
    counts = count_cells(image)
    assert counts.white == 4
    assert abs(counts.red - 40) <= 4


def test_more_cells_on_one_another_are_still_counted():
    crowded = make_smear(2, 60, 0, size=(480, 640), um_per_px=0.15, touching=0.8, random_state=5)
    assert abs(count_cells(crowded.image).red - 60) <= 6


@pytest.mark.parametrize("touching", [0.3, 0.6])
def test_white_cells_that_touch_are_told_apart(touching):
    met = found = true = 0
    for seed in range(3):
        crowded = make_smear(6, 50, 6, size=(720, 960), touching=touching, random_state=100 + seed)
        boxes = find_cells(crowded.image, types=("white",)).frame[SIDES].to_numpy()
        truth = crowded.cells.loc[crowded.cells["type"] == "white", SIDES].to_numpy()
        met += sum(max(iou(box, other) for other in boxes) > 0.5 for box in truth)
        found, true = found + len(boxes), true + len(truth)
    assert met >= 0.75 * true  # where touching nuclei were lobes of one, about half
    assert met >= 0.8 * found


def test_any_pixel_type_gives_the_same_counts(smear):
    counts = count_cells(smear.image)
    wide = smear.image.astype(np.uint16) * 257
    clear = np.dstack([smear.image, np.full((480, 640), 255, np.uint8)])
    for image in (wide, smear.image.astype(np.float32) / 255, clear):
        assert (to_rgb(image) == smear.image).all()
    assert repr(count_cells(np.dstack([wide, clear[..., 3:].astype(np.uint16) * 257]))) == repr(
        counts
    )


def test_a_grey_field_is_counted_without_complaint(smear):
    grey = cv2.cvtColor(smear.image, cv2.COLOR_RGB2GRAY)
    counts = count_cells(grey)
    assert counts.shape == (480, 640)
    assert counts.white == 4
    assert abs(counts.red - 40) <= 4


@pytest.mark.parametrize("value", [0, 128, 255])
def test_one_colour_holds_no_cell(value):
    image = np.full((120, 160, 3), value, np.uint8)
    counts = count_cells(image)
    assert (counts.white, counts.red, counts.platelets) == (0, 0, 0)
    assert len(find_cells(image)) == 0
    assert (draw_cells(image, find_cells(image)) == image).all()


def test_an_empty_noisy_field_holds_no_cell():
    noise = np.random.default_rng(0).normal(0, 4, (240, 320, 3))
    image = np.clip(np.array([232, 226, 216]) + noise, 0, 255).astype(np.uint8)
    counts = count_cells(image)
    assert (counts.white, counts.red, counts.platelets) == (0, 0, 0)


def test_cells_at_the_border_are_kept_and_marked(smear):
    row = smear.cells[(smear.cells["type"] == "white")].iloc[0]
    middle = int((row["left"] + row["right"]) / 2) - 5
    cut = np.ascontiguousarray(smear.image[:, middle:])
    cells = find_cells(cut).frame
    assert cells["at_border"].any()
    at = cells[cells["at_border"] & (cells["left"] == 0)].iloc[0]
    assert at["mask"].sum() == at["area"]
    assert at["image"].shape[0] == at["image"].shape[1]


def test_a_stricter_rule_for_cut_cells_counts_fewer(smear):
    assert count_cells(smear.image, visible=0.9).red < count_cells(smear.image).red


def test_removed_background_is_exactly_zero(smear):
    cells = find_cells(smear.image, background="remove", side=120)
    for image, mask in zip(cells.images, cells.column("mask"), strict=True):
        assert image.shape == (120, 120, 3)
        assert (image[~mask] == 0).all()
        assert image[mask].any(axis=1).all()


def test_a_file_is_read_and_named(smear, tmp_path):
    path = tmp_path / "field.png"
    cv2.imwrite(str(path), smear.image[..., ::-1])
    assert repr(count_cells(path)) == repr(count_cells(smear.image))
    assert set(find_cells(path).column("field")) == {str(path)}
    with pytest.raises(ImageReadError, match="no such file"):
        count_cells(tmp_path / "none.png")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"types": "green"}, "types"),
        ({"side": 0}, "side"),
        ({"margin": -1}, "margin"),
        ({"background": "black"}, "background"),
        ({"tile": 5}, "tile"),
        ({"visible": 0}, "visible"),
        ({"side": 96.5}, r"'side'.*96\.5"),
        ({"side": "96"}, r"'side'.*'96'"),
        ({"um_per_px": -1}, r"'um_per_px'.*-1"),
        ({"um_per_px": "0.2"}, r"'um_per_px'.*'0\.2'"),
        ({"number": 3}, r"columns \['number'\]"),
    ],
)
def test_settings_out_of_range_are_named(smear, settings, message):
    with pytest.raises(ValueError, match=message):
        find_cells(smear.image, **settings)


def test_all_types_are_wanted_by_one_word(smear, found):
    assert find_cells(smear.image, types="all").frame["type"].equals(found.frame["type"])


def test_what_is_no_image_is_refused():
    with pytest.raises(ValueError, match="shape"):
        count_cells(np.zeros(7))
    with pytest.raises(ValueError, match="shape"):
        count_cells(np.zeros((0, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="float image"):
        count_cells(np.full((80, 80, 3), 3.0))


def test_the_overlay_marks_the_outlines_only(smear, found):
    drawn = draw_cells(smear.image, found, texts=[""] * len(found))
    changed = (drawn != smear.image).any(axis=2)
    assert 0.01 < changed.mean() < 0.4
    with pytest.raises(ValueError, match="texts"):
        draw_cells(smear.image, found, texts=["one"])


def test_a_file_is_drawn_on_as_its_pixels_are(smear, found, tmp_path):
    path = tmp_path / "field.png"
    cv2.imwrite(str(path), smear.image[..., ::-1])
    assert (draw_cells(path, found) == draw_cells(smear.image, found)).all()


@pytest.mark.real_data
def test_white_cells_of_real_fields(shared_data):
    import xml.etree.ElementTree as ElementTree

    files = sorted((shared_data / "bccd").glob("*.xml"))[:4]
    if not files:
        pytest.skip("BCCD is not there")
    hits = boxed = counted = 0
    for file in files:
        things = ElementTree.parse(file).getroot().iter("object")
        true = [
            [int(thing.findtext(f"bndbox/{k}")) for k in ("ymin", "xmin", "ymax", "xmax")]
            for thing in things
            if thing.findtext("name") == "WBC"
        ]
        boxes = find_cells(file.with_suffix(".jpg")).frame[SIDES].to_numpy()
        hits += sum(max((iou(t, b) for b in boxes), default=0) > 0.5 for t in true)
        boxed, counted = boxed + len(true), counted + len(boxes)
    assert hits >= 0.9 * boxed
    assert hits >= 0.9 * counted
