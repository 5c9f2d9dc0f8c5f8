import cv2
import numpy as np
import pytest

from leukfeat import make_cells
from leukfeat.evaluation.audit.perceptual import hash_variants, sign, similar_pairs


@pytest.fixture(scope="module")
def images():
    return make_cells(20, 80, size=224).images


def _jpeg(image, quality):
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)


@pytest.mark.parametrize("turn", range(8))
def test_the_eight_hashes_are_those_of_the_turned_images(images, turn):
    image = np.rot90(images[3], turn % 4)
    image = np.ascontiguousarray(image[:, ::-1] if turn > 3 else image)
    mine = hash_variants(sign(images[3]).frequencies[None])[0]
    theirs = hash_variants(sign(image).frequencies[None])[0]
    assert theirs[0] in mine
    assert set(mine.tolist()) == set(theirs.tolist())


@pytest.mark.parametrize(
    "alter",
    [
        lambda image: _jpeg(image, 85),
        lambda image: np.ascontiguousarray(image[::-1]),
        lambda image: np.ascontiguousarray(np.rot90(image)),
        lambda image: np.clip(image * 1.08, 0, 255).astype(np.uint8),
        lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    ],
    ids=["jpeg", "flip", "turn", "brighter", "half"],
)
def test_altered_copies_are_found_and_others_not(images, alter):
    altered = [alter(image) for image in images]
    pairs, alike = similar_pairs([sign(image) for image in [*images, *altered]], block=50)
    expected = {(i, i + 80) for i in range(80)}
    found = {tuple(pair) for pair in pairs.tolist()}
    # A few drawn cells are so dark or so small that little but JPEG is left of their detail.
    assert len(found & expected) >= 72
    assert not found - expected
    assert (alike >= 0.8).all()


def test_unrelated_cells_are_no_copies(images):
    pairs, _ = similar_pairs([sign(image) for image in images])
    assert len(pairs) == 0
    assert len(similar_pairs([])[0]) == 0


@pytest.mark.parametrize(("seed", "i", "j"), [(10, 168, 362), (105, 199, 386), (100, 250, 397)])
def test_a_crescent_on_the_same_side_makes_no_copies(seed, i, j):
    # Small cells, cut out: little but the outline and the crescent of cytoplasm is left of them.
    cells = make_cells(36, 400, size=96, random_state=seed).images
    pairs, _ = similar_pairs([sign(cells[i]), sign(cells[j]), sign(_jpeg(cells[i], 98))])
    assert pairs.tolist() == [[0, 2]]


@pytest.mark.real_data
def test_copies_of_real_cut_out_cells_are_found(shared_data):
    from leukfeat.imaging import read_image

    cells = [read_image(str(path)) for path in sorted((shared_data / "cnmc").glob("*.bmp"))]
    changed = [
        *(_jpeg(image, 60) for image in cells),
        *(cv2.GaussianBlur(image, (0, 0), 1.0) for image in cells),
        *(np.clip(image * 1.08, 0, 255).astype(np.uint8) for image in cells),
        *(np.ascontiguousarray(np.rot90(image)) for image in cells),
    ]
    n = len(cells)
    pairs, _ = similar_pairs([sign(image) for image in [*cells, *changed]])
    found = {tuple(pair) for pair in pairs.tolist()}
    assert {(i, i + k * n) for i in range(n) for k in range(1, 5)} <= found
    assert all((a - b) % n == 0 for a, b in found)


def test_the_block_does_not_change_the_result(images):
    signatures = [sign(image) for image in [*images[:30], *images[:30]]]
    a, b = similar_pairs(signatures, block=7), similar_pairs(signatures, block=512)
    np.testing.assert_array_equal(a[0], b[0])
    np.testing.assert_allclose(a[1], b[1])
