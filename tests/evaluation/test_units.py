"""What intervals count: subjects, unless some of them are one."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from leukfeat import FeatureSet, cross_validate_heads, evaluate, fit_head


def _with(features, **changed):
    given = {
        "subjects": features.subjects,
        "ids": features.ids,
        "class_names": features.class_names,
        "positive": "all",
    }
    return FeatureSet(features.X, features.y, **(given | changed))


@pytest.fixture(scope="module")
def twice(make_features):
    """Every subject a second time under another name, in one declared group with the first."""
    features = make_features(n_subjects=16)
    names = np.concatenate([features.subjects, [f"{s}-again" for s in features.subjects]])
    rng = np.random.default_rng(1)
    X = np.concatenate([features.X, features.X + rng.normal(0, 0.01, features.X.shape)])
    y = np.concatenate([features.y, features.y])
    groups = np.concatenate([features.subjects, features.subjects])
    shared = {"class_names": features.class_names, "positive": "all"}
    apart = FeatureSet(X, y, subjects=names, **shared)
    return features, apart, FeatureSet(X, y, subjects=names, groups=groups, **shared)


@pytest.mark.filterwarnings("ignore:leak:leukfeat.exceptions.LeakageWarning")
def test_subjects_of_one_group_are_one_unit(twice):
    once, apart, together = twice
    widths = []
    for cells in (once, apart, together):
        head = fit_head(cells, "naive_bayes")
        result = evaluate(head, cells, allow_training_cells=True)
        found = result["balanced_accuracy"]
        widths.append((found.high - found.low, found.n_subjects))
    assert widths[2][0] == pytest.approx(widths[0][0], rel=0.15)
    assert widths[1][0] < 0.85 * widths[0][0], "counted apart the interval is too short"
    assert [n for _, n in widths] == [16, 32, 16]
    assert result.predictions.n_subjects == 32
    assert "32 subjects are 16 groups" in result.to_markdown()
    assert "intervals by group" in result.to_markdown()


def test_the_same_in_cross_validation(twice):
    _, _, together = twice
    comparison = cross_validate_heads(together, GaussianNB(), n_splits=2)
    assert comparison["GaussianNB"]["auroc"].n_subjects == 16
    assert comparison["GaussianNB"].controls["majority"].predictions.unit == "group"
    assert "by group" in comparison.differences()["test"].iloc[0]


def test_without_subjects_what_is_kept_together_is_counted(make_features):
    features = make_features(subjects=False)
    block = np.arange(len(features)) // 20
    cells = _with(features, ids=None, columns=pd.DataFrame({"block": block}))
    result = cross_validate_heads(cells, GaussianNB(), by="block")
    notes = " / ".join(result.notes)
    assert "cells of one patient may stand on both sides (cells of one 'block'" in notes
    assert "intervals are by 'block'" in notes
    assert result["GaussianNB"]["auroc"].n_subjects == len(set(block))


def test_equal_rows_of_a_bare_array_stay_on_one_side():
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(60, 5)), 3, axis=0)
    y = np.repeat(rng.integers(0, 2, 60), 3)
    found = cross_validate_heads(X, {"nn": KNeighborsClassifier(1)}, y)["nn"]["auroc"]
    assert found.estimate < 0.7, "noise is no knowledge"
    head = fit_head(X, y, "naive_bayes")
    fold, row = head.out_of_fold_["fold"], head.out_of_fold_["row"]
    for first in range(0, len(X), 3):
        assert len(set(fold[np.isin(row, [first, first + 1, first + 2])])) == 1


def test_a_bare_array_of_the_training_is_known_again():
    from leukfeat.exceptions import LeakageError

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 5)), np.repeat([0, 1], 30)
    head = fit_head(X, y, "naive_bayes")
    with pytest.raises(LeakageError, match="60 test images are identical"):
        evaluate(head, X, y)


def test_classes_are_matched_by_name_and_never_by_place(make_features):
    features = make_features(n_subjects=24)
    half = np.isin(features.subjects, np.unique(features.subjects)[::2])
    head = fit_head(features[half], "naive_bayes")
    test = features[~half]
    right = evaluate(head, test)["auroc"].estimate
    for names, turned in ((("ALL", "HEM"), 1 - test.y), (("leukemia", "normal"), 1 - test.y)):
        other = FeatureSet(test.X, turned, subjects=test.subjects, class_names=names)
        with pytest.raises(ValueError, match=r"knows the classes .*rename_classes"):
            evaluate(head, other)
    turned = FeatureSet(
        test.X, 1 - test.y, subjects=test.subjects, class_names=("all", "hem"), positive="all"
    )
    assert evaluate(head, turned)["auroc"].estimate == right > 0.5


@pytest.mark.filterwarnings("ignore:leak:leukfeat.exceptions.LeakageWarning")
def test_a_test_that_lacks_classes_is_not_shifted(make_features):
    many = make_features(n_subjects=30, classes=("a", "b", "c"), effect=6.0)
    head = fit_head(many, "naive_bayes")
    kept = many.y > 0
    fewer = FeatureSet(
        many.X[kept], many.y[kept] - 1, subjects=many.subjects[kept], class_names=("b", "c")
    )
    result = evaluate(head, fewer, allow_training_cells=True)
    assert result["accuracy"].estimate > 0.9
    assert result.predictions.class_names == ("b", "c", "a")


def test_the_positive_class_is_named_and_its_guess_is_said(make_features):
    features = make_features(n_subjects=16)
    told = cross_validate_heads(features, GaussianNB(), n_splits=2)
    assert "positive class: all" in told.to_markdown()
    assert not any("positive class was not given" in note for note in told.notes)
    sorted_names = _with(features, class_names=("all", "hem"), positive=None)
    guessed = cross_validate_heads(sorted_names, GaussianNB(), n_splits=2)
    assert "positive class: hem" in guessed.to_markdown()
    assert any("'hem', the last by name, is taken" in note for note in guessed.notes)


def test_given_labels_keep_the_names_of_the_features(make_features):
    features = _with(make_features(n_subjects=16), class_names=("all", "hem"))
    same = fit_head(features, features.y.copy(), "naive_bayes")
    assert same.positive_ == fit_head(features, "naive_bayes").positive_ == 0
    assert same.class_names_ == ("all", "hem")


def test_subjects_are_the_same_as_numbers_and_as_text(make_features):
    from leukfeat.exceptions import LeakageError

    features = make_features(n_subjects=12)
    number = np.array([int(s[1:]) for s in features.subjects])
    head = fit_head(_with(features, subjects=number, ids=None), "naive_bayes")
    few = features[:40]
    floats = number[:40].astype(float)
    floats[0] = np.nan
    moved = FeatureSet(
        few.X + 1, few.y, subjects=floats, class_names=few.class_names, positive="all"
    )
    with pytest.raises(LeakageError, match=r"test subjects were in training .*prefix_subjects"):
        evaluate(head, moved)


def test_folds_of_ones_own_are_said(make_features):
    from sklearn.model_selection import GridSearchCV

    features = make_features(n_subjects=16)
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2)
    notes = cross_validate_heads(features, {"search": search}, n_splits=2).notes
    assert any("search divides its training cells by folds of its own" in note for note in notes)


def test_cells_without_subject_are_told_from_subjects(make_features):
    features = make_features(n_subjects=24)
    lost = np.isin(features.subjects, ["A1", "H2"])
    partly = _with(features, subjects=np.where(lost, None, features.subjects))
    heads = {"nb": GaussianNB(), "lr": LogisticRegression()}
    comparison = cross_validate_heads(partly, heads, n_splits=3, n_repeats=2)
    result = comparison["nb"]
    n = int(lost.sum())
    assert (result.predictions.n_subjects, result.predictions.n_without_subject) == (22, n)
    found = result["balanced_accuracy"]
    assert (found.n_subjects, found.n_without_subject) == (22, n)
    assert f"of 22 subjects and {n} without subject" in result.to_markdown()
    assert f"{n} cells without subject each count as a subject" in result.to_markdown()
    assert result.to_dict()["n_without_subject"] == n
    page = result.to_html()
    assert f"11 and {int((lost & (features.y == 1)).sum())} cells without" in page
    # Their cells take part in the tests of differences, once for all repeats.
    units = result.predictions.single_units
    assert len(set(units)) == 22 + n
    table = comparison.differences("balanced_accuracy", over="subjects")
    assert table["test"].iloc[0] == "signs flipped by subject"
