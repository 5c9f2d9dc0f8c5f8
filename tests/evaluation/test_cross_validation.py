import json

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from leukfeat import FeatureSet, Head, cross_validate_heads, register_head
from leukfeat.evaluation import Evaluation, Predictions
from leukfeat.evaluation.cross_validation import out_of_fold
from leukfeat.evaluation.differences import paired_difference
from leukfeat.exceptions import LeakageError
from leukfeat.heads import registry as registry_module
from leukfeat.splitting.splitters import make_splits


@pytest.fixture(scope="module")
def compared(features):
    return cross_validate_heads(
        features, ["logistic_regression", GaussianNB()], n_splits=4, tune=False, cv=3
    )


def test_every_cell_is_predicted_once_a_repeat(features):
    comparison = cross_validate_heads(features, {"nb": GaussianNB()}, n_repeats=2, n_splits=3)
    p = comparison["nb"].predictions
    assert len(p) == 2 * len(features)
    for repeat in (0, 1):
        np.testing.assert_array_equal(
            np.sort(p.cells[p.repeat == repeat]), np.arange(len(features))
        )
    np.testing.assert_array_equal(p.y, features.y[p.cells])
    assert p.n_cells == len(features)
    assert "mean of 2 repeats" in comparison.to_markdown()
    each = p.repeats
    areas = [(part.predicted == part.y).mean() for part in each]
    assert comparison["nb"]["accuracy"].estimate == pytest.approx(np.mean(areas))


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_bar_counts_the_splits_and_changes_nothing(features, capsys, n_jobs):
    given = {"n_splits": 3, "n_jobs": n_jobs}
    silent = cross_validate_heads(features, {"nb": GaussianNB()}, **given)
    assert capsys.readouterr().err == ""
    shown = cross_validate_heads(features, {"nb": GaussianNB()}, progress=True, **given)
    told = capsys.readouterr().err
    assert "nb" in told
    assert "3/3" in told
    pd.testing.assert_frame_equal(shown.to_frame(), silent.to_frame())


def test_no_subject_is_on_both_sides(features):
    seen = []

    class Spy(GaussianNB):
        def fit(self, X, y):
            seen.append({tuple(row) for row in np.asarray(X)})
            return super().fit(X, y)

    splits = make_splits(features, n_splits=3)
    out_of_fold(features, {"spy": Spy()}, splits)
    assert len(seen) == 3
    for split, rows in zip(splits, seen, strict=True):
        train = set(features.subjects[split.train])
        assert not train & set(features.subjects[split.test])
        assert rows == {tuple(row) for row in features.X[split.train]}


def test_the_control_heads_stand_beside_every_head(compared):
    assert list(compared.controls) == ["majority", "colour only", "size only"]
    assert list(compared.table.index) == [
        "logistic_regression",
        "GaussianNB",
        "majority",
        "colour only",
        "size only",
    ]
    assert compared["GaussianNB"].controls["size only"]["auroc"].estimate < 0.7
    assert compared["majority"]["auroc"].estimate == 0.5, "pooled folds must not order cells"
    assert "colour only" in compared.to_markdown()
    assert "colour only" in compared._repr_html_()
    assert compared.best() in compared.results


def test_features_without_controls_say_so(features):
    bare = FeatureSet(features.X, features.y, subjects=features.subjects)
    comparison = cross_validate_heads(bare, GaussianNB())
    assert list(comparison.controls) == ["majority"], "class sizes are always known"
    assert any("no colour-only and size-only heads" in note for note in comparison.notes)


def test_plain_classifiers_have_control_heads_beside_them_too(features, compared):
    comparison = cross_validate_heads(features, GaussianNB())
    assert list(comparison.controls) == list(compared.controls)
    with_head = cross_validate_heads(features, Head("naive_bayes", tune=False))
    for name in comparison.controls:
        ours, theirs = comparison[name].predictions, with_head[name].predictions
        np.testing.assert_array_equal(ours.predicted, theirs.predicted)


