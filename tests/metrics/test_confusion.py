import numpy as np
import pytest
from sklearn import metrics as sk

from leukfeat import metrics as lm


@pytest.fixture(params=[2, 3, 5])
def drawn(request):
    rng = np.random.default_rng(request.param)
    y = rng.integers(0, request.param, 300)
    predicted = np.where(rng.random(300) < 0.7, y, rng.integers(0, request.param, 300))
    return y, predicted, rng.integers(0, 20, 300), request.param


def test_scores_agree_with_scikit_learn(drawn):
    y, predicted, codes, n = drawn
    tables = lm.confusion_by_subject(y, predicted, codes, n_classes=n, n_subjects=20)
    table = tables.sum(0)
    np.testing.assert_array_equal(table, sk.confusion_matrix(y, predicted))
    assert lm.accuracy(table) == pytest.approx(sk.accuracy_score(y, predicted))
    assert lm.balanced_accuracy(table) == pytest.approx(sk.balanced_accuracy_score(y, predicted))
    for average in ("weighted", "macro"):
        expected = sk.f1_score(y, predicted, average=average)
        assert lm.f1_score(table, average) == pytest.approx(expected)
    assert lm.matthews_correlation(table) == pytest.approx(sk.matthews_corrcoef(y, predicted))
    for c in range(n):
        positive, called = y == c, predicted == c
        assert lm.sensitivity(table, c) == pytest.approx(sk.recall_score(positive, called))
        assert lm.specificity(table, c) == pytest.approx(sk.recall_score(~positive, ~called))
        assert lm.precision(table, c) == pytest.approx(sk.precision_score(positive, called))
        expected = sk.precision_score(~positive, ~called)
        assert lm.negative_predictive_value(table, c) == pytest.approx(expected)


def test_a_stack_of_tables_gives_the_score_of_each(drawn):
    y, predicted, codes, n = drawn
    tables = lm.confusion_by_subject(y, predicted, codes, n_classes=n, n_subjects=20)
    for score in (lm.accuracy, lm.balanced_accuracy, lm.f1_score, lm.matthews_correlation):
        each = [float(score(table)) for table in tables]
        np.testing.assert_allclose(score(tables), each)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")
def test_missing_classes_follow_scikit_learn():
    y, predicted = np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1])
    table = lm.confusion_by_subject(y, predicted, y, n_classes=3, n_subjects=1)[0]
    assert lm.balanced_accuracy(table) == sk.balanced_accuracy_score(y, predicted)
    assert lm.matthews_correlation(table) == sk.matthews_corrcoef(y, predicted)
    assert lm.f1_score(table, "macro") == pytest.approx(sk.f1_score(y, predicted, average="macro"))
    assert np.isnan(lm.sensitivity(table, 1))
    assert lm.specificity(table, 1) == 0.75


def test_an_unknown_average_is_refused():
    with pytest.raises(ValueError, match=r"'average' must be .* Got 'micro'"):
        lm.f1_score(np.eye(2), "micro")
