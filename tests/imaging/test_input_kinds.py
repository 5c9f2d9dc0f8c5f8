"""What preparation, segmentation and counting do with every kind of image: one answer each."""

import cv2
import numpy as np
import pytest

import leukfeat as lf
from leukfeat.data.procedural import make_smear
from leukfeat.features.preparing import prepare_image
from leukfeat.imaging import (
    SEGMENTATION_METHODS,
    MacenkoNormalizer,
    Preparation,
    ReinhardNormalizer,
    count_cells,
    crop_to_mask,
    find_cells,
    read_image,
    segment,
    to_rgb,
)

CHANGED = {
    "gray_world": {},
    "shades_of_gray": {},
    "subtract_center_mean": {},
    "clahe": {},
    "invert": {},
    "gaussian_blur": {},
    "median_blur": {},
    "crop_window": {"side": 64},
    "resize": {"size": [64, 64]},
    "rescale": {"um_per_px": 0.1, "target_um_per_px": 0.2},
    "cut_out_cell": {},
}


@pytest.fixture(scope="module")
def field():
    return make_smear(1, 5, 0, size=(150, 170), um_per_px=0.18, touching=0.0).image


@pytest.fixture(scope="module")
def cell(field):
    """One whole white cell in the middle."""
    (image,) = find_cells(field, side=90).images
    return image


def other_kinds(image):
    """Return the same pixels as another kind of array, and what RGB uint8 they stand for."""
    grey = image[..., 1]
    clear = np.full(grey.shape, 255, np.uint8)
    three = np.repeat(grey[..., None], 3, axis=2)
    wide = image.astype(np.uint16) * 257
    return {
        "grey": (grey, three),
        "grey, one channel": (grey[..., None], three),
        "RGBA": (np.dstack([image, clear]), image),
        "16 bits": (wide, image),
        "16 bits, grey": (wide[..., 1], three),
        "16 bits, RGBA": (np.dstack([wide, clear.astype(np.uint16) * 257]), image),
        "float32": (image.astype(np.float32) / 255, image),
        "float64": (image / 255, image),
    }


def steps(image):
    chain = [Preparation((name, given)) for name, given in CHANGED.items()]
    return [*chain, *(Preparation(kind().fit([image])) for kind in NORMALISERS)]


NORMALISERS = (ReinhardNormalizer, MacenkoNormalizer)
KINDS = tuple(other_kinds(np.zeros((2, 2, 3), np.uint8)))


@pytest.mark.parametrize("kind", KINDS)
def test_single_cells_are_rgb_uint8_and_the_way_there_is_named(cell, kind):
    given, meant = other_kinds(cell)[kind]
    for call in (segment, *steps(cell), NORMALISERS[0]().fit([cell]).normalize):
        with pytest.raises(ValueError, match=r"RGB uint8.*Got .*leukfeat\.imaging\.to_rgb"):
            call(given)
    assert (to_rgb(given) == meant).all()
    with pytest.raises(ValueError, match="RGB uint8"):
        lf.extract_features([given], preparation=Preparation("invert"), weights="random")


@pytest.mark.parametrize("kind", KINDS)
def test_fields_are_taken_in_any_kind(field, kind):
    given, meant = other_kinds(field)[kind]
    before = given.copy()
    assert repr(count_cells(given)) == repr(count_cells(meant))
    assert (given == before).all()


@pytest.mark.parametrize("kind", ["grey", "RGBA", "16 bits", "16 bits, grey"])
def test_a_file_of_any_kind_is_its_rgb(cell, kind, tmp_path):
    given, meant = other_kinds(cell)[kind]
    path = str(tmp_path / "cell.png")
    order = [2, 1, 0, 3][: given.shape[2]] if given.ndim == 3 else None
    assert cv2.imwrite(path, given if order is None else np.ascontiguousarray(given[..., order]))
    assert (read_image(path) == meant).all()
    chain = Preparation("shades_of_gray", "cut_out_cell")
    np.testing.assert_array_equal(prepare_image(read_image(path), chain.to_json()), chain(meant))


def test_what_is_transparent_is_empty_field_in_an_array_and_background_in_a_file(cell, tmp_path):
    # A file with transparent pixels is a cell that was cut out: 0, as in C-NMC.
    alpha = np.full(cell.shape[:2], 255, np.uint8)
    alpha[:10] = 0
    assert (to_rgb(np.dstack([cell, alpha]))[:10] == 255).all()
    path = str(tmp_path / "cell.png")
    assert cv2.imwrite(path, np.dstack([cell[..., ::-1], alpha]))
    assert (read_image(path)[:10] == 0).all()