def test_what_is_kept_together_outside_is_kept_together_inside(features):
    class Told(LogisticRegression):
        def check_spec(self, X):
            pass

        def fit(self, X, y=None, groups=None):
            told.append(set(groups))
            return super().fit(np.asarray(X), X.y)

    told = []
    ward = np.array([f"W{int(s[1:]) // 4}" for s in features.subjects], object)
    with_wards = FeatureSet(
        features.X,
        features.y,
        subjects=features.subjects,
        class_names=features.class_names,
        columns=pd.DataFrame({"ward": ward}),
    )
    cross_validate_heads(with_wards, Told(), by="ward", n_splits=2)
    assert len(told) == 2
    assert told[0] | told[1] == set(ward)
    assert not told[0] & told[1]


def test_what_a_head_says_of_its_training_is_said_of_the_comparison(features):
    heads = [Head("naive_bayes", split="random")]
    notes = " / ".join(cross_validate_heads(features, heads).notes)
    assert "training: random split" in notes


def test_random_splits_and_missing_subjects_are_noted(features):
    comparison = cross_validate_heads(features, GaussianNB(), split="random")
    assert any("random split" in note for note in comparison.notes)
    bare = FeatureSet(features.X, features.y)
    for result in (cross_validate_heads(bare, GaussianNB()),):
        assert "no subjects: cells of one patient may stand on both sides" in result.notes
        assert "no subjects" in result["GaussianNB"].to_markdown()


def test_official_folds_that_cut_through_subjects_need_an_embargo(features):
    fold = np.array(["fold_0", "fold_1"])[np.arange(len(features)) % 2]
    official = FeatureSet(
        features.X, features.y, subjects=features.subjects, columns=pd.DataFrame({"fold": fold})
    )
    with pytest.raises(LeakageError, match="embargo=True"):
        cross_validate_heads(official, GaussianNB(), split="official")


def test_the_differences_are_paired(compared):
    found = compared.differences()
    assert list(found["first"]) == ["logistic_regression"] * 4 + ["GaussianNB"] * 3
    a, b = compared["logistic_regression"]["auroc"], compared["GaussianNB"]["auroc"]
    row = found.iloc[0]
    assert row["difference"] == pytest.approx(a.estimate - b.estimate)
    assert row["low"] <= row["difference"] <= row["high"]
    assert row["high"] - row["low"] < a.width
    assert (found["p_holm"] >= found["p"]).all()
    against_colour = found[found["second"] == "colour only"]
    assert (against_colour["p_holm"] < 0.05).all()
    assert (against_colour["low"] > 0).all()
    flips = compared.differences("balanced_accuracy", over="subjects", controls=False)
    assert list(flips["test"]) == ["signs flipped by subject"]
    assert flips["detectable"].iloc[0] > 0
    other = compared.differences("mcc", controls=False)
    assert list(other["test"]) == ["leave one subject out, t"]


@pytest.mark.parametrize("metric", ["accuracy", "sensitivity", "specificity", "balanced_accuracy"])
def test_flips_are_of_the_figure_itself(compared, metric):
    from leukfeat.evaluation.differences import _by_subject

    a, b = compared["logistic_regression"], compared["GaussianNB"]
    mean = _by_subject(a.predictions, b.predictions, metric).sum()
    expected = a.interval(metric, "subjects").estimate - b.interval(metric, "subjects").estimate
    assert mean == pytest.approx(expected)


def test_equal_heads_do_not_differ(features):
    twins = {"a": GaussianNB(), "b": GaussianNB()}
    row = cross_validate_heads(features, twins).differences(controls=False).iloc[0]
    assert (row["difference"], row["low"], row["high"], row["p"]) == (0, 0, 0, 1)


def test_results_of_other_cells_are_not_compared(compared, features):
    from leukfeat.evaluation.differences import paired_difference

    other = cross_validate_heads(features[::2], GaussianNB())["GaussianNB"]
    with pytest.raises(ValueError, match="not tested on the same cells"):
        paired_difference(compared["GaussianNB"], other, "auroc")


def test_names_of_heads(features):
    with pytest.raises(ValueError, match="a name of its own"):
        cross_validate_heads(features, [GaussianNB(), GaussianNB()])
    with pytest.raises(ValueError, match="a name of its own"):
        cross_validate_heads(features, {"colour only": GaussianNB()})
    with pytest.raises(ValueError, match="a name of its own"):
        cross_validate_heads(features, [])


def test_the_heads_given_are_not_changed(features):
    head = Head("logistic_regression", tune=False, cv=3)
    cross_validate_heads(features, head, n_splits=2)
    assert not hasattr(head, "estimator_")
    assert head.controls is True


