import numpy as np

from leukfeat.metrics import bootstrap_interval


def test_it_is_close_to_the_normal_interval_with_many_subjects():
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(80), 10)
    rates = rng.beta(8, 2, 80)
    right = rng.random(800) < rates[subjects]
    y = subjects // 40
    interval = bootstrap_interval(lambda rows: float(right[rows].mean()), y, subjects)
    each = right.reshape(80, 10).mean(1).reshape(2, 40)
    error = 1.96 * (each.var(1, ddof=1) / 40 / 4).sum() ** 0.5
    assert abs(interval.low - (right.mean() - error)) < 0.01
    assert abs(interval.high - (right.mean() + error)) < 0.01
    assert interval.note == ""
    assert interval.n_subjects == 80


def test_few_subjects_or_none_are_noted():
    y = np.repeat([0, 1], 20)
    few = bootstrap_interval(
        lambda rows: float(y[rows].mean()), y, np.arange(40) // 4, n_resamples=9
    )
    assert "5 subjects in the rarer class" in few.note
    none = bootstrap_interval(lambda rows: float(y[rows].mean()), y, n_resamples=9)
    assert "no subjects" in none.note
    assert (none.low, none.high) == (0.5, 0.5)


def test_the_same_seed_gives_the_same_interval_and_undefined_draws_are_left_out():
    y = np.repeat([0, 1], 40)

    def undefined_at_times(rows):
        return float("nan") if rows[0] % 2 else float(rows.mean())

    a, b = (bootstrap_interval(undefined_at_times, y, y * 40 + np.arange(80) // 2) for _ in "ab")
    assert a == b
    assert a.known
