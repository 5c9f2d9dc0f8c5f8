import copy
import json
import pickle
import resource
import time

import numpy as np
import pytest

from leukfeat.data import make_cells
from leukfeat.imaging.cropping import rescale, resize
from leukfeat.imaging.filters import invert, median_blur
from leukfeat.imaging.macenko import MacenkoNormalizer
from leukfeat.imaging.preparation import (
    PREPARATION_STEPS,
    PREPARATION_VERSION,
    Preparation,
    standardize_batch,
)
from leukfeat.imaging.preparation_file import read_preparation
from leukfeat.imaging.reinhard import ReinhardNormalizer


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(1, 256, (40, 40, 3), dtype=np.uint8)


def test_steps_run_in_order_and_leave_the_input_alone(image):
    before = image.copy()
    chain = Preparation(("median_blur", {"size": 5}), "invert", ("resize", {"size": [10, 12]}))
    expected = resize(invert(median_blur(image, size=5)), size=(10, 12))
    np.testing.assert_array_equal(chain(image), expected)
    np.testing.assert_array_equal(image, before)


def test_an_empty_chain_is_the_identity(image):
    np.testing.assert_array_equal(Preparation()(image), image)


def test_the_digest_tells_order_arguments_and_nothing_else():
    first = Preparation("invert", ("median_blur", {"size": 5}))
    assert first.digest == Preparation("invert", ("median_blur", {"size": 5})).digest
    others = [
        Preparation(("median_blur", {"size": 5}), "invert"),
        Preparation("invert", ("median_blur", {"size": 3})),
        Preparation("invert"),
        Preparation(),
    ]
    assert len({first.digest, *(other.digest for other in others)}) == 5


@pytest.mark.parametrize("kind", [ReinhardNormalizer, MacenkoNormalizer])
def test_a_fitted_normaliser_travels_with_the_chain(kind):
    rng = np.random.default_rng(0)
    images = [rng.integers(40, 240, (30, 30, 3), dtype=np.uint8) for _ in range(3)]
    fitted = kind().fit(images)
    chain = Preparation(fitted, "gray_world")
    restored = Preparation.from_json(chain.to_json())
    assert restored == chain
    assert restored.digest == chain.digest
    assert hash(restored) == hash(chain)
    np.testing.assert_array_equal(restored(images[0]), chain(images[0]))
    assert chain.digest != Preparation(kind().fit(images[:1]), "gray_world").digest
    assert "fitted on 3 images" in repr(chain)


