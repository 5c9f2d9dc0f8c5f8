"""What is no share, no count and no number is refused by name, with what to do."""

import numpy as np
import pytest

from leukfeat import metrics as lm

NAN, INF = np.nan, np.inf
KNOWN = {"sensitivity": 0.9, "n_sensitivity": 60, "specificity": 0.8, "n_specificity": 60}
Y, CODES = [0, 0, 1, 1], [0, 1, 2, 3]
TWO = [[0.9, 0.1], [0.2, 0.8]]
FIGURE = lm.SubjectStatistic(
    estimate=0.1, without=np.arange(4) / 50, weights=np.ones(4), strata=np.zeros(4, int),
    scale="difference",
)  # fmt: skip


def lang(**given):
    return lm.lang_reiczigel(**{"positives": 31, "total": 100} | KNOWN | given)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: lang(sensitivity=95), r"'sensitivity' .* 0 to 1. Got 95 .*mean 0.95\?"),
        (lambda: lang(specificity=NAN), r"'specificity' .*Got nan .*Estimate it first"),
        (lambda: lang(sensitivity=-0.1), r"'sensitivity' .*Got -0.1 .*not a percentage"),
        (lambda: lang(positives=NAN), r"'positives' .*Got nan"),
        (lambda: lang(positives=101), r"'positives' .*Got 101 of 100. Give"),
        (lambda: lang(n_sensitivity=INF), r"'n_sensitivity' .*Got inf .*1e9"),
        (lambda: lang(n_specificity=0), r"'n_specificity' .*1 or more. Got 0"),
        (lambda: lang(level=95), r"'level' .*Did you mean 0.95\?"),
        (lambda: lang(sensitivity="95%"), r"'sensitivity' must be a number. Got '95%'"),
        (lambda: lm.rogan_gladen(31, 0.9, 0.8), r"'apparent' .*Got 31 .*mean 0.31\?"),
        (lambda: lm.rogan_gladen(0.3, 1.2, 0.8), r"'sensitivity' .*Got 1.2"),
        (lambda: lm.rogan_gladen(0.3, 0.9, INF), r"'specificity' .*Got inf"),
        (lambda: lm.rogan_gladen(NAN, 0.9, 0.8), r"'apparent' .*Got nan"),
        (lambda: lm.clopper_pearson(0.95, 20), r"'successes' .*Got 0.95 .*Give the count"),
        (lambda: lm.clopper_pearson(NAN, 20), r"'successes' .*Got nan"),
        (lambda: lm.clopper_pearson(19, INF), r"'trials' .*Got inf"),
        (lambda: lm.clopper_pearson(19, 20, 95), r"'level' .*Did you mean 0.95\?"),
        (lambda: lm.wilson(-1, 20), r"'successes' .*Got -1"),
        (lambda: lm.wilson(1, 20, NAN), r"'level' must be between 0 and 1. Got nan"),
        (lambda: lm.sign_flip_test([0.1, NAN]), r"'differences' .*Got 1 of 2 .*Leave out"),
        (lambda: lm.sign_flip_test([0.1, INF]), r"'differences' .*infinite"),
        (lambda: lm.sign_flip_test([]), r"'differences' .*one subject at least"),
        (lambda: lm.sign_flip_test([0.1, 0.2], [0]), r"'strata' .*each of the 2 subjects"),
        (lambda: lm.sign_flip_test([0.1], n_flips=0), r"'n_flips' .*1 or more. Got 0"),
        (lambda: lm.swap_test_auroc(Y, [1, 2, 3, NAN], CODES, CODES), r"'first' .*Got 1 of 4"),
        (
            lambda: lm.auroc_by_subject(Y, [0.1, NAN, 0.3, INF], CODES, n_subjects=4),
            r"'score' .*Got 2 of 4 .*score them again",
        ),
        (
            lambda: lm.auroc_by_subject([1, 1, 2, 2], CODES, CODES, n_subjects=4),
            r"'y' .*0 to 1. Got \[2\]",
        ),
        (
            lambda: lm.auroc_by_subject(Y, CODES, [0, 1, 2, 4], n_subjects=4),
            r"'codes' .*from 0 to 3.*index_subjects",
        ),
        (
            lambda: lm.auroc_by_subject(Y, CODES, CODES, n_subjects=4, weights=[1, 1, 1, -1]),
            r"'weights' must not be negative. Got -1",
        ),
        (
            lambda: lm.average_precision_by_subject(Y, [0, 1, 2], CODES, n_subjects=4),
            r"'score' must have shape \(4,\)",
        ),
        (
            lambda: lm.conformal_thresholds([[90, 10], [20, 80]], [0, 1], ["a", "b"]),
            r"'probabilities' .*Got 10 to 90. Divide percentages by 100",
        ),
        (
            lambda: lm.conformal_thresholds([[0.9, NAN], [0.2, 0.8]], [0, 1], ["a", "b"]),
            r"'probabilities' .*Got 1 of 4 that are nan. Leave",
        ),
        (
            lambda: lm.conformal_thresholds(TWO, [0, -1], ["a", "b"]),
            r"'y' must hold classes from 0 to 1. Got \[-1\]",
        ),
        (
            lambda: lm.conformal_thresholds(TWO, [0, 1], ["a", None]),
            r"need the subject of every cell. Got 1 of 2 without: leave",
        ),
        (
            lambda: lm.correct_prior_shift([[90, 10], [20, 80]], [0.5, 0.5]),
            r"'probabilities' .*Divide percentages by 100",
        ),
        (
            lambda: lm.correct_prior_shift([[0.9, 0.3], [0.2, 0.8]], [0.5, 0.5]),
            r"must sum to 1. Got 1.2 in row 0 of 'probabilities'",
        ),
        (
            lambda: lm.correct_prior_shift(TWO, [0.5, NAN]),
            r"'training_prior' .*Got 1 of 2 that are nan. Give the share",
        ),
        (lambda: lm.brier_score([0, 1], [0.1, NAN]), r"'probability' .*Got 1 of 2 .*nan"),
        (lambda: lm.brier_score([1, 2], [0.1, 0.2]), r"'y' .*Got \[2\]"),
        (lambda: lm.fit_temperature([[0, -INF]], [0]), r"'scores' .*Clip probabilities"),
        (lambda: lm.threshold_for([0, 1], [0, NAN], sensitivity=0.9), r"'score' .*1 of 2"),
        (
            lambda: lm.threshold_for([0, 1], [0, 1], sensitivity=95),
            r"'sensitivity' must be in \(0, 1\]. Got 95 .*mean 0.95\?",
        ),
        (lambda: lm.roc_band([0, 1], [NAN, 1]), r"'score' .*1 of 2"),
        (lambda: lm.risk_coverage([0, 1], [0, 1], [NAN, 1]), r"'confidence' .*1 of 2"),
        (lambda: lm.suspected_label_errors([0, 1], [[NAN, 1], [0, 1]]), r"'probabilities'"),
        (
            lambda: lm.figures_of_merit([0, 1], [0, 1], [[NAN, 1], [0, 1]]),
            r"'probabilities' .*1 of 4",
        ),
        (lambda: lm.smallest_detectable_difference(FIGURE, power=80), r"'power' .*mean 0.8\?"),
        (lambda: lm.smallest_detectable_difference(FIGURE, power=1), r"'power' .*give 0.8"),
        (lambda: lm.smallest_detectable_difference(FIGURE, level=95), r"'level' .*mean 0.95\?"),
        (lambda: lm.bootstrap_interval(len, Y, CODES, level=95), r"'level' .*mean 0.95\?"),
        (lambda: lm.bootstrap_interval(len, Y, CODES, n_resamples=0), "'n_resamples' .*Got 0"),
        (lambda: lm.bootstrap_interval(len, []), "'y' must hold one label a cell"),
        (lambda: lm.risk_coverage(Y, Y, CODES, n_points=0), "'n_points' .*1 or more. Got 0"),
        (lambda: lm.risk_coverage(Y, Y[:2], CODES), r"'y' and 'predicted' .*\(4,\) and \(2,\)"),
        (lambda: lm.reliability_table(Y, [0, 0, 1, 1], n_bins=0), "'n_bins' .*Got 0"),
        (lambda: lm.clustered_mcnemar([1, NAN], [0, 1]), r"'first_right' .*Got \[nan\]"),
        (lambda: lm.average([]), "'parts' is empty"),
        (lambda: lm.prediction_sets(TWO, [0.5]), r"'thresholds' .*a class, 2. Got shape \(1,\)"),
        (lambda: lm.prediction_sets([[NAN, 1]], [0.5, 0.5]), "'probabilities' .*1 of 2"),
    ],
)
def test_it_names_what_was_found_and_what_to_do(call, says):
    with pytest.raises((ValueError, TypeError), match=says):
        call()


def test_what_is_right_is_taken_as_it_was():
    assert lang(n_sensitivity=59.5, positives=30.5).estimate > 0
    assert lm.clopper_pearson(np.int64(19), 20.0).n_subjects == 20
    assert lm.rogan_gladen(np.float32(1), 1, 1) == 1
    prior, _ = lm.correct_prior_shift(np.asarray(TWO, np.float16), [300, 100])
    assert prior.sum() == pytest.approx(1)
    area, _ = lm.auroc_by_subject(np.array(Y, bool), CODES, CODES, n_subjects=4)
    assert area == 1
