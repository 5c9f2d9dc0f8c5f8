import json
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.svm import LinearSVC

from leukfeat import FeatureSet, FeatureSpec, Head, cross_validate_heads, evaluate, fit_head
from leukfeat.exceptions import LeakageError, LeakageWarning, SpecMismatchError
from leukfeat.heads import Ensemble, fit_ensemble


def _halves(features):
    names = sorted(set(features.subjects))
    first = np.isin(features.subjects, names[::2]) ^ np.isin(features.subjects, names[::4])
    return features[~first], features[first]


@pytest.fixture(scope="module")
def tested(features):
    train, test = _halves(features)
    head = fit_head(train, "logistic_regression", tune=False, cv=3)
    return head, test, evaluate(head, test)


def test_the_scores_are_those_of_the_head(tested):
    head, test, result = tested
    proba = head.predict_proba(test)[:, 1]
    assert result["auroc"].estimate == pytest.approx(roc_auc_score(test.y, proba))
    assert result["accuracy"].estimate == pytest.approx(head.score(test))
    assert result["auroc"].known
    assert result.interval("sensitivity", "subjects").n_subjects == len(
        set(test.subjects[test.y == 1])
    )
    assert result.predictions.positive == 1
    assert result.confusion.to_numpy().sum() == len(test)
    assert list(result.confusion.index) == ["hem", "all"]


def test_the_control_heads_stand_beside(tested):
    _, test, result = tested
    assert set(result.controls) == {"majority", "colour only", "size only"}
    assert result.controls["majority"]["auroc"].estimate == 0.5
    assert 0.3 < result.controls["colour only"]["auroc"].estimate < 0.7
    frame = result.to_frame()
    assert set(frame["head"]) == {"logistic_regression", *result.controls}
    for shown in (result.to_markdown(), result._repr_html_()):
        assert "colour only" in shown
        assert f"{len(test):,} cells" in shown


def test_a_colour_clue_shows_in_the_colour_only_head(make_features):
    train, test = _halves(make_features(colour=2.0, effect=0.0))
    result = evaluate(fit_head(train, "logistic_regression", tune=False, cv=3), test)
    assert result.controls["colour only"]["auroc"].estimate > 0.85
    assert result["auroc"].estimate < 0.7


def test_training_subjects_are_refused(tested, features):
    head, _, _ = tested
    with pytest.raises(
        LeakageError, match=r"test subjects were in training .*allow_training_cells"
    ):
        evaluate(head, features)
    with pytest.warns(LeakageWarning, match="were in training"):
        result = evaluate(head, features, allow_training_cells=True)
    assert any(note.startswith("leak:") for note in result.notes)
    assert "leak:" in result.to_markdown()


def test_training_images_are_refused_under_another_subject(tested, features):
    head, test, _ = tested
    train, _ = _halves(features)
    stolen = FeatureSet(
        test.X,
        test.y,
        subjects=test.subjects,
        ids=[*train.ids[:3], *test.ids[3:]],
        controls=test.controls,
        class_names=test.class_names,
        positive="all",
    )
    with pytest.raises(LeakageError, match="3 test images are identical"):
        evaluate(head, stolen)


def test_a_group_that_was_in_training_is_refused_under_another_subject(tested, features):
    _, test, _ = tested
    train, _ = _halves(features)
    shared = {"class_names": test.class_names, "positive": "all"}
    groups = [f"G{s}" for s in train.subjects]
    groups[0] = "G20+21"
    head = fit_head(
        FeatureSet(train.X, train.y, subjects=train.subjects, groups=groups, **shared),
        "naive_bayes",
    )
    groups = ["G20+21", *(f"G{s}" for s in test.subjects[1:])]
    partner = FeatureSet(test.X, test.y, subjects=test.subjects, groups=groups, **shared)
    with pytest.raises(LeakageError, match=r"1 groups of subjects .*\(G20\+21\)"):
        evaluate(head, partner)