def test_a_grey_cell_is_segmented_by_its_darkness(cell):
    grey = to_rgb(cell[..., 1])
    colour = segment(cell)
    for method in SEGMENTATION_METHODS:
        if method != "edges":
            found = segment(grey, method=method)
            assert found.n_cells == 1, method
            overlap = (found.nucleus & colour.nucleus).sum() / (
                found.nucleus | colour.nucleus
            ).sum()
            assert overlap > 0.7, method


@pytest.mark.parametrize("shape", [(40, 50), (1, 1), (1, 30), (30, 1), (2, 2)])
@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 150, 180)])
def test_one_colour_holds_no_cell_and_stays_one_colour(shape, colour, cell):
    image = np.full((*shape, 3), colour, np.uint8)
    for method in SEGMENTATION_METHODS:
        found = segment(image, method=method)
        assert (found.n_cells, found.cell.any(), found.nucleus.any()) == (0, False, False)
        assert found.cell.shape == shape
    counts = count_cells(image)
    assert (counts.white, counts.red, counts.platelets) == (0, 0, 0)
    assert len(find_cells(image)) == 0
    for chain in steps(cell):
        if "cut_out_cell" in repr(chain):
            with pytest.raises(ValueError, match="no white cell"):
                chain(image)
        elif "crop_window" not in repr(chain):  # which fills with 0 where the image ends
            assert len(np.unique(chain(image).reshape(-1, 3), axis=0)) == 1, chain


def test_red_cells_alone_are_no_white_cell():
    image = make_smear(0, 6, 0, size=(150, 170), um_per_px=0.18, touching=0.0).image
    assert not segment(image).cell.any()
    with pytest.raises(ValueError, match="no white cell"):
        Preparation("cut_out_cell")(image)
    assert count_cells(image).white == 0
    assert len(find_cells(image)) == 0


@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
def test_a_cell_at_the_border_is_kept_as_far_as_it_is_in_view(cell, side):
    half = cell.shape[0] // 2 - 4
    cut = {
        "left": cell[:, half:],
        "top": cell[half:],
        "right": cell[:, : cell.shape[1] - half],
        "bottom": cell[: cell.shape[0] - half],
    }[side]
    cut = np.ascontiguousarray(cut)
    found = segment(cut)
    assert found.n_cells == 1
    edge = {
        "left": (slice(None), 0),
        "top": (0, slice(None)),
        "right": (slice(None), -1),
        "bottom": (-1, slice(None)),
    }[side]
    assert found.cell[edge].any()
    # Cut out, it reaches the edge; a window around it is padded with 0, not with what is near.
    prepared = Preparation("cut_out_cell")(cut)
    assert ((prepared > 0).any(axis=2) == found.cell).all()
    window = crop_to_mask(prepared, found.cell, margin=0.2)
    assert window.shape[0] == window.shape[1] > max(np.ptp(np.argwhere(found.cell), axis=0))
    assert (window[edge] == 0).all()


@pytest.mark.parametrize("kind", ["uniform", "grey", "normal"])
@pytest.mark.parametrize("size", [(60, 60), (130, 200)])
def test_noise_is_no_cell_of_any_kind(kind, size):
    rng = np.random.default_rng(0)
    image = {
        "uniform": rng.integers(0, 256, (*size, 3), dtype=np.uint8),
        "grey": np.repeat(rng.integers(0, 256, (*size, 1), dtype=np.uint8), 3, axis=2),
        "normal": np.clip(rng.normal(150, 40, (*size, 3)), 0, 255).astype(np.uint8),
    }[kind]
    counts = count_cells(image)
    assert (counts.white, counts.red, counts.platelets) == (0, 0, 0)
    assert segment(image).n_cells == 0


def test_a_cell_is_found_under_noise(cell):
    noise = np.random.default_rng(0).normal(0, 25, cell.shape)
    image = np.clip(cell + noise, 0, 255).astype(np.uint8)
    assert segment(image).n_cells == 1
    assert count_cells(image).white >= 1
    # One cell in an empty field of which nearly nothing else is to be seen.
    field = np.clip(np.random.default_rng(1).normal(230, 4, (500, 600, 3)), 0, 255)
    field[200 : 200 + cell.shape[0], 300 : 300 + cell.shape[1]] = cell
    assert count_cells(field.astype(np.uint8)).white >= 1
