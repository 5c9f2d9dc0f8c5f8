import numpy as np
import pytest

from leukfeat.imaging import SEGMENTATION_METHODS, count_cells, read_image, segment
from leukfeat.imaging.segmentation.segment import MAX_SEGMENT_PIXELS


def scores(dice, image, mask, **settings):
    found = segment(image, **settings)
    return dice(found.nucleus, mask == 2), dice(found.cell, mask > 0)


@pytest.mark.parametrize("pressed", [0, 4, 7])
def test_red_cells_pressed_against_the_cell_are_left_out(draw_cell, dice, pressed):
    image, mask = draw_cell(pressed=pressed)
    nucleus, cell = scores(dice, image, mask)
    assert nucleus > 0.96
    assert cell > 0.96


def test_textbook_methods_take_red_cells_along(draw_cell, dice):
    """What the default is for: the same cell, free and pressed."""
    free, pressed = draw_cell(), draw_cell(pressed=7)
    assert scores(dice, *free, method="multi_otsu")[1] > 0.95
    assert scores(dice, *pressed, method="multi_otsu")[1] < 0.7
    assert scores(dice, *pressed)[1] > 0.96


@pytest.mark.parametrize(
    "changes",
    [
        {"background": (250, 245, 150)},
        {"background": (205, 205, 200)},
        {"background": (150, 140, 135)},
        {"strength": 0.6},
        {"strength": 1.3},
        {"blur": 2.5},
        {"noise": 8},
        {"nuclei": ((-14, -8, 11), (12, -10, 11), (2, 14, 11))},
        {"nuclei": ((6, 8, 18),)},
        {"radius": 22},
    ],
    ids=str,
)
def test_other_stains_light_blur_noise_and_nuclei(draw_cell, dice, changes):
    image, mask = draw_cell(pressed=5, **changes)
    nucleus, cell = scores(dice, image, mask)
    assert nucleus > 0.9
    assert cell > 0.93


@pytest.mark.parametrize("factor", [0.5, 3])
def test_scale_does_not_matter(draw_cell, dice, factor):
    image, mask = draw_cell(
        round(160 * factor),
        radius=34 * factor,
        nuclei=((0, 0, 20 * factor),),
        blur=factor,
    )
    assert min(scores(dice, image, mask)) > 0.95


def test_a_cell_at_the_border_is_found_as_far_as_it_is_in_view(draw_cell, dice):
    for center in ((80, 5), (158, 80)):
        assert min(scores(dice, *draw_cell(center=center))) > 0.95
    # Of a quarter of a nucleus the size cannot be told, and so neither that of the cell.
    nucleus, cell = scores(dice, *draw_cell(center=(4, 4)))
    assert nucleus > 0.9
    assert cell > 0.5


def test_central_or_all(draw_cell):
    one, _ = draw_cell(200, center=(60, 60), radius=26, nuclei=((0, 0, 16),))
    other, _ = draw_cell(200, center=(150, 150), radius=26, nuclei=((0, 0, 14),))
    image = np.minimum(one, other)
    everything = segment(image, cells="all")
    assert everything.n_cells == 2
    assert segment(image).n_cells == 1
    assert segment(image).labels[60, 60] == 1


def test_neighbouring_white_cells_are_divided(draw_cell, dice):
    left, left_mask = draw_cell(200, center=(100, 66), radius=34)
    right, _ = draw_cell(200, center=(100, 134), radius=34)
    found = segment(np.minimum(left, right), cells="all")
    assert found.n_cells == 2
    label = found.labels[100, 66]
    assert dice(found.labels == label, left_mask > 0) > 0.93


def test_a_cut_out_cell_is_all_that_is_not_zero(draw_cell, dice):
    image, mask = draw_cell()
    image = np.maximum(image, 1)
    image[mask == 0] = 0
    found = segment(image)
    np.testing.assert_array_equal(found.cell, mask > 0)
    assert dice(found.nucleus, mask == 2) > 0.93


@pytest.mark.parametrize("method", SEGMENTATION_METHODS)
def test_every_method_finds_a_free_cell(draw_cell, dice, method):
    image, mask = draw_cell(noise=1)
    nucleus, cell = scores(dice, image, mask, method=method)
    assert cell > 0.85
    # A Gaussian wide enough for everything dark takes the nucleus of a drawn cell apart.
    if not method.startswith("mixture"):
        assert nucleus > 0.85


@pytest.mark.parametrize("method", SEGMENTATION_METHODS)
@pytest.mark.parametrize(
    "image",
    [
        np.full((40, 50, 3), 255, np.uint8),
        np.full((40, 50, 3), (200, 150, 180), np.uint8),
        np.zeros((40, 50, 3), np.uint8),
        np.full((1, 1, 3), 90, np.uint8),
        np.full((3, 200, 3), 120, np.uint8),
    ],
    ids=["white", "one colour", "black", "one pixel", "a strip"],
)
def test_where_nothing_is_nothing_is_found(method, image):
    found = segment(image, method=method)
    assert found.labels.shape == image.shape[:2]
    assert not found.nucleus.any()
    assert found.n_cells == 0


