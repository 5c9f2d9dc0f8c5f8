"""scikit-learn's own checks of the public estimators."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from leukfeat import Head


@parametrize_with_checks(
    [
        Head(),
        Head("linear_svm", tune=False, cv=3),
        Head("logistic_regression", tune=False, calibrate=False),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
