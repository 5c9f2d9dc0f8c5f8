"""Fields in tiles: no cell twice, none lost, and memory bounded by the tile."""

import subprocess
import sys
import textwrap
import weakref

import cv2
import numpy as np
import pytest

from leukfeat.data.procedural import make_smear
from leukfeat.exceptions import ImageReadError
from leukfeat.imaging import count_cells, find_cells, read_image
from leukfeat.imaging.counting import counting, tiles
from leukfeat.imaging.counting.tiff_regions import TiffRegions

tifffile = pytest.importorskip("tifffile")


@pytest.fixture(scope="module")
def smear():
    return make_smear(6, 60, 3, size=(520, 720), um_per_px=0.18, touching=0.2, random_state=4)


@pytest.mark.parametrize("tile", [256, 300])
def test_tiles_find_what_the_whole_field_holds(smear, tile):
    whole, tiled = (find_cells(smear.image, types=("white", "red"), tile=t) for t in (None, tile))
    for name, most in (("white", 0), ("red", 3)):
        first, second = (c.select(type=name) for c in (whole, tiled))
        assert abs(len(first) - len(second)) <= most
        places = [c.frame[["row", "column"]].to_numpy() for c in (first, second)]
        apart = np.hypot(*(places[0][:, None] - places[1][None]).transpose(2, 0, 1))
        assert (apart.min(axis=1) < 8).mean() > 0.94
        # No cell twice.
        own = np.hypot(*(places[1][:, None] - places[1][None]).transpose(2, 0, 1))
        assert own[~np.eye(len(own), dtype=bool)].min() > 8
    for row in tiled.frame.to_dict("records"):
        rows, columns = np.nonzero(row["mask"])
        pixels = smear.image[rows + row["window_top"], columns + row["window_left"]]
        assert (row["image"][row["mask"]] == pixels).all()
    inner = tiled.frame[~tiled.frame["at_border"]]
    assert (inner["top"] > 0).all()
    assert (inner["bottom"] < 520).all()


@pytest.mark.parametrize("background", ["keep", "remove"])
def test_windows_are_those_of_the_field_however_large_the_tiles_are(smear, tmp_path, background):
    """What lay outside the tile and its margin was white, though the field has pixels there."""
    path = tmp_path / "field.tif"
    tifffile.imwrite(path, smear.image, photometric="rgb", tile=(128, 128))
    around = ((450, 450), (450, 450), (0, 0))
    padded = np.pad(smear.image, around, constant_values=255)
    for field in (smear.image, path) if background == "keep" else (path,):
        cells = find_cells(field, side=450, tile=256, background=background)
        assert len(cells) > 4
        for row in cells.frame.to_dict("records"):
            top, left = row["window_top"] + 450, row["window_left"] + 450
            expected = padded[top : top + 450, left : left + 450].copy()
            if background == "remove":
                expected[~row["mask"]] = 0
            assert (row["image"] == expected).all()


@pytest.mark.parametrize(
    "kind",
    [
        {"tile": (128, 160), "compression": "zlib"},
        {"rowsperstrip": 37},
        {"tile": (256, 256), "ome": True, "metadata": {"axes": "YXS"}},
        {"bigtiff": True, "tile": (128, 128)},
    ],
)
def test_windows_of_a_tiff_are_its_pixels(smear, tmp_path, kind):
    path = tmp_path / "field.tif"
    written = {"photometric": "rgb", **kind}
    opened = {key: written.pop(key) for key in ("ome", "bigtiff") if key in written}
    with tifffile.TiffWriter(path, **opened) as file:
        file.write(smear.image, **written)
    regions = TiffRegions(path)
    assert regions.shape == (520, 720)
    for rows, columns in (
        (slice(0, 520), slice(0, 720)),
        (slice(100, 301), slice(150, 471)),
        (slice(519, 520), slice(0, 1)),
    ):
        assert (regions.read(rows, columns) == smear.image[rows, columns]).all()
    regions.close()


