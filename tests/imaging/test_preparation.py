import json

import numpy as np
import pytest

from leukfeat.imaging.cropping import resize
from leukfeat.imaging.filters import invert, median_blur
from leukfeat.imaging.macenko import MacenkoNormalizer
from leukfeat.imaging.preparation import PREPARATION_STEPS, Preparation, standardize_batch
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


def test_a_chain_of_a_newer_version_is_refused():
    content = json.loads(Preparation("invert").to_json())
    content["version"] += 1
    with pytest.raises(ValueError, match="newer leukfeat"):
        Preparation.from_json(json.dumps(content))
    with pytest.raises(ValueError, match="not a preparation"):
        Preparation.from_json("[]")


def test_every_plain_step_runs_by_its_name(image):
    arguments = {"crop_window": {"side": 20}, "resize": {"size": [8, 8]}}
    arguments["rescale"] = {"um_per_px": 0.1, "target_um_per_px": 0.2}
    for name in PREPARATION_STEPS:
        if name not in ("reinhard", "macenko"):
            out = Preparation((name, arguments.get(name, {})))(image)
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
