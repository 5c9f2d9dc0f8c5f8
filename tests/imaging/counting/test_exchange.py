"""GeoJSON and label images: what goes out comes back, and corrections come with it."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from leukfeat.data.dataset import CellDataset
from leukfeat.data.procedural import make_smear
from leukfeat.exceptions import ImageReadError
from leukfeat.imaging import (
    draw_cells,
    find_cells,
    label_image,
    read_label_image,
    read_qupath,
    write_label_image,
    write_qupath,
)
from leukfeat.imaging.counting import counting, overlay


@pytest.fixture(scope="module")
def smear():
    return make_smear(4, 25, 2, size=(360, 480), um_per_px=0.15, touching=0.2, random_state=8)


@pytest.fixture(scope="module")
def cells(smear):
    return find_cells(smear.image, types=("white", "red"))


PLACES = ["number", "type", "top", "left", "bottom", "right"]


def test_geojson_round_trip(smear, cells, tmp_path):
    path = tmp_path / "cells.geojson"
    write_qupath(cells, path)
    back = read_qupath(path, smear.image)
    pd.testing.assert_frame_equal(back.frame[PLACES], cells.frame[PLACES], check_dtype=False)
    assert back.y is None  # types are no classes
    before, after = (label_image(c, smear.image.shape[:2]) for c in (cells, back))
    assert (before == after).all()
    again = tmp_path / "again.geojson"
    write_qupath(back, again)
    ids = [
        [f["properties"]["measurements"]["number"] for f in json.loads(p.read_text())["features"]]
        for p in (path, again)
    ]
    assert ids[0] == ids[1]


def test_corrections_made_in_qupath_come_back(smear, cells, tmp_path):
    white = cells.select(type="white")
    path = tmp_path / "cells.geojson"
    write_qupath(white, path, names=["normal"] * len(white))
    held = json.loads(path.read_text())
    held["features"][0]["properties"]["classification"]["name"] = "blast"
    held["features"][1]["properties"]["classification"] = None
    held["features"][2]["properties"]["classification"] = {"name": "Ignore*"}
    held["features"].append(
        {  # drawn by hand, with a hole
            "type": "Feature",
            "geometry": {
                "type": "Polygon",
                "coordinates": [
                    [[10, 20], [40, 20], [40, 60], [10, 60], [10, 20]],
                    [[20, 30], [25, 30], [25, 35], [20, 35], [20, 30]],
                ],
            },
            "properties": {"objectType": "annotation", "classification": {"names": ["blast"]}},
        }
    )
    path.write_text(json.dumps(held))
    back = read_qupath(path, smear.image, class_names=["normal", "blast"], positive="blast")
    assert back.y.tolist() == [1, -1, -1, 0, 1]
    drawn = back.frame.iloc[-1]
    assert drawn["number"] == white.column("number").max() + 1
    assert (drawn["top"], drawn["left"], drawn["bottom"], drawn["right"]) == (20, 10, 60, 40)
    assert drawn["area"] == 40 * 30 - 25  # as QuPath says


def cell(mask, **columns):
    """A cell whose mask lies at row 5 and column 9 of a field."""
    row = {"number": 1, "type": "white", "top": 5, "left": 9, "window_top": 5, "window_left": 9}
    image = np.zeros((*mask.shape, 3), np.uint8)
    return CellDataset(pd.DataFrame([{"image": image, "mask": mask, **row, **columns}]))


def area(ring):
    x, y = np.array(ring).T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2)


def parts_of(feature):
    geometry = feature["geometry"]
    return [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]


def test_every_ring_is_one_that_geojson_and_qupath_take(smear, tmp_path):
    """Four places or more, closed, touching itself nowhere; outlines hold the area of the pixels."""
    rng = np.random.default_rng(0)
    masks = [rng.random(rng.integers(1, 9, 2)) < rng.uniform(0.1, 0.95) for _ in range(60)]
    masks += [np.ones((1, 1), bool), np.ones((1, 7), bool), np.eye(4, dtype=bool)]
    path = tmp_path / "a.geojson"
    for mask in filter(np.any, masks):
        given = cell(mask)
        write_qupath(given, path)
        (feature,) = json.loads(path.read_text())["features"]
        parts = parts_of(feature)
        for ring in [ring for part in parts for ring in part]:
            assert len(ring) >= 5
            assert ring[0] == ring[-1]
            assert len({tuple(place) for place in ring}) == len(ring) - 1
        assert sum(area(ring) for part in parts for ring in part) == mask.sum()
        assert all(area(part[0]) > 0 > max(map(area, part[1:]), default=-1) for part in parts)
        back = label_image(read_qupath(path, smear.image), smear.image.shape[:2])
        assert (back == label_image(given, smear.image.shape[:2])).all()


def test_the_corner_of_the_field_is_0_0_and_x_comes_first(tmp_path):
    write_qupath(cell(np.ones((2, 3), bool)), tmp_path / "a.geojson")
    (feature,) = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert feature["geometry"] == {
        "type": "Polygon",
        "coordinates": [[[9, 5], [12, 5], [12, 7], [9, 7], [9, 5]]],
    }


def test_files_of_older_versions_give_the_masks_they_were_written_from(smear, tmp_path):
    """Their polygons went through the middles of pixels, and their objects say no more than a number."""
    path = tmp_path / "a.geojson"
    ring = [[9, 5], [9, 6], [11, 6], [11, 5], [9, 5]]  # a mask of 2 x 3 pixels
    path.write_text(feature(ring, measurements={"number": 4}))
    (row,) = read_qupath(path, smear.image).frame.to_dict("records")
    assert [row[name] for name in PLACES] == [4, "white", 5, 9, 7, 12]
    assert row["mask"].sum() == 6
    path.write_text(feature([[9, 5], [9, 5]], measurements=[{"name": "number", "value": 4}]))
    assert read_qupath(path, smear.image).column("area").tolist() == [1]


def test_an_object_smaller_than_a_pixel_is_not_lost(smear, tmp_path):
    path = tmp_path / "a.geojson"
    path.write_text(feature([[9.1, 5.1], [9.3, 5.1], [9.3, 5.3], [9.1, 5.1]]))
    (row,) = read_qupath(path, smear.image).frame.to_dict("records")
    assert (row["top"], row["left"], row["area"]) == (5, 9, 1)


def feature(ring, **properties):
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return json.dumps({"features": [{"geometry": geometry, "properties": properties}]})


def test_geojson_that_is_none_is_refused(smear, tmp_path):
    path = tmp_path / "a.geojson"
    for text, message in (
        ("{", "not GeoJSON"),
        ('{"features": [{"geometry": {"type": "Point", "coordinates": [1, 2]}}]}', "a Point"),
        ('{"features": [7]}', "object 1"),
        ("[" * 100_000, "not GeoJSON"),
        ("5", "not GeoJSON.*Got a int"),
        ("null", "not GeoJSON.*Got a NoneType"),
        ('{"features": 5}', "not GeoJSON.*Got a int"),
        (feature([[0, 0], [1e18, 0], [1e18, 1e18]]), "object 1 .*beyond 1000000 pixels"),
        (feature([[0, 0], [1e999, 0], [1, 1]]), "object 1 .*not finite"),
        (feature([[]]), "object 1 .*without places"),
        (feature([[1], [2], [3]]), "object 1 .*without places"),
        (
            '{"features": [{"geometry": {"type": "Polygon", "coordinates": []}}]}',
            "object 1 .*without places",
        ),
        (feature([[0, 0], [9, 0], [9, 9]], measurements={"number": 1e300}), "the number 1e"),
        (feature([[0, 0], [9, 0], [9, 9]], measurements={"number": "x"}), "object 1"),
        (feature([[0, 0], [9, 0], [9, 9]], classification={"name": 5}), "the classification 5"),
        ('{"features": [{"geometry": {"type": "Polygon", "coordinates": [[]]}}]}', "object 1"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message) as error:
            read_qupath(path, smear.image)
        assert str(path) in str(error.value)
    ring = [[[9000, 9000], [9010, 9000], [9010, 9010]]]
    geometry = {"type": "Polygon", "coordinates": ring}
    path.write_text(json.dumps({"type": "Feature", "geometry": geometry, "properties": {}}))
    with pytest.raises(ValueError, match="outside the field"):
        read_qupath(path, smear.image)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_label_image_round_trip(smear, cells, tmp_path, ending):
    path = tmp_path / f"labels.{ending}"
    table = write_label_image(cells, path, shape=smear.image.shape[:2])
    held = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert held.dtype == np.uint16
    assert pd.read_csv(table)["classification"].tolist() == cells.column("type").tolist()
    back = read_label_image(path, smear.image)
    pd.testing.assert_frame_equal(back.frame[PLACES], cells.frame[PLACES], check_dtype=False)
    assert (label_image(back, held.shape) == held).all()
    assert back.column("area").tolist() == cells.column("area").tolist()


def test_corrections_of_a_label_image_come_back(smear, cells, tmp_path):
    path = tmp_path / "labels.png"
    table = write_label_image(cells, path, shape=smear.image.shape[:2])
    frame = pd.read_csv(table)
    frame["classification"] = frame["classification"].astype(object)
    frame.loc[0, "classification"] = "blast"
    frame.to_csv(table, index=False)
    held = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    held[held == 2] = 0  # erased in napari
    held[:5, :7] = 900  # painted
    cv2.imwrite(str(path), held)
    back = read_label_image(path, smear.image, class_names=["normal", "blast"], positive="blast")
    numbers = back.column("number").tolist()
    assert 2 not in numbers
    assert back.y[numbers.index(1)] == 1
    assert back.y[numbers.index(900)] == -1


def test_a_label_image_that_is_none_is_refused(smear, cells, tmp_path):
    with pytest.raises(ImageReadError):
        read_label_image(tmp_path / "none.png", smear.image)
    with pytest.raises(ValueError, match=r"\.png"):
        write_label_image(cells, tmp_path / "labels.jpg", shape=(9, 9))
    cv2.imwrite(str(tmp_path / "colour.png"), smear.image)
    with pytest.raises(ValueError, match="one channel"):
        read_label_image(tmp_path / "colour.png", smear.image)


def test_names_of_a_label_image_come_back_as_they_were(smear, cells, tmp_path):
    """What was guarded against spreadsheets is read as the name, and "NA" is one too."""
    some = cells.select(type="white")[:2]
    frame = some.frame.assign(classification=["-blast", "NA"])
    path = tmp_path / "labels.png"
    table = write_label_image(CellDataset(frame), path, shape=smear.image.shape[:2])
    assert "'-blast" in table.read_text()
    back = read_label_image(path, smear.image)
    assert back.column("classification").tolist() == ["-blast", "NA"]
    assert back.class_names == ("-blast", "NA")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\x00a", "not UTF-8"),
        (b"index,class\n1,a\n", "needs the columns"),
        (b"index,classification\nx,a\n", "line 2.*number of a label.*'x'"),
        (b"index,classification\n1.5,a\n", "line 2.*number of a label"),
        (b"index,classification\n1,a\n2,b,c\n", "not a table"),
    ],
)
def test_a_bad_table_beside_a_label_image_is_named(smear, cells, tmp_path, content, message):
    table = write_label_image(cells, tmp_path / "labels.png", shape=smear.image.shape[:2])
    table.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read_label_image(tmp_path / "labels.png", smear.image)
    assert str(table) in str(error.value)


def test_a_damaged_or_huge_label_image_is_refused_before_it_is_decoded(
    smear, tmp_path, monkeypatch
):
    path = tmp_path / "labels.png"
    cv2.imwrite(str(path), np.zeros((4000, 4000), np.uint16))
    whole = path.read_bytes()
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(ImageReadError, match=r"labels\.png.*4000 x 4000 pixels are more than"):
        read_label_image(path, smear.image)
    path.write_bytes(whole[:-30])
    with pytest.raises(ImageReadError, match=r"labels\.png.*cut short"):
        read_label_image(path, smear.image)


def test_no_cells_go_out_and_come_back(tmp_path):
    empty = np.full((90, 90, 3), 230, np.uint8)
    cells = find_cells(empty)
    write_qupath(cells, tmp_path / "a.geojson")
    write_label_image(cells, tmp_path / "a.png", shape=(90, 90))
    for back in (
        read_qupath(tmp_path / "a.geojson", empty),
        read_label_image(tmp_path / "a.png", empty),
    ):
        assert len(back) == 0
        assert set(back.frame.columns) == {*cells.frame.columns, "classification"}


def test_outlines_can_be_changed_in_qupath(cells, tmp_path):
    """QuPath lets nobody edit the outline of a detection, which is what was written."""
    path = tmp_path / "a.geojson"
    for given, written in (({}, "annotation"), ({"object_type": "detection"}, "detection")):
        write_qupath(cells, path, **given)
        held = json.loads(path.read_text())["features"]
        assert {f["properties"]["objectType"] for f in held} == {written}
    with pytest.raises(ValueError, match=r"'object_type'.*'cell'"):
        write_qupath(cells, path, object_type="cell")


def test_an_outline_of_a_region_is_no_cell(smear, cells, tmp_path):
    """Who outlined the field, to have it analysed, got one more white cell."""
    path = tmp_path / "a.geojson"
    white = cells.select(type="white")
    write_qupath(white, path)
    held = json.loads(path.read_text())
    height, width = smear.image.shape[:2]
    for ring, name in (
        ([[0, 0], [width, 0], [width, height], [0, height - 9], [0, 0]], None),
        ([[20, 20], [90, 20], [90, 80], [20, 80], [20, 20]], "Region*"),
    ):
        geometry = {"type": "Polygon", "coordinates": [ring]}
        named = {"classification": {"name": name}} if name else {}
        held["features"].insert(0, {"geometry": geometry, "properties": named})
    path.write_text(json.dumps(held))
    with pytest.warns(UserWarning, match=r"a\.geojson.*left out 2 objects .number 1, 2 in"):
        back = read_qupath(path, smear.image)
    pd.testing.assert_frame_equal(back.frame[PLACES], white.frame[PLACES], check_dtype=False)


def read_back(kind, cells, tmp_path, shape):
    """Write cells, and return what reads them with further settings."""
    if kind == "qupath":
        write_qupath(cells, tmp_path / "a.geojson")
        return lambda field, **given: read_qupath(tmp_path / "a.geojson", field, **given)
    write_label_image(cells, tmp_path / "a.tif", shape=shape)
    return lambda field, **given: read_label_image(tmp_path / "a.tif", field, **given)


@pytest.mark.parametrize("kind", ["qupath", "labels"])
def test_corrected_cells_can_be_cut_out_and_keep_their_columns(smear, tmp_path, kind):
    given = {"side": 96, "background": "remove", "subject": "P1", "um_per_px": 0.15}
    cells = find_cells(smear.image, **given)
    read = read_back(kind, cells, tmp_path, smear.image.shape[:2])
    back = read(smear.image, **given)
    assert len(back) == len(cells) >= 4
    for name in ("image", "mask"):
        pairs = zip(back.column(name), cells.column(name), strict=True)
        assert all((mine == other).all() for mine, other in pairs)
    assert set(back.subjects) == {"P1"}
    assert set(back.column("um_per_px")) == {0.15}
    for wrong, message in (
        ({"background": "black"}, "'background'"),
        ({"side": 9.5}, "'side'"),
        ({"um_per_px": 0}, "'um_per_px'"),
        ({"classification": "a"}, "columns .'classification'"),
    ):
        with pytest.raises(ValueError, match=message):
            read(smear.image, **wrong)


@pytest.mark.parametrize("kind", ["qupath", "labels"])
def test_corrections_of_a_large_field_come_back_by_their_windows(
    smear, cells, tmp_path, monkeypatch, kind
):
    """A TIFF that find_cells takes in tiles was read whole, which 100 million pixels forbid."""
    tifffile = pytest.importorskip("tifffile")
    field = tmp_path / "field.tif"
    tifffile.imwrite(field, smear.image, photometric="rgb", tile=(128, 128))
    read = read_back(kind, cells, tmp_path, smear.image.shape[:2])
    whole, drawn = read(smear.image), draw_cells(smear.image, cells, thickness=1)
    monkeypatch.setattr(counting, "_LARGEST_WHOLE", 300)
    monkeypatch.setattr(counting, "read_image", None)
    monkeypatch.setattr(overlay, "MAX_PIXELS", 100_000)
    back = read(field)
    assert all((a == b).all() for a, b in zip(back.images, whole.images, strict=True))
    assert set(back.column("field")) == {str(field)}
    with pytest.raises(ValueError, match=r"field\.tif.*172,800 pixels.*'region'"):
        draw_cells(field, cells)
    part = draw_cells(field, cells, thickness=1, region=(100, 50, 300, 400))
    assert (part != smear.image[100:300, 50:400]).any()
    assert (part[2:-2, 2:-2] == drawn[102:298, 52:398]).all()
    with pytest.raises(ValueError, match=r"'region'.*360 x 480"):
        draw_cells(field, cells, region=(100, 50, 400, 400))


def test_a_shape_that_is_not_that_of_the_field_is_refused(cells, tmp_path):
    """Cells beyond it were dropped, and stayed in the table."""
    with pytest.raises(ValueError, match=r"Cell \d+, rows .*'shape', .480, 360."):
        label_image(cells, (480, 360))
    with pytest.raises(ValueError, match="'shape'"):
        write_label_image(cells, tmp_path / "a.tif", shape=(480, 360))
    assert not [*tmp_path.iterdir()]


def test_labels_above_65_535_stay_integers_in_a_tiff(smear, cells, tmp_path):
    many = CellDataset(cells.frame.assign(number=cells.column("number") + 70_000))
    path = tmp_path / "a.tif"
    write_label_image(many, path, shape=smear.image.shape[:2])
    assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).dtype == np.int32
    back = read_label_image(path, smear.image)
    assert back.column("number").tolist() == many.column("number").tolist()
    with pytest.raises(ValueError, match="a PNG holds numbers up to"):
        write_label_image(many, tmp_path / "a.png", shape=smear.image.shape[:2])


def test_a_missing_file_of_outlines_is_named_with_what_to_do(smear, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.geojson.*In QuPath"):
        read_qupath(tmp_path / "none.geojson", smear.image)