def test_without_subjects_it_is_said_everywhere(tested):
    head, test, known = tested
    bare = FeatureSet(test.X, test.y, class_names=test.class_names, positive="all")
    with pytest.warns(LeakageWarning, match="no subjects"):
        result = evaluate(head, bare)
    note = "no subjects: cells of one patient may stand on both sides"
    assert note in result.notes
    assert note in result.to_markdown()
    assert note in result._repr_html_()
    assert note in result.to_dict()["notes"]
    assert result["auroc"].width < known["auroc"].width
    assert "too narrow" in result["auroc"].note
    assert len(result.per_subject) == 0
    with pytest.raises(ValueError, match="no subjects to draw"):
        result.plot_per_subject()


def test_unlabelled_cells_are_left_out_and_counted(tested):
    head, test, _ = tested
    y = test.y.copy()
    y[:4] = -1
    some = FeatureSet(
        test.X, y, subjects=test.subjects, class_names=test.class_names, positive="all"
    )
    result = evaluate(head, some)
    assert len(result.predictions) == len(test) - 4
    assert "4 unlabelled cells are left out: row 0, row 1, row 2 and 1 more" in result.notes
    assert result.left_out["reason"].tolist() == ["no label"] * 4
    none = FeatureSet(test.X, subjects=test.subjects)
    with pytest.raises(ValueError, match="has no labels"):
        evaluate(head, none)


def test_another_feature_space_is_refused(features):
    train, test = _halves(features)
    train.spec, test.spec = FeatureSpec(), FeatureSpec(crop=224)
    try:
        head = fit_head(train, "logistic_regression", tune=False, calibrate=False)
        with pytest.raises(SpecMismatchError, match="crop"):
            evaluate(head, test)
    finally:
        train.spec = test.spec = None


def test_plain_classifiers_and_arrays(features):
    train, test = _halves(features)
    names = np.array(["hem", "all"])
    head = LogisticRegression().fit(train.X, names[train.y])
    result = evaluate(head, test.X, names[test.y], subjects=test.subjects, name="mine")
    # scikit-learn sorts names: "all" comes first, and the last is its positive class.
    assert result.predictions.class_names == ("all", "hem")
    assert result.name == "mine"
    assert any("could not be checked" in note for note in result.notes)
    same = evaluate(head, test)
    assert same.predictions.class_names == ("hem", "all")
    assert same["sensitivity"].estimate == result["specificity"].estimate
    margin = LinearSVC().fit(train.X, train.y)
    by_margin = evaluate(margin, test)
    expected = roc_auc_score(test.y, margin.decision_function(test.X))
    assert by_margin["auroc"].estimate == pytest.approx(expected)


def test_labels_that_the_head_does_not_know_are_named(features):
    train, test = _halves(features)
    head = LogisticRegression().fit(train.X, train.y)
    with pytest.raises(ValueError, match=r"'y' holds \['blast'\]"):
        evaluate(head, test.X, ["blast"] * len(test))
    with pytest.raises(ValueError, match="needs 'y'"):
        evaluate(head, test.X)
    with pytest.raises(ValueError, match="brings its own labels"):
        evaluate(head, test, test.y)
    strange = LogisticRegression().fit(train.X, np.array(["x", "y"])[train.y])
    with pytest.raises(ValueError, match=r"\['x', 'y'\] cannot be compared"):
        evaluate(strange, test)


def test_many_classes(make_features):
    many = make_features(classes=("Benign", "Early", "Pre"), n_subjects=45)
    train, test = _halves(many)
    result = evaluate(fit_head(train, "logistic_regression", tune=False, cv=3), test)
    assert {"sensitivity[Early]", "auroc", "auroc[Pre]"} <= {n for n, _ in result.figures}
    assert result.predictions.positive is None
    assert "sensitivity, Benign" in result.to_markdown()
    result.plot_roc(), result.plot_per_subject(), result.plot_confusion()


def test_the_result_goes_through_json(tested):
    _, _, result = tested
    held = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert held["class_names"] == ["hem", "all"]
    assert held["positive"] == "all"
    assert held["about"]["versions"]["leukfeat"]
    assert {row["metric"] for row in held["scores"]} >= {"auroc", "mcc", "auprc", "weighted_f1"}
    assert len(held["per_subject"]) == len(result.per_subject)


def test_a_missing_figure_lists_those_that_there_are(tested):
    _, _, result = tested
    with pytest.raises(KeyError, match=r"No figure 'auc'.*auroc"):
        result["auc"]