def test_it_is_frozen():
    with pytest.raises(AttributeError):
        Preparation("invert").steps = ()


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("sharpen", "sharpen"),
        (("invert", {"sigma": 2}), "no argument"),
        ("macenko", "fitted MacenkoNormalizer"),
        (("resize", {"size": np.zeros(2)}), "plain numbers"),
    ],
)
def test_a_wrong_step_is_refused_when_the_chain_is_made(step, message):
    with pytest.raises(ValueError, match=message):
        Preparation(step)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("median_blur", {"size": 100_000_001}),
        ("gaussian_blur", {"sigma": 1e4}),
        ("clahe", {"tiles": 100_000}),
        ("resize", {"size": [60_000, 60_000]}),
        ("resize", {"size": [1, 100_000_000]}),
        ("crop_window", {"side": 60_000}),
        ("crop_window", {"side_um": 1e6, "um_per_px": 0.1}),
        ("rescale", {"um_per_px": 1e6, "target_um_per_px": 0.1}),
    ],
)
def test_a_step_that_would_fill_memory_is_refused_before_it_is_tried(name, arguments, tmp_path):
    """A file from someone else is tried on a small image as soon as it is read."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    with pytest.raises(ValueError, match=rf"'{name}' cannot be used with .* (at most|most) "):
        Preparation((name, arguments))
    path = tmp_path / "preparation.json"
    path.write_text(json.dumps({"version": 1, "steps": [[name, arguments]]}))
    with pytest.raises(ValueError, match=r"preparation\.json"):
        read_preparation(path)
    assert time.process_time() - start < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_the_largest_that_a_step_may_be_given_is_taken():
    largest = {"median_blur": {"size": 255}, "gaussian_blur": {"sigma": 1001}}
    largest |= {"clahe": {"tiles": 256}, "resize": {"size": [4096, 9]}}
    for name, arguments in largest.items():
        assert len(Preparation((name, arguments)).steps) == 1
    with pytest.raises(ValueError, match="at most 100 steps"):
        Preparation(*["invert"] * 101)


def test_an_enlarged_field_keeps_the_limit_of_pixels():
    with pytest.raises(ValueError, match=r"16000 x 16000 pixels.*100000000"):
        rescale(np.zeros((1000, 1000, 3), np.uint8), um_per_px=1.6, target_um_per_px=0.1)


def test_a_preparation_file_of_a_megabyte_is_refused(tmp_path):
    path = tmp_path / "p.json"
    path.write_text(" " * (1 << 20) + Preparation("invert").to_json())
    with pytest.raises(ValueError, match=r"p\.json.*more than 1048576 bytes"):
        read_preparation(path)


@pytest.mark.parametrize("step", ["invert", "gaussian_blur", "median_blur", "clahe"])
def test_filters_leave_a_black_background_black(image, step):
    image[:, :20] = image[5:35:7, 30] = 0
    black = (image == 0).all(axis=2)
    for chain in (Preparation(step), Preparation("gray_world", step)):
        assert not chain(image)[black].any()
        assert Preparation.from_json(chain.to_json()) == chain
    assert Preparation((step, {"keep_background": False}))(image)[black].any()
    # What an older leukfeat wrote gives the pixels that it gave.
    old = Preparation.from_json(json.dumps({"version": 1, "steps": [[step, {}]]}))
    assert old(image)[black].any()
    assert json.loads(old.to_json())["version"] == 1
    assert old != Preparation(step)


def test_a_chain_without_filters_keeps_its_digest():
    given = '{"steps":[["gray_world",{}]],"version":1}'
    assert Preparation("gray_world").to_json() == given
    assert Preparation.from_json(given.replace("1", "2")).to_json() == given


def test_a_chain_can_be_pickled_and_copied(image):
    fitted = ReinhardNormalizer().fit([np.maximum(image, 40)])
    for chain in (Preparation("clahe", fitted), Preparation(), Preparation("gray_world")):
        for other in (pickle.loads(pickle.dumps(chain)), copy.deepcopy(chain)):
            assert other == chain
            np.testing.assert_array_equal(other(image), chain(image))


@pytest.mark.parametrize(
    "step", [("gray_world", "clahe"), ["gray_world", None], ("invert", {}, {}), (3, {}), ()]
)
def test_what_is_no_step_is_told(step):
    with pytest.raises(ValueError, match="must be a name and a dict"):
        Preparation(step)


def test_a_chain_of_a_newer_version_is_refused():
    content = json.loads(Preparation("invert").to_json())
    content["version"] = PREPARATION_VERSION + 1
    with pytest.raises(ValueError, match="newer leukfeat"):
        Preparation.from_json(json.dumps(content))
    with pytest.raises(ValueError, match="not a preparation"):
        Preparation.from_json("[]")


def test_every_plain_step_runs_by_its_name(image):
    arguments = {"crop_window": {"side": 20}, "resize": {"size": [8, 8]}}
    arguments["rescale"] = {"um_per_px": 0.1, "target_um_per_px": 0.2}
    for name in PREPARATION_STEPS:
        if name not in ("reinhard", "macenko"):
            shown = image
            if name == "cut_out_cell":  # noise is no cell, and cutting one out says so
                shown = make_cells(2, 4, size=64, random_state=0).images[0]
            out = Preparation((name, arguments.get(name, {})))(shown)
            assert out.dtype == np.uint8, name


def test_batch_standardisation(image):
    batch = standardize_batch([image, invert(image)])
    np.testing.assert_allclose(batch.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(batch.std(axis=(0, 1, 2)), 1, atol=1e-5)
    assert "standardize" not in " ".join(PREPARATION_STEPS)
    with pytest.raises(ValueError, match="one size"):
        standardize_batch([image, image[:5]])
    with pytest.raises(ValueError, match="no image"):
        standardize_batch([])
