import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from leukfeat import FeatureSet, fit_head, register_head
from leukfeat.exceptions import LeakageError
from leukfeat.features.feature_set import CONTROL_COLUMNS
from leukfeat.heads import registered_heads
from leukfeat.heads import registry as registry_module


def test_unknown_name_lists_the_known_ones(features):
    with pytest.raises(ValueError, match=r"must be one of \[.*'svm'.*Got 'svn' instead"):
        fit_head(features, "svn")


def test_unlabelled_features_say_which():
    with pytest.raises(ValueError, match="3 of 3 cells of 'cells' have no label"):
        fit_head(FeatureSet(np.zeros((3, 2))))
    with pytest.raises(ValueError, match="1 of 3 cells of 'cells' have no label"):
        fit_head(FeatureSet(np.zeros((3, 2)), [0, 1, -1]))
    with pytest.raises(ValueError, match="target y is None"):
        fit_head(np.zeros((3, 2)))


def test_missing_labels_of_a_bare_array():
    with pytest.raises(ValueError, match=r"1 of 3 labels in 'y' are missing \(rows 2\)"):
        fit_head(np.zeros((3, 2)), ["hem", "all", None])


def test_one_class_is_named(features):
    with pytest.raises(ValueError, match=r"Got 1 class: all \(72 cells\)"):
        fit_head(features[features.y == 1])


def test_one_subject_of_a_class_is_named_with_the_remedy(features):
    keep = (features.y == 0) | (features.subjects == "A1")
    message = r"Class 'all' has 8 cells, all of one group \(A1\).*tune=False, calibrate=False"
    with pytest.raises(ValueError, match=message):
        fit_head(features[keep])
    head = fit_head(features[keep], tune=False, calibrate=False)
    assert head.predict(features).shape == (len(features),)


def test_fewer_subjects_than_folds_are_enough(features):
    few = features[np.isin(features.subjects, ["H0", "H2", "A1", "A3"])]
    assert set(fit_head(few, LogisticRegression()).out_of_fold_["fold"]) == {0, 1, 2, 3}


def test_missing_values_and_lengths(features):
    X = features.X.copy()
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        fit_head(X, features.y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fit_head(features.X, features.y[:-1])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fit_head(features.X, features.y, groups=features.subjects[:-1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, r"must be in \(0, 1\). Got 1.5"),
        ({"threshold": "best"}, "Got 'best' instead"),
        ({"threshold": ("sensitivity", 2)}, "Got .'sensitivity', 2. instead"),
        ({"class_weight": "equal"}, "Got 'equal' instead"),
        ({"class_weight": {7: 1}}, r"names \[7\], but the classes are \[0, 1\]"),
        ({"split": "subject"}, "must be 'group' or 'random'. Got 'subject'"),
        ({"scoring": "f1"}, "Got 'f1' instead"),
        ({"param_grid": {"depth": [1]}}, "names 'depth', which is no parameter"),
        ({"cv": 1}, "'n_splits' must be an integer >= 2. Got 1"),
    ],
)
def test_wrong_options_are_named(features, options, message):
    with pytest.raises(ValueError, match=message):
        fit_head(features, "logistic_regression", **options)


def test_single_thresholds_are_for_two_classes(four_classes):
    with pytest.raises(ValueError, match="is for two classes; these data have 4"):
        fit_head(four_classes, threshold="youden")


def test_two_heads_in_one_call(features):
    with pytest.raises(TypeError, match="two heads"):
        fit_head(features, "svm", "random_forest")


def test_a_head_must_be_a_classifier(features):
    for wrong in (42, LogisticRegression):
        with pytest.raises(TypeError, match="registered name or an unfitted classifier"):
            fit_head(features, head=wrong)

    class Scoreless(LogisticRegression):
        decision_function = None
        predict_proba = None

        def __getattribute__(self, name):
            if name in ("decision_function", "predict_proba"):
                raise AttributeError(name)
            return super().__getattribute__(name)

    with pytest.raises(TypeError, match="Scoreless has neither"):
        fit_head(features, Scoreless())


@pytest.fixture
def own_registry(monkeypatch):
    monkeypatch.setattr(registry_module, "_FACTORIES", dict(registry_module._FACTORIES))


