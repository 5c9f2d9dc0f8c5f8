"""Every function on pixels by every kind of image: a table of answers, each of them checked.

``segmentation/test_segment.py``, ``test_input_kinds.py`` and ``counting/test_tiles.py`` look at single
answers more closely, the last at a field of 20,000 x 20,000 pixels that is counted.
"""

import struct
import zlib

import numpy as np
import pytest

import leukfeat as lf
from leukfeat.data.procedural import make_smear
from leukfeat.exceptions import ImageReadError
from leukfeat.imaging import (
    SEGMENTATION_METHODS,
    MacenkoNormalizer,
    Preparation,
    ReinhardNormalizer,
    augment_cells,
    augment_image,
    clahe,
    count_cells,
    crop_to_mask,
    crop_window,
    draw_cells,
    estimate_background,
    find_cells,
    gaussian_blur,
    gray_world,
    invert,
    median_blur,
    optical_density,
    read_image,
    remove_background,
    rescale,
    resize,
    rgb_to_hsi,
    rgb_to_lab,
    segment,
    shades_of_gray,
    subtract_center_mean,
)


@pytest.fixture(scope="module")
def cell():
    field = make_smear(1, 0, 0, size=(120, 120), um_per_px=0.18, touching=0.0).image
    (image,) = find_cells(field, side=80).images
    return image


@pytest.fixture(scope="module")
def smear_classifier():
    cells = lf.make_cells(6, 18, size=64, random_state=0)
    features = lf.extract_handcrafted(cells, "colour", progress=False)
    head = lf.fit_head(features, "logistic_regression", tune=False, calibrate=False)
    return lf.CellClassifier(head, features)


def whole(image):
    return np.ones(np.shape(image)[:2], bool)


def normalised(kind):
    def call(image):
        fitted = kind().fit(
            [make_smear(1, 3, 0, size=(160, 160), um_per_px=0.18, random_state=1).image]
        )
        return fitted.normalize(image)

    return call


# What each does with arrays that are not RGB uint8: "refuses" them, or "takes" them.
# What each does with 20,000 x 20,000: "refuses", "cuts" (a window, or a smaller one), "tiles".
FUNCTIONS = {
    "segment": (segment, "refuses", "refuses"),
    "segment, each other method": (
        lambda image: [segment(image, method=name) for name in SEGMENTATION_METHODS[1:]],
        "refuses",
        "refuses",
    ),
    "count_cells": (count_cells, "takes", "tiles"),
    "find_cells": (find_cells, "takes", "tiles"),
    "analyse_smear": (None, "takes", "tiles"),
    "draw_cells": (lambda image: draw_cells(image, find_cells(image)), "takes", "tiles"),
    "texture_features": (lf.texture_features, "takes", "refuses"),
    "colour_features": (lf.colour_features, "takes", "refuses"),
    "shape_features": (
        lambda image: lf.shape_features(whole(image), image=image),
        "takes",
        "refuses",
    ),
    "extract_handcrafted": (
        lambda image: lf.extract_handcrafted([image], "colour", progress=False),
        "refuses",
        "refuses",
    ),
    "reinhard": (normalised(ReinhardNormalizer), "refuses", "refuses"),
    "macenko": (normalised(MacenkoNormalizer), "refuses", "refuses"),
    "Preparation": (Preparation("invert", "gray_world"), "refuses", "refuses"),
    "augment_image": (augment_image, "refuses", "refuses"),
    "augment_cells": (
        lambda image: augment_cells(lf.CellDataset.from_arrays([image])),
        "refuses",
        "refuses",
    ),
    "gray_world": (gray_world, "refuses", "refuses"),
    "shades_of_gray": (shades_of_gray, "refuses", "refuses"),
    "subtract_center_mean": (subtract_center_mean, "refuses", "refuses"),
    "clahe": (clahe, "refuses", "refuses"),
    "invert": (invert, "refuses", "refuses"),
    "gaussian_blur": (lambda image: gaussian_blur(image, sigma=1.0), "refuses", "refuses"),
    "median_blur": (lambda image: median_blur(image, size=3), "refuses", "refuses"),
    "estimate_background": (estimate_background, "refuses", "refuses"),
    "remove_background": (
        lambda image: remove_background(image, whole(image)),
        "refuses",
        "refuses",
    ),
    "optical_density": (optical_density, "refuses", "refuses"),
    "rgb_to_hsi": (rgb_to_hsi, "refuses", "refuses"),
    "rgb_to_lab": (rgb_to_lab, "refuses", "refuses"),
    "crop_window": (lambda image: crop_window(image, side=40), "refuses", "cuts"),
    "Preparation that cuts first": (
        Preparation(("crop_window", {"side": 40}), "gray_world"),
        "refuses",
        "cuts",
    ),
    "crop_to_mask": (lambda image: crop_to_mask(image, whole(image)), "refuses", None),
    "resize": (lambda image: resize(image, size=(40, 40)), "refuses", None),
    "rescale": (
        lambda image: rescale(image, um_per_px=0.1, target_um_per_px=0.2),
        "refuses",
        None,
    ),
}
NAMES = tuple(FUNCTIONS)


@pytest.fixture
def function(request, smear_classifier):
    call, kinds, large = FUNCTIONS[request.param]
    if call is None:

        def call(image):
            return lf.analyse_smear(image, smear_classifier, progress=False)

    return request.param, call, kinds, large


def other_kinds(image):
    wide = image.astype(np.uint16) * 257
    return {
        "grey": image[..., 1],
        "RGBA": np.dstack([image, np.full(image.shape[:2], 255, np.uint8)]),
        "16 bits": wide,
        "float": image / 255,
    }