def test_a_tiff_is_counted_as_its_pixels_are(smear, tmp_path):
    path = tmp_path / "field.tiff"
    tifffile.imwrite(path, smear.image, photometric="rgb", tile=(256, 256))
    assert repr(count_cells(path, tile=300)) == repr(count_cells(smear.image, tile=300))


def test_sixteen_bits_and_grey_are_read(smear, tmp_path):
    path = tmp_path / "field.tif"
    wide = smear.image.astype(np.uint16) * 257
    tifffile.imwrite(path, wide, photometric="rgb", tile=(128, 128))
    regions = TiffRegions(path)
    assert (regions.read(slice(5, 50), slice(7, 99)) == smear.image[5:50, 7:99]).all()
    regions.close()
    grey = cv2.cvtColor(smear.image, cv2.COLOR_RGB2GRAY)
    tifffile.imwrite(path, grey, photometric="minisblack", rowsperstrip=16)
    regions = TiffRegions(path)
    assert (regions.read(slice(5, 50), slice(7, 99))[..., 1] == grey[5:50, 7:99]).all()
    regions.close()


def test_what_is_no_tiff_or_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "field.tif"
    path.write_bytes(b"no tiff at all")
    with pytest.raises(ImageReadError, match=r"field\.tif"):
        count_cells(path, tile=256)
    tifffile.imwrite(path, np.zeros((64, 64), np.float32))
    with pytest.raises(ImageReadError, match="float32"):
        count_cells(path, tile=256)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"metadata": {"axes": "CYX"}, "photometric": "minisblack"}, "3 planes .axes CYX"),
        ({"metadata": {"axes": "ZYXS"}, "photometric": "rgb"}, "2 planes .axes ZYXS"),
        ({"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)}, "PALETTE"),
        ({"photometric": "separated"}, "SEPARATED"),
        ({"photometric": "ycbcr"}, "YCBCR"),
        ({"photometric": "rgb", "planarconfig": "separate"}, "planar configuration 2"),
    ],
)
def test_a_tiff_whose_colours_would_be_others_is_refused(smear, tmp_path, written, message):
    """Each of these was taken before: the first plane, places in a palette or inks for colours."""
    pixels = smear.image
    shaped = {
        "CYX": np.moveaxis(pixels, 2, 0).copy(),
        "ZYXS": np.stack([pixels, pixels]),
        "palette": pixels[..., 0].copy(),
        "separated": np.dstack([pixels, pixels[..., :1]]),
        "separate": np.moveaxis(pixels, 2, 0).copy(),
    }
    kinds = [
        written.get("metadata", {}).get("axes"),
        written["photometric"],
        written.get("planarconfig"),
    ]
    data = next((shaped[kind] for kind in kinds if kind in shaped), pixels)
    path = tmp_path / "field.tif"
    with tifffile.TiffWriter(path, ome="metadata" in written) as file:
        file.write(data, tile=(128, 128), **written)
    with pytest.raises(ImageReadError, match=message) as error:
        count_cells(path, tile=256)
    assert str(path) in str(error.value)


def test_white_may_be_0_in_a_grey_tiff(smear, tmp_path):
    grey = cv2.cvtColor(smear.image, cv2.COLOR_RGB2GRAY)
    path = tmp_path / "field.tif"
    tifffile.imwrite(path, 255 - grey, photometric="miniswhite", tile=(128, 128))
    regions = TiffRegions(path)
    window = (slice(5, 50), slice(7, 99))
    assert (regions.read(*window)[..., 1] == grey[window]).all()
    assert (regions.read(*window) == read_image(path)[window]).all()
    regions.close()


def test_twelve_bits_in_sixteen_are_refused_as_in_other_files(smear, tmp_path):
    path = tmp_path / "field.tif"
    tifffile.imwrite(path, smear.image.astype(np.uint16) * 16, photometric="rgb", tile=(128, 128))
    for tile in (None, 256, 2048):
        with pytest.raises(ImageReadError, match="12-bit camera"):
            count_cells(path, tile=tile)


