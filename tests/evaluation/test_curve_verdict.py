import numpy as np
import pytest

from leukfeat.evaluation.curve_verdict import curve_verdict, half_way
from leukfeat.metrics import Interval


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        ((0.04, 0.01, 0.07), "More patients are likely to help: from 10 to 20 training subjects"),
        (
            (0.04, -0.01, 0.09),
            "is not shown: from 10 to 20 training subjects AUROC changed by +0.0",
        ),
        ((0.04, -0.01, 0.09), "A gain of up to 0.090 is not ruled out either."),
        ((-0.04, -0.07, -0.01), "not likely to help this head"),
        (
            (0.04, np.nan, np.nan),
            "not known: from 10 to 20 training subjects AUROC changed by +0.040",
        ),
    ],
)
def test_the_verdict_follows_the_interval(gain, said):
    estimate, low, high = gain
    interval = Interval(estimate=estimate, low=low, high=high)
    assert said in curve_verdict(interval, 10, 20, "AUROC")


def test_the_last_point_is_compared_with_that_of_half_its_subjects():
    assert half_way([4, 8, 12, 16, 20]) == 2
    assert half_way([5, 20]) == 0
    assert half_way([20]) is None
    assert half_way([20, 20]) is None