def check_answer(name, answer, image):
    """Whatever comes back is finite, and an image that comes back is RGB uint8."""
    if isinstance(answer, list):
        for one in answer:
            check_answer(name, one, image)
    elif isinstance(answer, np.ndarray):
        assert np.isfinite(answer).all(), name
        if answer.dtype == np.uint8:
            assert answer.ndim == 3, name
            assert answer.shape[2] == 3, name
    elif name.endswith("_features"):
        assert np.isfinite(answer.to_numpy(float)).all(), name
    elif name == "extract_handcrafted":
        assert np.isfinite(answer.X).all()
    elif name == "count_cells":
        assert answer.white >= 0
    elif hasattr(answer, "cell"):
        assert answer.cell.shape == image.shape[:2]
        assert not (answer.nucleus & ~answer.cell).any()


def n_white(name, answer):
    if name == "count_cells":
        return answer.white
    if name in ("find_cells", "analyse_smear"):
        return getattr(answer, "n_cells", None) or len(getattr(answer, "cells", answer))
    if isinstance(answer, list):
        return max(one.n_cells for one in answer)
    return answer.n_cells


COUNTING = ("count_cells", "find_cells", "analyse_smear", "segment", "segment, each other method")


@pytest.mark.parametrize("kind", ["grey", "RGBA", "16 bits", "float"])
@pytest.mark.parametrize("function", NAMES, indirect=True)
def test_an_array_that_is_not_rgb_uint8(function, kind, cell):
    name, call, kinds, _ = function
    given = other_kinds(cell)[kind]
    before = given.copy()
    if kinds == "takes":
        check_answer(name, call(given), given)
    else:
        with pytest.raises(
            (ValueError, ImageReadError), match=r"RGB uint8|array of shape|uint8"
        ) as refused:
            call(given)
        assert "Got" in str(refused.value)
    assert (given == before).all()


@pytest.mark.parametrize("colour", [0, 255, 130])
@pytest.mark.parametrize("function", NAMES, indirect=True)
def test_an_image_of_one_colour(function, colour):
    name, call, _, _ = function
    image = np.full((48, 52, 3), colour, np.uint8)
    answer = call(image)
    check_answer(name, answer, image)
    if name in COUNTING:
        assert n_white(name, answer) == 0


@pytest.mark.parametrize("function", NAMES, indirect=True)
def test_an_image_without_a_cell(function):
    name, call, _, _ = function
    image = make_smear(0, 4, 0, size=(110, 120), um_per_px=0.18, touching=0.0).image
    answer = call(image)
    check_answer(name, answer, image)
    if name in COUNTING and name != "segment, each other method":
        # The methods of the textbooks take red cells for what is dark: that is said of them.
        assert n_white(name, answer) == 0


@pytest.mark.parametrize("function", NAMES, indirect=True)
def test_a_cell_at_the_border(function, cell):
    name, call, _, _ = function
    image = np.ascontiguousarray(cell[:, 36:])
    answer = call(image)
    check_answer(name, answer, image)
    if name in COUNTING and name != "segment, each other method":
        assert n_white(name, answer) == 1
    if name == "segment":
        assert answer.cell[:, 0].any()
    if name == "find_cells":
        assert answer.column("at_border").all()


@pytest.mark.parametrize(
    "function", [name for name in NAMES if FUNCTIONS[name][2] in ("refuses", "cuts")], indirect=True
)
def test_an_array_of_20_000_pixels_a_side(function):
    name, call, _, large = function
    slide = np.broadcast_to(np.uint8(230), (20_000, 20_000, 3))  # takes no memory
    if name in ("remove_background", "shape_features"):
        mask = np.broadcast_to(np.True_, slide.shape[:2])
        call = {
            "remove_background": lambda image: remove_background(image, mask),
            "shape_features": lambda image: lf.shape_features(mask),
        }[name]
    if large == "cuts":
        assert call(slide).shape == (40, 40, 3)
        return
    with pytest.raises((ValueError, ImageReadError), match=r"pixels") as refused:
        call(slide)
    # How large it is, and what to do.
    said = str(refused.value).replace(",", "")
    assert "400000000" in said or "20000 x 20000" in said
    assert any(word in str(refused.value) for word in ("find_cells", "Crop", "crop", "tile", "cut"))


@pytest.mark.parametrize(
    "function", [name for name in NAMES if FUNCTIONS[name][2] == "tiles"], indirect=True
)
def test_a_field_with_a_side_of_20_000_is_looked_over_in_tiles(function):
    name, call, _, _ = function
    # A strip of the slide: the whole of it is counted in counting/test_tiles.py (slow).
    strip = np.full((20_000, 130, 3), 235, np.uint8)
    cells = make_smear(1, 2, 0, size=(130, 130), um_per_px=0.18, touching=0.0).image
    for top in (900, 12_100):
        strip[top : top + 130] = cells
    strip[strip.min(axis=2) > 225] = 235
    answer = call(strip)
    if name == "draw_cells":
        assert answer.shape == strip.shape
    else:
        assert n_white(name, answer) == 2


def test_a_file_of_20_000_pixels_a_side_is_refused_by_its_header(tmp_path):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    path = tmp_path / "slide.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )
    for call in (read_image, count_cells, lambda name: lf.extract_handcrafted([name])):
        with pytest.raises(ImageReadError, match=r"slide\.png.*cut it into single cells or fields"):
            call(str(path))
