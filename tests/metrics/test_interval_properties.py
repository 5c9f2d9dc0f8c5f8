"""What holds for the interval of any set of predictions."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from leukfeat.metrics import clopper_pearson, figures_of_merit, wilson

quick = settings(max_examples=60, deadline=None, derandomize=True, database=None)
MIRRORED = {"sensitivity": "specificity", "specificity": "sensitivity"}


@st.composite
def predictions(draw):
    sizes = draw(st.lists(st.integers(1, 9), min_size=2, max_size=12))
    of = np.repeat(np.arange(len(sizes)), sizes)
    mixed = draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y = rng.integers(0, 2, len(of)) if mixed else of % 2
    score = np.round(rng.normal(size=len(of)) + draw(st.floats(-3, 3)) * y, draw(st.integers(0, 3)))
    score = 1 / (1 + np.exp(-score))
    return y, (score > 0.5).astype(int), np.stack([1 - score, score], 1), of.astype(str), rng


@quick
@given(predictions())
def test_bounds_enclose_the_estimate_and_stay_in_the_range(drawn):
    y, predicted, scores, subjects, _ = drawn
    for name, figure in figures_of_merit(y, predicted, scores, subjects).items():
        wide, narrow = figure.interval(level=0.99), figure.interval(level=0.8)
        if not wide.known:
            continue
        least = -1 if name == "mcc" else 0
        assert least <= wide.low <= wide.estimate + 1e-12, name
        assert wide.estimate - 1e-12 <= wide.high <= 1, name
        assert wide.low <= narrow.low + 1e-12, name
        assert narrow.high <= wide.high + 1e-12, name


@quick
@given(predictions())
def test_neither_order_nor_names_of_the_subjects_matter(drawn):
    y, predicted, scores, subjects, rng = drawn
    order = rng.permutation(len(y))
    names = np.array([f"patient {s}" for s in rng.permutation(int(subjects.astype(int).max()) + 1)])
    renamed = names[subjects.astype(int)]
    one = figures_of_merit(y, predicted, scores, subjects)
    other = figures_of_merit(y[order], predicted[order], scores[order], renamed[order])
    for name, figure in one.items():
        a, b = figure.interval(), other[name].interval()
        np.testing.assert_allclose(
            [a.estimate, a.low, a.high], [b.estimate, b.low, b.high], atol=1e-9, err_msg=name
        )


@quick
@given(predictions())
def test_the_other_class_seen_as_positive_mirrors_the_figures(drawn):
    y, predicted, scores, subjects, _ = drawn
    one = figures_of_merit(y, predicted, scores, subjects)
    other = figures_of_merit(1 - y, 1 - predicted, scores[:, ::-1], subjects)
    for name in ("accuracy", "balanced_accuracy", "mcc", "auroc", "sensitivity", "specificity"):
        a, b = one[name].interval(), other[MIRRORED.get(name, name)].interval()
        np.testing.assert_allclose(
            [a.estimate, a.low, a.high], [b.estimate, b.low, b.high], atol=1e-9, err_msg=name
        )


@quick
@given(st.integers(1, 2000), st.data())
def test_proportions_are_mirrored_and_nested(n, data):
    k = data.draw(st.integers(0, n))
    for method in (clopper_pearson, wilson):
        one, other = method(k, n), method(n - k, n)
        np.testing.assert_allclose((one.low, one.high), (1 - other.high, 1 - other.low), atol=1e-12)
        assert 0 <= one.low <= k / n + 1e-12
        assert k / n - 1e-12 <= one.high <= 1
        wider = method(k, n, level=0.99)
        assert wider.low <= one.low + 1e-12
        assert one.high <= wider.high + 1e-12
