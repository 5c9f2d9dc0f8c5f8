"""oracle_score: the ceiling is real, and it is not 1."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from leukfeat.data.procedural import make_cells, oracle_score
from leukfeat.data.procedural.kinds import KIND_SHARES, KINDS, TRAIT_SPREAD, to_latent


@pytest.fixture(scope="module")
def cells():
    return make_cells(40, 1500, size=16, subject_shift=0)


def test_kinds_overlap(cells):
    assert 0.93 < roc_auc_score(cells.y, oracle_score(cells)) < 0.985


def test_the_score_is_the_log_likelihood_ratio_of_the_laws_that_cells_are_drawn_from(cells):
    frame = cells.frame.head(25)
    traits = frame[[f"true_{n}" for n in (
        "nucleus_um", "nc_ratio", "grain_um", "contrast", "clumping", "cleft", "irregularity",
        "basophilia", "density")]].to_numpy()  # fmt: skip
    likelihood = np.zeros((2, len(frame)))
    for kind, share in zip(KINDS, KIND_SHARES.T, strict=True):
        p = stats.norm(to_latent(np.array(kind.typical)), TRAIT_SPREAD).pdf(to_latent(traits))
        p = p.prod(axis=1) * np.array(kind.nucleoli)[frame["true_nucleoli"]]
        p *= stats.poisson(kind.vacuoles).pmf(frame["true_vacuoles"])
        likelihood += share[:, None] * p
    expected = np.log(likelihood[1]) - np.log(likelihood[0])
    np.testing.assert_allclose(oracle_score(cells)[:25], expected, rtol=1e-6)


def test_the_odds_are_calibrated(cells):
    # Among cells with odds near even, the classes are as the odds say.
    p = 1 / (1 + np.exp(-(oracle_score(cells) + np.log(cells.y.mean() / (1 - cells.y.mean())))))
    for low, high in [(0.0, 0.2), (0.2, 0.8), (0.8, 1.0)]:
        here = (p >= low) & (p < high)
        assert abs(cells.y[here].mean() - p[here].mean()) < 0.06


def test_it_can_be_had_from_a_selection_and_from_the_frame(cells):
    some = cells[::7]
    np.testing.assert_allclose(oracle_score(some), cells.column("true_log_odds")[::7])
    np.testing.assert_allclose(oracle_score(some.frame), oracle_score(some))


def test_shares_of_kinds_add_up_to_one():
    np.testing.assert_allclose(KIND_SHARES.sum(axis=1), 1)
    assert all(abs(sum(kind.nucleoli) - 1) < 1e-12 for kind in KINDS)


def test_other_cells_have_no_truth(cells):
    frame = cells.frame.drop(columns="true_grain_um")
    with pytest.raises(ValueError, match=r"needs the columns \['true_grain_um'\]"):
        oracle_score(frame)
    with pytest.raises(ValueError, match=r"'cells' parameter of oracle_score.*Got ndarray"):
        oracle_score(np.zeros((3, 3)))
