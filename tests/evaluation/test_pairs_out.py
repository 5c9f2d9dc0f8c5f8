import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from leukfeat import FeatureSet
from leukfeat.evaluation import leave_pair_out_auroc


def test_it_is_the_mean_over_pairs_by_brute_force(make_features):
    cells = make_features(n_subjects=8)
    found = leave_pair_out_auroc(cells, LogisticRegression())
    names = sorted(set(cells.subjects))
    of = {name: int(cells.y[cells.subjects == name][0]) for name in names}
    areas = []
    for a in names:
        for b in names:
            if of[a] == 1 and of[b] == 0:
                out = np.isin(cells.subjects, [a, b])
                model = LogisticRegression().fit(cells.X[~out], cells.y[~out])
                areas.append(roc_auc_score(cells.y[out], model.decision_function(cells.X[out])))
    assert len(areas) == 16
    assert found.estimate == pytest.approx(np.mean(areas))
    assert found.n_subjects == 8
    assert found.low < found.estimate < found.high


def test_some_pairs_will_do(make_features):
    cells = make_features(n_subjects=12)
    some = leave_pair_out_auroc(cells, LogisticRegression(), max_pairs=20)
    assert abs(some.estimate - leave_pair_out_auroc(cells, LogisticRegression()).estimate) < 0.1


def test_without_signal_it_is_one_half_where_pooling_is_below():
    """Airola et al.: a pooled cross-validation of noise is pulled down by the folds' base rates."""
    found = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        of = np.repeat(np.arange(10), 4)
        cells = FeatureSet(rng.normal(size=(40, 2)), of % 2, subjects=of.astype(str))
        found.append(leave_pair_out_auroc(cells, LogisticRegression()).estimate)
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)


def test_what_cannot_be_asked(features, make_features):
    with pytest.raises(ValueError, match="needs the subject"):
        leave_pair_out_auroc(make_features(subjects=False), LogisticRegression())
    mixed = FeatureSet(features.X, features.y, subjects=["one", *features.subjects[1:-1], "one"])
    mixed.y = mixed.y.copy()
    mixed.y[0], mixed.y[-1] = 0, 1
    with pytest.raises(ValueError, match="'one' holds cells of both classes"):
        leave_pair_out_auroc(mixed, LogisticRegression())
    many = make_features(classes=("a", "b", "c"))
    with pytest.raises(ValueError, match="Two classes are needed"):
        leave_pair_out_auroc(many, LogisticRegression())


def test_sizes_that_cannot_be(make_features):
    cells = make_features(n_subjects=8)
    for wrong in (0, -1, 2.5):
        with pytest.raises(ValueError, match=rf"'max_pairs' .*1 or more. Got {wrong}.*all pairs"):
            leave_pair_out_auroc(cells, LogisticRegression(), max_pairs=wrong)
    with pytest.raises(ValueError, match=r"Did you mean 0.95\?"):
        leave_pair_out_auroc(cells, LogisticRegression(), level=95)
    partly = make_features(n_subjects=8)
    partly.subjects = np.where(partly.subjects == "A1", None, partly.subjects)
    n = sum(subject is None for subject in partly.subjects)
    with pytest.raises(ValueError, match=rf"Got {n} of {len(partly)} without: fill them in"):
        leave_pair_out_auroc(partly, LogisticRegression())
    one = cells[(cells.y == 0) | (cells.subjects == "A1")]
    with pytest.raises(ValueError, match=r"'all' has one subject \(A1\).*Add subjects"):
        leave_pair_out_auroc(one, LogisticRegression())
