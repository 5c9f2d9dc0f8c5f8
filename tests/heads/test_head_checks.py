"""scikit-learn's own checks of the public estimators."""

from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.utils.estimator_checks import parametrize_with_checks

from leukfeat import Head
from leukfeat.heads import Ensemble


@parametrize_with_checks(
    [
        Head(),
        Head("linear_svm", tune=False, cv=3),
        Head("logistic_regression", tune=False, calibrate=False),
        Ensemble([LogisticRegression(), GaussianNB()], cv=3),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