def test_many_classes_and_no_probabilities(make_features):
    many = make_features(classes=("a", "b", "c"), n_subjects=30, controls=False)
    comparison = cross_validate_heads(many, {"knn": KNeighborsClassifier(), "svc": LinearSVC()})
    assert comparison["svc"]["auroc"].estimate > 0.6
    found = comparison.differences(controls=False)
    assert list(found["test"]) == ["leave one subject out, t"]
    comparison.plot(), comparison.plot_roc()


def test_the_comparison_goes_through_json(compared):
    held = json.loads(json.dumps(compared.to_dict(), allow_nan=False))
    assert set(held["heads"]) == {"logistic_regression", "GaussianNB"}
    assert held["plan"]["split"] == "group"
    assert len(held["differences"]) == 7


def test_labels_in_the_order_of_the_classes_not_of_the_alphabet(features):
    p = cross_validate_heads(features, LogisticRegression())["LogisticRegression"].predictions
    assert p.class_names == ("hem", "all")
    assert p.positive == 1
    assert (p.scores[:, 1] > 0.5).mean() == pytest.approx((p.predicted == 1).mean())


def test_repeats_are_averaged_cell_by_cell(make_features):
    features = make_features(subjects=False)
    p = cross_validate_heads(features, GaussianNB(), n_splits=3, n_repeats=2)["GaussianNB"]
    one, two = p.predictions.repeats
    np.testing.assert_array_equal(one.cells, two.cells)
    np.testing.assert_array_equal(one.y, features.y)
    assert "no colour-only" not in " / ".join(p.notes)
    assert list(p.controls) == ["majority", "colour only", "size only"]


def test_the_table_says_which_intervals_stand_on_few_subjects(make_features):
    few = make_features(n_subjects=8)
    comparison = cross_validate_heads(few, GaussianNB(), n_splits=2)
    assert "subjects" in comparison["GaussianNB"]["auroc"].note
    assert f": {comparison['GaussianNB']['auroc'].note}" in comparison.to_markdown()
    assert (
        "AUROC, average precision: 4 subjects in the rarer class"
        in comparison["GaussianNB"].to_markdown()
    )


def test_a_head_of_ones_own_name_is_known_to_other_processes(features, monkeypatch):
    monkeypatch.setattr(registry_module, "_FACTORIES", {**registry_module._FACTORIES})
    register_head("mine", lambda: (GaussianNB(var_smoothing=1e-3), {}))
    given = {"n_splits": 2, "tune": False}
    with parallel_config("loky"):
        found = cross_validate_heads(features, "mine", n_jobs=2, **given)
    alone = cross_validate_heads(features, "mine", **given)
    assert found["mine"]["auroc"].estimate == alone["mine"]["auroc"].estimate


def test_class_weights_of_a_classifier_weigh_the_labels_they_name(features):
    numbers = features.y + 1
    weighted = LogisticRegression(class_weight={1: 1000.0, 2: 1.0})
    found = cross_validate_heads(
        features.X, weighted, numbers, subjects=features.subjects, n_splits=2
    )
    called = found["LogisticRegression"].predictions.predicted
    assert (called == 0).mean() > 0.9


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy"])
def test_a_subject_of_several_classes_flips_as_one(metric):
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(16), 16)
    y = np.tile(np.repeat(np.arange(4), 4), 16)
    found = []
    for _ in range(120):
        # Each subject suits the one head or the other, in all its classes.
        right = [rng.random(256) < 0.5 + 0.3 * rng.normal(size=16)[of] for _ in range(2)]
        made = [
            Evaluation(
                Predictions(
                    y=y,
                    predicted=np.where(hit, y, (y + 1) % 4),
                    scores=None,
                    class_names=("a", "b", "c", "d"),
                    positive=None,
                    subjects=of.astype(str),
                    ids=None,
                    cells=np.arange(256),
                    repeat=np.zeros(256, int),
                    fold=np.zeros(256, int),
                    units=of.astype(str),
                    unit="subject",
                ),
                name=name,
            )
            for name, hit in zip("ab", right, strict=True)
        ]
        found.append(paired_difference(*made, metric, over="subjects")["p"])
    # The level is 0.05; flipped class by class it was above 0.2.
    assert np.mean(np.array(found) < 0.05) < 0.12
