import pytest
from scipy import stats

from leukfeat.metrics import clopper_pearson, wilson


@pytest.mark.parametrize(("k", "n"), [(0, 7), (3, 7), (7, 7), (150, 200)])
def test_both_agree_with_scipy(k, n):
    for ours, method in ((clopper_pearson(k, n, 0.9), "exact"), (wilson(k, n, 0.9), "wilson")):
        theirs = stats.binomtest(k, n).proportion_ci(0.9, method)
        assert (ours.low, ours.high) == (pytest.approx(theirs.low), pytest.approx(theirs.high))
        assert ours.estimate == k / n


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match="Got 8 of 7"):
        wilson(8, 7)
    with pytest.raises(ValueError, match=r"'trials' .*1 or more. Got 0"):
        clopper_pearson(0, 0)