def test_red_cells_alone_are_no_white_cell(draw_cell):
    image, mask = draw_cell(pressed=6)
    empty = image.copy()
    empty[mask > 0] = (240, 232, 215)
    assert segment(empty, cells="all").n_cells == 0


def test_noise_alone_is_no_cell():
    noise = np.random.default_rng(0).normal(235, 6, (80, 80, 3))
    assert segment(np.clip(noise, 0, 255).astype(np.uint8)).n_cells == 0


def test_the_input_is_not_changed_and_the_result_is_the_same_twice(draw_cell):
    image, _ = draw_cell(pressed=3)
    before = image.copy()
    first, second = segment(image), segment(image)
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_array_equal(first.nucleus, second.nucleus)


def test_nucleus_and_cytoplasm_make_up_the_cell(draw_cell):
    for method in SEGMENTATION_METHODS:
        found = segment(draw_cell()[0], method=method)
        assert not (found.nucleus & found.cytoplasm).any()
        np.testing.assert_array_equal(found.nucleus | found.cytoplasm, found.cell)


@pytest.mark.parametrize(
    ("image", "settings", "message"),
    [
        (np.zeros((9, 9), np.uint8), {}, "to_rgb"),
        (np.zeros((9, 9, 4), np.uint8), {}, "to_rgb"),
        (np.zeros((9, 9, 3), np.uint16), {}, "to_rgb"),
        (np.zeros((9, 9, 3)), {}, "to_rgb"),
        (np.zeros((9, 9, 3), np.uint8), {"method": "otsus"}, "'method'.*otsus"),
        (np.zeros((9, 9, 3), np.uint8), {"cells": "biggest"}, "'cells'"),
    ],
)
def test_what_is_not_taken_is_named(image, settings, message):
    with pytest.raises(ValueError, match=message):
        segment(image, **settings)


def test_a_whole_slide_is_sent_to_the_tiles():
    slide = np.broadcast_to(np.uint8(255), (20_000, 20_000, 3))  # takes no memory
    assert slide.shape[0] * slide.shape[1] > MAX_SEGMENT_PIXELS
    with pytest.raises(ValueError, match=r"20,000 x 20,000.*find_cells"):
        segment(slide)


@pytest.mark.real_data
def test_real_cells_with_masks_drawn_by_experts(shared_data, dice):
    """Every tenth of images 1 to 200, on which the settings were chosen."""
    import cv2

    from leukfeat.imaging import read_image

    values = []
    for number in range(1, 201, 10):
        image = read_image(shared_data / "wbc_masks" / f"{number:03d}.png")
        mask = cv2.imread(str(shared_data / "wbc_masks" / f"{number:03d}_mask.png"), 0)
        values.append(scores(dice, image, np.digitize(mask, (64, 192))))
    nucleus, cell = np.mean(values, axis=0)
    assert nucleus > 0.95
    assert cell > 0.965


@pytest.mark.parametrize("method", [name for name in SEGMENTATION_METHODS if name != "default"])
def test_on_black_every_method_looks_for_the_nucleus_within_the_cell(method, dice):
    rows, columns = np.mgrid[:80, :80]
    distance = np.hypot(rows - 40, columns - 40)
    image = np.zeros((80, 80, 3), np.uint8)
    image[distance < 25] = (200, 165, 215)
    image[distance < 15] = (90, 40, 140)
    found = segment(image, method=method)
    np.testing.assert_array_equal(found.cell, distance < 25)
    assert not found.nucleus[distance >= 25].any()
    # The edge of the cell is as much an edge as that of its nucleus, and all between is filled.
    if method != "edges":
        assert dice(found.nucleus, distance < 15) > 0.9


@pytest.mark.parametrize("value", [3, None, "snake"])
def test_what_is_no_method_is_refused_by_name(value):
    with pytest.raises(ValueError, match="'method' parameter of segment must be one of"):
        segment(np.full((40, 40, 3), 200, np.uint8), method=value)


def test_none_in_a_grey_image_is_said(draw_cell):
    image, _ = draw_cell(strength=0.5)
    grey = np.repeat(image[..., 1:2] // 2 + image[..., :1] // 2, 3, axis=2)
    with pytest.warns(UserWarning, match=r"No white cell was found .* grey"):
        assert segment(grey).n_cells == 0
    with pytest.warns(UserWarning, match=r"No white cell was found .* grey"):
        assert count_cells(grey).white == 0
    # Warnings are errors here: nothing is said where a cell is found, and of an empty field.
    assert segment(grey, method="otsu").n_cells == 1
    assert segment(image).n_cells == 1
    assert segment(np.full_like(image, 230)).n_cells == 0


@pytest.mark.real_data
def test_real_fields_turned_to_grey_are_not_passed_over_in_silence(shared_data):
    for path in sorted((shared_data / "bccd").glob("*.jpg"))[:3]:
        image = read_image(path)
        assert segment(image).n_cells == 1
        with pytest.warns(UserWarning, match=r"No white cell was found .* grey"):
            segment(np.repeat(image[..., 1:2] // 2 + image[..., :1] // 2, 3, axis=2))
