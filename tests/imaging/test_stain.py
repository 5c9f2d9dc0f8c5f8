import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from leukfeat.imaging.macenko import MacenkoNormalizer
from leukfeat.imaging.reinhard import ReinhardNormalizer

AZURE, EOSIN = np.array([0.62, 0.72, 0.31]), np.array([0.10, 0.72, 0.69])


def smear(seed, *, azure=AZURE, eosin=EOSIN, strength=1.0, background=(240, 235, 225)):
    """Draw a field by Beer-Lambert: nuclei of azure, red cells of eosin, empty background."""
    rng = np.random.default_rng(seed)
    amounts = np.zeros((80, 80, 2))
    rows, columns = np.mgrid[:80, :80]
    for dye, radius in ((0, 14), (1, 9), (1, 9), (1, 9), (0, 11)):
        r, c = rng.uniform(15, 65, 2)
        inside = (rows - r) ** 2 + (columns - c) ** 2 < radius**2
        amounts[inside, dye] += rng.uniform(0.7, 1.2, inside.sum())
    density = strength * amounts @ np.stack([azure, eosin])
    return np.rint(np.array(background) * np.exp(-density)).astype(np.uint8)


@pytest.fixture(scope="module")
def train():
    return [smear(seed) for seed in range(4)]


def test_macenko_finds_the_two_dyes(train):
    fitted = MacenkoNormalizer().fit(train)
    for found, true in zip(fitted.directions_, (AZURE, EOSIN), strict=True):
        assert found @ true / np.linalg.norm(true) > 0.995
    np.testing.assert_allclose(fitted.background_, (240, 235, 225), atol=1)


def test_macenko_undoes_another_stain_strength_and_light(train):
    fitted = MacenkoNormalizer().fit(train)
    other = {"azure": np.array([0.75, 0.62, 0.22]), "eosin": np.array([0.05, 0.8, 0.6])}
    same = fitted.normalize(smear(9)).astype(int)
    changed_input = smear(9, **other, strength=0.7, background=(230, 225, 170))
    changed = fitted.normalize(changed_input).astype(int)
    before = np.abs(smear(9).astype(int) - changed_input).mean()
    assert np.abs(same - changed).mean() < 0.15 * before


def test_macenko_keeps_the_directions_where_one_dye_is_in_view(train):
    fitted = MacenkoNormalizer().fit(train)
    nucleus = np.full((40, 40, 3), (240, 235, 225), np.uint8)
    amount = np.random.default_rng(0).uniform(0.6, 1.3, (20, 20, 1))
    nucleus[10:30, 10:30] = np.rint(np.array([240, 235, 225]) * np.exp(-amount * AZURE))
    out = fitted.normalize(nucleus)
    assert np.abs(out.astype(int) - nucleus).max() < 60
    assert np.abs(out[:5].astype(int) - nucleus[:5]).max() <= 1


def test_reinhard_gives_the_training_moments(train):
    fitted = ReinhardNormalizer().fit(train)
    pale = [smear(seed, strength=0.6) for seed in range(4)]
    refitted = ReinhardNormalizer().fit(fitted.transform(pale))
    unchanged = ReinhardNormalizer().fit(pale)
    assert (
        np.abs(refitted.mean_ - fitted.mean_).max()
        < 0.35 * np.abs(unchanged.mean_ - fitted.mean_).max()
    )


@pytest.mark.parametrize("kind", [ReinhardNormalizer, MacenkoNormalizer])
def test_the_digest_is_of_what_was_learnt(kind, train):
    first, again = kind().fit(train), kind().fit(train)
    assert first.digest_ == again.digest_
    assert first.digest_ != kind().fit(train[:2]).digest_
    restored = kind.from_fitted(first.get_fitted())
    assert restored.digest_ == first.digest_
    np.testing.assert_array_equal(restored.normalize(train[0]), first.normalize(train[0]))


@pytest.mark.parametrize("kind", [ReinhardNormalizer, MacenkoNormalizer])
def test_an_image_does_not_depend_on_its_neighbours(kind, train):
    fitted = kind().fit(train)
    together = fitted.transform([smear(7), smear(8)])
    np.testing.assert_array_equal(together[0], fitted.transform([smear(7)])[0])


@pytest.mark.parametrize("kind", [ReinhardNormalizer, MacenkoNormalizer])
def test_cut_out_background_and_empty_images_stay(kind, train):
    fitted = kind().fit(train)
    cut = smear(5)
    cut[:20] = 0
    out = fitted.normalize(cut)
    np.testing.assert_array_equal(out.any(axis=2), cut.any(axis=2))
    for empty in (np.zeros((5, 5, 3), np.uint8), np.full((5, 5, 3), 230, np.uint8)):
        np.testing.assert_array_equal(fitted.normalize(empty), empty)


@pytest.mark.parametrize("kind", [ReinhardNormalizer, MacenkoNormalizer])
def test_scikit_learn_conventions(kind, train):
    with pytest.raises(NotFittedError):
        kind().transform(train)
    with pytest.raises(ValueError, match="no stained pixel"):
        kind().fit([np.full((5, 5, 3), 240, np.uint8)])
    assert clone(kind().fit(train)).get_params() == kind().get_params()
    assert len(make_pipeline(kind()).fit(train).transform(train)) == 4


def test_macenko_says_what_is_wrong(train):
    with pytest.raises(ValueError, match="'percentile'"):
        MacenkoNormalizer(percentile=60).fit(train)
    one_colour = np.full((20, 20, 3), 240, np.uint8)
    one_colour[:4] = (90, 40, 140)
    with pytest.raises(ValueError, match="one colour"):
        MacenkoNormalizer().fit([one_colour])
