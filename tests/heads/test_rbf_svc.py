import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from leukfeat.heads import RbfSVC, as_stock_svc, rbf_svc
from leukfeat.heads.candidate_scores import candidate_scores


def stock_xfails(estimator):
    """libsvm itself does not pass this one; scikit-learn expects it of its own SVC."""
    return {"check_sample_weight_equivalence_on_dense_data": "libsvm: weighted is not repeated"}


@parametrize_with_checks([RbfSVC()], expected_failed_checks=stock_xfails)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(params=[2, 4], ids=["two classes", "four classes"])
def problem(request):
    X, y = make_classification(
        300, 40, n_informative=12, n_classes=request.param, class_sep=0.7, random_state=0
    )
    X = X + 100  # far from the origin: products of uncentred rows would lose digits
    return X[:200], np.array(list("abcd"))[y[:200]], X[200:]


@pytest.mark.parametrize("C", [0.1, 10.0])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_same_model_as_svc(problem, C, class_weight):
    X, y, new = problem
    ours = RbfSVC(C=C, class_weight=class_weight).fit(X, y)
    stock = SVC(C=C, class_weight=class_weight).fit(X, y)
    np.testing.assert_array_equal(ours.support_, stock.support_)
    np.testing.assert_allclose(ours.dual_coef_, stock.dual_coef_, atol=1e-8)
    np.testing.assert_allclose(ours.decision_function(new), stock.decision_function(new), atol=1e-9)
    np.testing.assert_array_equal(ours.predict(new), stock.predict(new))


@pytest.mark.parametrize("options", [{"decision_function_shape": "ovo"}, {"break_ties": True}])
def test_shapes_and_ties_as_svc(problem, options):
    X, y, new = problem
    ours, stock = RbfSVC(C=3, **options).fit(X, y), SVC(C=3, **options).fit(X, y)
    np.testing.assert_allclose(ours.decision_function(new), stock.decision_function(new), atol=1e-9)
    np.testing.assert_array_equal(ours.predict(new), stock.predict(new))


def test_libsvm_itself_gives_the_same_decision_values(problem):
    X, y, new = problem
    ours = RbfSVC(C=10).fit(X, y)
    stock = as_stock_svc(ours)
    assert type(stock) is SVC
    np.testing.assert_allclose(ours.decision_function(new), stock.decision_function(new), atol=1e-9)
    np.testing.assert_array_equal(ours.predict(new), stock.predict(new))
    assert stock.get_params()["gamma"] == ours._gamma


def test_rows_are_decided_in_blocks(problem, monkeypatch):
    X, y, new = problem
    svc = RbfSVC().fit(X, y)
    whole = svc.decision_function(new)
    monkeypatch.setattr(rbf_svc, "ROWS_AT_ONCE", 7)
    np.testing.assert_allclose(svc.decision_function(new), whole, atol=1e-12)


def test_gamma_factor_is_in_units_of_gamma(problem):
    X, y, new = problem
    scale = 1 / (X.shape[1] * X.var())
    ours = RbfSVC(gamma_factor=0.25).fit(X, y)
    stock = SVC(gamma=0.25 * scale).fit(X, y)
    np.testing.assert_allclose(ours.decision_function(new), stock.decision_function(new), atol=1e-9)


def test_weights_as_svc(problem):
    X, y, new = problem
    weights = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    for w in (weights, weights + 0.5):
        ours, stock = RbfSVC().fit(X, y, w), SVC().fit(X, y, w)
        np.testing.assert_allclose(
            ours.decision_function(new), stock.decision_function(new), atol=1e-9
        )


def test_break_ties_with_ovo_is_refused(problem):
    X, y, new = problem
    svc = RbfSVC(break_ties=True, decision_function_shape="ovo").fit(X, y)
    with pytest.raises(ValueError, match="break_ties"):
        svc.predict(new)


@pytest.mark.parametrize(
    "wrong", [{"gamma_factor": -1.0}, {"gamma_factor": "scale"}, {"gamma": -1.0}, {"C": 0.0}]
)
def test_parameters_that_make_no_kernel_are_refused(problem, wrong):
    X, y, new = problem
    with pytest.raises(ValueError, match=f"'{next(iter(wrong))}' parameter of RbfSVC"):
        RbfSVC(**wrong).fit(X, y)
    with pytest.raises(ValueError, match=f"'{next(iter(wrong))}' parameter of RbfSVC"):
        candidate_scores(RbfSVC(), X, y, new, [wrong])