def test_figures_say_what_they_stand_on(tested):
    _, test, result = tested
    plots = (
        result.plot_roc(),
        result.plot_precision_recall(),
        result.plot_confusion(),
        result.plot_per_subject(),
    )
    for figure in plots:
        said = figure.get_supxlabel()
        assert f"{len(test):,} cells of {len(set(test.subjects))} subjects" in said.replace(
            "\n", " "
        )
        assert figure._repr_png_()[:4] == b"\x89PNG"
    labels = [t.get_text() for t in plots[0].axes[0].get_legend().get_texts()]
    assert any(str(result["auroc"]) in label for label in labels)
    assert any("colour only" in label for label in labels)


def test_plotting_leaves_pyplot_alone(tested):
    import sys

    _, _, result = tested
    before = "matplotlib.pyplot" in sys.modules
    result.plot_roc()
    assert ("matplotlib.pyplot" in sys.modules) == before


def test_classes_in_another_order_are_the_same_classes(tested):
    head, test, expected = tested
    turned = FeatureSet(
        test.X,
        1 - test.y,
        subjects=test.subjects,
        controls=test.controls,
        class_names=test.class_names[::-1],
        positive="all",
    )
    result = evaluate(head, turned)
    for figure in ("auroc", "sensitivity", "specificity"):
        assert result[figure].estimate == expected[figure].estimate
        for control in ("majority", "colour only"):
            assert (
                result.controls[control][figure].estimate
                == expected.controls[control][figure].estimate
            )


def test_what_was_skipped_and_what_has_no_subject_is_noted(tested):
    head, test, _ = tested
    subjects = test.subjects.copy()
    subjects[:3] = None
    some = FeatureSet(
        test.X,
        test.y,
        subjects=subjects,
        class_names=test.class_names,
        positive="all",
        skipped=pd.DataFrame({"path": ["bad.bmp"], "reason": ["empty"]}),
    )
    notes = " / ".join(evaluate(head, some).notes)
    assert "1 file was left out" in notes
    assert f"3 of {len(test)} cells have no subject" in notes
    assert "no colour-only and size-only heads" in notes
    some.subjects[:] = None
    assert ("auroc", "subjects") not in evaluate(head, some).figures


def test_the_most_wrong_cells_come_first(tested):
    head, test, result = tested
    wrong = result.most_wrong(5)
    proba = head.predict_proba(test)
    missed = np.flatnonzero(head.predict(test) != test.y)
    expected = missed[np.argsort(proba[missed, test.y[missed]], kind="stable")][:5]
    assert wrong["cell"].tolist() == expected.tolist()
    assert (wrong["true"] != wrong["predicted"]).all()
    assert wrong["score_of_true"].is_monotonic_increasing


def test_a_result_of_an_ensemble_says_its_weights_and_its_difference(features, tmp_path):
    train, test = _halves(features)
    pair = ["naive_bayes", LogisticRegression()]
    ensemble = fit_ensemble(train, heads=pair, nested=2, cv=3, tune=False, controls=False)
    result = evaluate(ensemble, test)
    told = [f"ensemble: {remark}" for remark in ensemble.remarks()]
    assert told[0].startswith("ensemble: weights (weighted): ")
    assert "against its best member" in told[1]
    assert set(told) <= set(result.notes)
    for shown in (result.to_markdown(), result._repr_html_(), result.to_html()):
        assert told[0] in shown
    heads = {"both": Ensemble(pair, cv=3, tune=False, controls=False)}
    compared = cross_validate_heads(features, heads, n_splits=3)
    (note,) = [note for note in compared.notes if "weights (weighted)" in note]
    assert note.startswith("both, as fitted on the first training side: ensemble: weights")
    assert note in compared.to_markdown()


@pytest.mark.parametrize("head", [Head(), LogisticRegression()])
def test_a_head_that_is_not_fitted_is_said_to_be(features, head):
    with pytest.raises(NotFittedError, match="not fitted"):
        evaluate(head, features)


def test_a_head_fit_on_a_table_is_asked_with_its_columns(features):
    table = pd.DataFrame(features.X, columns=[f"f{i}" for i in range(features.X.shape[1])])
    head = LogisticRegression().fit(table, features.y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", LeakageWarning)
        found = evaluate(head, table, features.y, subjects=features.subjects)
    assert found["accuracy"].estimate == pytest.approx(head.score(table, features.y))