@pytest.mark.usefixtures("own_registry")
class TestRegistry:
    def test_one_call_registers(self, features):
        register_head("mine", lambda: (LogisticRegression(), {"C": [0.1, 1.0]}))
        assert "mine" in registered_heads()
        assert fit_head(features, "mine").best_params_["classifier__C"] in (0.1, 1.0)

    def test_a_taken_name(self):
        with pytest.raises(ValueError, match="'svm' exists; give overwrite=True"):
            register_head("svm", LogisticRegression)
        register_head("svm", lambda: (LogisticRegression(), {}), overwrite=True)

    def test_wrong_registrations(self, features):
        with pytest.raises(TypeError, match="must be callable"):
            register_head("mine", LogisticRegression())
        with pytest.raises(ValueError, match="must be a text"):
            register_head("", LogisticRegression)
        register_head("bare", LogisticRegression)
        with pytest.raises(TypeError, match=r"factory of head 'bare' must return"):
            fit_head(features, "bare")


def test_folds_of_ones_own_are_checked(features):
    settings = {"head": "logistic_regression", "tune": False}
    cells = list(StratifiedKFold(3, shuffle=True, random_state=0).split(features.X, features.y))
    with pytest.raises(LeakageError, match="on both sides of the split"):
        fit_head(features, cv=cells, **settings)
    note = fit_head(features, cv=cells, split="random", **settings).split_note_
    assert "random split" in note
    by_subject = fit_head(features, cv=StratifiedGroupKFold(3), **settings)
    assert by_subject.split_note_ == ""
    assert set(by_subject.out_of_fold_["fold"]) == {0, 1, 2}
    with pytest.raises(ValueError, match="at most once"):
        fit_head(features, cv=[*cells, *cells], split="random", **settings)
    with pytest.raises(ValueError, match="The 'cv' parameter must be"):
        fit_head(features, cv=iter(cells), **settings)


def test_score_wants_classes(features):
    head = fit_head(features, "logistic_regression", tune=False)
    assert head.score(features) == head.score(features.X, features.y)
    with pytest.raises(ValueError, match="'score' needs the class of each row"):
        head.score(features.X)


@pytest.mark.parametrize("threshold", [0.3, "balanced", "youden", ("sensitivity", 0.9)])
def test_a_threshold_without_calibration_does_not_fail_on_the_control_heads(threshold):
    rng = np.random.default_rng(0)
    subjects = np.repeat([f"s{i}" for i in range(16)], 8)
    y = np.repeat(np.arange(16) % 2, 8)
    controls = pd.DataFrame(
        rng.uniform(1, 200, (128, len(CONTROL_COLUMNS))), columns=list(CONTROL_COLUMNS)
    )
    features = FeatureSet(
        rng.normal(size=(128, 6)) + y[:, None], y, subjects=subjects, controls=controls
    )
    head = fit_head(
        features, "logistic_regression", tune=False, calibrate=False, threshold=threshold
    )
    assert set(head.control_heads_) == {"majority", "colour", "size"}


def test_balanced_weights_are_not_counted_twice():
    rng = np.random.default_rng(1)
    subjects = np.repeat(np.arange(100), 5)
    y = (subjects % 10 == 0).astype(int)
    X = rng.normal(size=(500, 3)) + y[:, None]
    given = {"groups": subjects, "tune": False, "threshold": "balanced"}
    plain = fit_head(X, y, "logistic_regression", calibrate=False, **given)
    assert plain.predict(X)[y == 0].mean() < 0.5


def test_one_subject_is_named_and_not_the_number_of_folds():
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.repeat(["hem", "all"], 20)
    with pytest.raises(ValueError, match=r"all of one group \(P7\)"):
        fit_head(X, y, "naive_bayes", groups=["P7"] * 40)


def test_the_nearest_name_is_offered():
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.repeat(["hem", "all"], 20)
    with pytest.raises(ValueError, match="Did you mean 'logistic_regression'"):
        fit_head(X, y, "logistic regression")


def test_rows_of_another_width_are_told_the_feature_space(features):
    head = fit_head(features, "naive_bayes", tune=False)
    with pytest.raises(ValueError, match=r"X has 3 features, but Head is expecting 6.*resnet50"):
        head.predict(features.X[:, :3])
