"""Forests in parallel folds share the cores instead of multiplying them."""

import joblib
import pytest
from joblib import Parallel, delayed
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

from leukfeat.heads.preparation import free_cores, threads


def test_a_worker_has_its_share_of_the_cores():
    n = joblib.cpu_count()
    if n < 2:
        pytest.skip("one core cannot be shared")
    shares = Parallel(n_jobs=2, backend="loky")(delayed(free_cores)() for _ in range(2))
    assert shares == [max(1, n // 2)] * 2


@pytest.mark.parametrize(
    ("told", "expected"), [("1", 1), ("1000", joblib.cpu_count()), ("many", joblib.cpu_count())]
)
def test_the_environment_may_ask_for_less(monkeypatch, told, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert free_cores() == expected


def test_threads_are_set_and_set_back():
    pipeline = make_pipeline(RandomForestClassifier())
    with threads(pipeline, 3):
        assert pipeline[-1].n_jobs == 3
    assert pipeline[-1].n_jobs is None