def test_a_large_tiff_is_taken_in_tiles_unasked(smear, tmp_path, monkeypatch):
    """And a BigTIFF, which nothing else here reads; a small TIFF is read whole."""
    whole = count_cells(smear.image)
    path = tmp_path / "field.tif"
    tifffile.imwrite(path, smear.image, photometric="rgb", tile=(128, 128))
    assert count_cells(path) == whole
    tifffile.imwrite(path, smear.image, photometric="rgb", tile=(128, 128), bigtiff=True)
    assert count_cells(path) == whole
    monkeypatch.setattr(counting, "_LARGEST_WHOLE", 600)
    monkeypatch.setattr(counting, "_TILE", 300)
    monkeypatch.setattr(counting, "read_image", None)
    tifffile.imwrite(path, smear.image, photometric="rgb", tile=(128, 128))
    assert count_cells(path) == count_cells(smear.image, tile=300)


_LARGE = """
import resource, sys
import numpy as np, tifffile
from leukfeat.data.procedural import make_smear
from leukfeat.imaging import count_cells

side, patches = int(sys.argv[2]), int(sys.argv[3])
smear = make_smear(3, 40, 0, size=(512, 512), um_per_px=0.2, touching=0.1, random_state=0)
empty = np.empty((512, 512, 3), np.uint8)
empty[:] = np.median(smear.image[smear.owner == 0], axis=0)
across = -(-side // 512)
# Patches apart from each other, over the corners of the 2,048-pixel tiles of the count.
chosen = {(3 + 4 * (k % (across // 4)), 3 + 4 * (k // (across // 4))) for k in range(patches)}

def blocks():
    for i in range(across):
        for j in range(across):
            yield smear.image if (i, j) in chosen else empty

tifffile.imwrite(sys.argv[1], blocks(), shape=(side, side, 3), dtype=np.uint8,
                 photometric="rgb", tile=(512, 512), compression="zlib")
count_cells(np.ascontiguousarray(smear.image))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
counts = count_cells(sys.argv[1], tile=2048 if side > 10000 else 512)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(counts.white, counts.red, len(chosen), (after - before) // 1024)
"""


def _count_large(tmp_path, side, patches):
    script = tmp_path / "large.py"
    script.write_text(textwrap.dedent(_LARGE))
    command = [sys.executable, str(script), str(tmp_path / "l.tif"), str(side), str(patches)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


def test_memory_does_not_grow_with_the_field(tmp_path):
    white, red, patches, megabytes = _count_large(tmp_path, 3072, 1)
    assert white == 3 * patches
    assert abs(red - 40 * patches) <= 8 * patches  # a patch ends in cut cells that are whole here
    assert megabytes < 150


@pytest.mark.parametrize("call", [count_cells, find_cells])
def test_a_tile_is_let_go_before_the_next_is_looked_over(smear, monkeypatch, call):
    """Its masks stayed: 156 MB of the 719 that tiles of 2,048 pixels took."""
    look, held = tiles.look_over, []

    def watched(image, **settings):
        assert not any(one() for one in held)
        found = look(image, **settings)
        held.append(weakref.ref(found))
        return found

    monkeypatch.setattr(tiles, "look_over", watched)
    call(smear.image, tile=400)
    assert len(held) == 4


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_field_of_20_000_pixels_a_side(tmp_path):
    """400 million pixels, 1.2 GB as RGB: counted in less memory than its pixels take."""
    white, red, patches, megabytes = _count_large(tmp_path, 20_000, 9)
    assert white == 3 * patches
    assert abs(red - 40 * patches) <= 8 * patches
    assert megabytes < 1000


def test_without_tifffile_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(ImportError, match=r"leukfeat\[slides\]"):
        TiffRegions(tmp_path / "slide.tif")
