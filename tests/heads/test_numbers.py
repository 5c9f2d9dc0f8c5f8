"""Numbers that are none, that do not vary, that are too large or too many: a remedy, or the result."""

import numpy as np
import pandas as pd
import pytest

from leukfeat import FeatureSet, cross_validate_heads, evaluate, fit_ensemble, fit_head
from leukfeat.heads import registered_heads

N, D = 72, 6
Y = np.arange(N) // 3 % 2
SUBJECTS = np.array([f"S{i // 3}" for i in range(N)])


def numbers(seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(N, D)) + 1.5 * Y[:, None]).astype(np.float32)


def fit(X, head="logistic_regression", y=Y, **settings):
    return fit_head(X, y, head=head, groups=SUBJECTS[: len(y)], tune=False, **settings)


CALLS = {
    "fit_head": lambda X: fit(X),
    "cross_validate_heads": lambda X: cross_validate_heads(
        X, ["logistic_regression"], Y, subjects=SUBJECTS, tune=False
    ),
    "fit_ensemble": lambda X: fit_ensemble(
        FeatureSet(X, Y, subjects=SUBJECTS), ["logistic_regression", "naive_bayes"], tune=False
    ),
    "evaluate": lambda X: evaluate(fit(numbers(1)), X, Y, subjects=[f"new {s}" for s in SUBJECTS]),
    "predict": lambda X: fit(numbers()).predict(X),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(call, value):
    X = numbers()
    X[40, 2] = value
    with pytest.raises(ValueError, match=r"(?i)nan|infin|finite"):
        CALLS[call](X)


@pytest.mark.parametrize("call", [call for call in CALLS if call != "predict"])
def test_what_float32_cannot_hold_is_refused_with_its_place(call):
    X = numbers().astype(np.float64)
    X[40, 2] = 1e300
    with pytest.raises(ValueError, match=r"1e\+300 in row 40, column 2"):
        CALLS[call](X)


def test_what_lies_far_out_is_still_predicted():
    X = numbers().astype(np.float64)
    X[40, 2] = 1e300
    assert np.isfinite(fit(numbers()).predict_proba(X)).all()


@pytest.mark.parametrize("head", registered_heads())
def test_columns_that_do_not_vary_change_nothing_and_harm_nothing(head):
    X = np.hstack([numbers(), np.full((N, 1), 7, np.float32), np.zeros((N, 1), np.float32)])
    fitted = fit(X, head, controls=False)
    probabilities = fitted.predict_proba(X)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-9)
    assert (fitted.predict(X) == Y).mean() > 0.7


def test_rows_that_are_all_equal_are_one_image():
    with pytest.raises(ValueError, match="all of one group"):
        fit(np.full((N, 3), 7, np.float32))


def test_one_row():
    head = fit(numbers())
    assert head.predict_proba(numbers()[:1]).shape == (1, 2)
    np.testing.assert_allclose(
        head.predict_proba(numbers()[:1]), head.predict_proba(numbers())[:1], atol=1e-12
    )
    with pytest.raises(ValueError, match="minimum of 2"):
        fit(numbers()[:1], y=Y[:1])
    with pytest.raises(ValueError, match=r"(?i)0 sample|at least|empty"):
        head.predict(numbers()[:0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int16, np.uint8])
def test_any_real_type_gives_the_same_head(dtype):
    X = np.round(10 * numbers() + 60).clip(0, 255)
    np.testing.assert_allclose(
        fit(X.astype(dtype)).predict_proba(X.astype(dtype)), fit(X).predict_proba(X), atol=1e-6
    )


@pytest.mark.parametrize("values", ["a", 1j, None])
def test_what_is_not_real_is_refused(values):
    X = numbers().astype(object)
    X[3, 1] = values
    with pytest.raises((ValueError, TypeError), match=r"(?i)float|complex|real|number|nan"):
        fit(X if values != 1j else X.astype(complex))


@pytest.mark.parametrize("kind", [str, bool, "category", object])
def test_labels_of_any_type_are_evaluated_as_they_are(kind):
    names = pd.Series(np.array(["hem", "all"])[Y])
    y = (Y == 1) if kind is bool else names.astype("string" if kind is str else kind)
    result = cross_validate_heads(
        numbers(), ["logistic_regression"], y, subjects=SUBJECTS, tune=False
    )
    predicted = result["logistic_regression"].predictions
    assert result["logistic_regression"]["accuracy"].estimate > 0.7
    names = np.array([str(name) for name in predicted.class_names])
    np.testing.assert_array_equal(names[predicted.y], np.asarray(y).astype(str)[predicted.cells])


def test_a_class_that_the_head_never_saw_is_named():
    head = fit(numbers(), y=np.array(["hem", "all"])[Y])
    y = np.array(["hem", "all", "lymphoma"])[np.arange(N) % 3]
    with pytest.raises(ValueError, match="lymphoma"):
        evaluate(head, numbers(), y, subjects=[f"new {s}" for s in SUBJECTS])


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("head", ["linear_svm", "logistic_regression", "naive_bayes", "nystroem"])
def test_a_million_rows(head):
    rng = np.random.default_rng(0)
    y = np.arange(1_000_000) // 500 % 2
    X = rng.normal(size=(len(y), 16)).astype(np.float32) + 0.5 * y[:, None].astype(np.float32)
    fitted = fit_head(X, y, head=head, groups=np.arange(len(y)) // 500, tune=False)
    assert (fitted.predict(X) == y).mean() > 0.8
