import numpy as np
import pytest
from scipy import special
from sklearn import metrics as sk

from leukfeat.metrics import figures_of_merit


def _cells(rng, n_subjects=30, n_classes=2, mixed=False):
    sizes = rng.integers(5, 60, n_subjects)
    subjects = np.repeat([f"S{i}" for i in range(n_subjects)], sizes)
    of = np.repeat(np.arange(n_subjects), sizes)
    y = rng.integers(0, n_classes, len(of)) if mixed else of % n_classes
    logits = 1.5 * np.eye(n_classes)[y] + rng.normal(size=(n_subjects, n_classes))[of]
    proba = special.softmax(logits + rng.normal(size=logits.shape), axis=1)
    return y, proba.argmax(1), proba, subjects


def test_binary_figures_are_scikit_learns():
    y, predicted, proba, subjects = _cells(np.random.default_rng(0))
    figures = figures_of_merit(y, predicted, proba, subjects)
    expected = {
        "accuracy": sk.accuracy_score(y, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(y, predicted),
        "weighted_f1": sk.f1_score(y, predicted, average="weighted"),
        "macro_f1": sk.f1_score(y, predicted, average="macro"),
        "mcc": sk.matthews_corrcoef(y, predicted),
        "sensitivity": sk.recall_score(y, predicted),
        "specificity": sk.recall_score(y, predicted, pos_label=0),
        "precision": sk.precision_score(y, predicted),
        "auroc": sk.roc_auc_score(y, proba[:, 1]),
        "auprc": sk.average_precision_score(y, proba[:, 1]),
    }
    assert {k: pytest.approx(v.estimate) for k, v in figures.items()} == expected
    assert figures["sensitivity"].interval().n_subjects == 15
    assert figures["sensitivity"].interval().n_cells == (y == 1).sum()
    assert figures["auroc"].interval().n_subjects == 30


def test_the_first_class_may_be_the_positive_one():
    y, predicted, proba, subjects = _cells(np.random.default_rng(1))
    figures = figures_of_merit(y, predicted, proba, subjects, positive=0)
    assert figures["sensitivity"].estimate == pytest.approx(sk.recall_score(y == 0, predicted == 0))
    assert figures["auroc"].estimate == pytest.approx(sk.roc_auc_score(y == 0, proba[:, 0]))


def test_many_classes_are_each_against_the_rest():
    y, predicted, proba, subjects = _cells(np.random.default_rng(2), n_classes=3)
    figures = figures_of_merit(
        y, predicted, proba, subjects, class_names=["a", "b", "c"], positive=None
    )
    each = [figures[f"auroc[{c}]"].estimate for c in "abc"]
    assert figures["auroc"].estimate == pytest.approx(np.mean(each))
    theirs = sk.roc_auc_score(y, proba, multi_class="ovr", average="macro")
    assert figures["auroc"].estimate == pytest.approx(theirs)
    assert figures["sensitivity[b]"].estimate == pytest.approx((predicted == 1)[y == 1].mean())
    assert figures["auprc"].interval().known


def test_over_subjects_every_subject_counts_the_same():
    y, predicted, proba, subjects = _cells(np.random.default_rng(3))
    figures = figures_of_merit(y, predicted, proba, subjects, over="subjects")
    mean = np.mean([(predicted == 1)[subjects == s].mean() for s in set(subjects[y == 1])])
    assert figures["sensitivity"].estimate == pytest.approx(mean)
    right = np.mean([(predicted == y)[subjects == s].mean() for s in set(subjects)])
    assert figures["accuracy"].estimate == pytest.approx(right)
    assert set(figures) == {"accuracy", "balanced_accuracy", "sensitivity", "specificity", "auroc"}
    interval = figures["sensitivity"].interval()
    assert interval.dof == pytest.approx(14)


def test_without_is_what_is_computed_without_the_subject():
    y, predicted, proba, subjects = _cells(np.random.default_rng(4), n_subjects=12, mixed=True)
    names = sorted(set(subjects))
    for over in ("cells", "subjects"):
        figures = figures_of_merit(y, predicted, proba, subjects, over=over)
        for i in (0, 7):
            keep = subjects != names[i]
            again = figures_of_merit(
                y[keep], predicted[keep], proba[keep], subjects[keep], over=over
            )
            for name, figure in figures.items():
                assert figure.without[i] == pytest.approx(again[name].estimate), name


def test_without_subjects_cells_are_the_units_and_it_is_said():
    y, predicted, proba, subjects = _cells(np.random.default_rng(5))
    naive = figures_of_merit(y, predicted, proba)
    by_subject = figures_of_merit(y, predicted, proba, subjects)
    for name in naive:
        a, b = naive[name].interval(), by_subject[name].interval()
        assert a.estimate == pytest.approx(b.estimate)
        assert a.width < b.width
        assert "no subjects" in a.note
    n, p = len(y), naive["accuracy"].estimate
    wald = 2 * 1.96 * (p * (1 - p) / n) ** 0.5
    assert naive["accuracy"].interval().width == pytest.approx(wald, rel=0.02)


def test_perfect_predictions_have_a_bound_by_subject():
    y = np.repeat([0, 1], 60)
    subjects = np.arange(120) // 6
    for name, figure in figures_of_merit(y, y, np.eye(2)[y], subjects).items():
        interval = figure.interval()
        assert interval.high == 1, name
        bound = 0.025 ** (1 / 10)
        assert interval.low == pytest.approx(2 * bound - 1 if name == "mcc" else bound), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": [0, 2]}, r"'y' must hold classes from 0 to 1"),
        ({"y": [0, -1]}, r"leave unlabelled cells out"),
        ({"predicted": [0]}, r"same length"),
        ({"probabilities": [[0.1], [0.2]]}, r"'probabilities' must have shape \(2, 2\)"),
        ({"over": "patients"}, r"'over' must be 'cells' or 'subjects'. Got 'patients'"),
        ({"over": "subjects"}, r"needs 'subjects'"),
    ],
)
def test_bad_arguments_are_named(change, message):
    arguments = {"y": [0, 1], "predicted": [0, 1], **change}
    with pytest.raises(ValueError, match=message):
        figures_of_merit(**arguments)


def test_coverage_at_uneven_subject_sizes():
    """A quick check; benchmarks/coverage.py is the study."""
    rng = np.random.default_rng(6)
    sizes = np.array([9, 18, 20, 29, 36, 50, 100, 119, 162, 327, 385, 405])
    hits = {"cells": 0, "subjects": 0, "naive": 0}
    for _ in range(300):
        n = rng.choice(sizes, 15)
        p = rng.beta(3.7, 1.5, 15)
        subjects = np.repeat(np.arange(15), n)
        predicted = (rng.random(len(subjects)) >= p[subjects]).astype(int)
        y = np.zeros(len(subjects), int)
        truth = 3.7 / 5.2
        for over in ("cells", "subjects"):
            figure = figures_of_merit(y, predicted, None, subjects, over=over)["specificity"]
            hits[over] += truth in figure.interval()
        hits["naive"] += truth in figures_of_merit(y, predicted)["specificity"].interval()
    assert 0.91 <= hits["cells"] / 300 <= 0.985
    assert 0.91 <= hits["subjects"] / 300 <= 0.985
    assert hits["naive"] / 300 < 0.5
