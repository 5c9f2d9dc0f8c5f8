"""Forests in parallel folds share the cores instead of multiplying them."""

import threading

import joblib
import pytest
from joblib import Parallel, delayed
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_info

from leukfeat.heads.preparation import few_blas_threads, free_cores, threads


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


def blas_threads():
    return {
        lib["filepath"]: lib["num_threads"]
        for lib in threadpool_info()
        if lib["user_api"] == "blas"
    }


def test_blas_has_its_threads_back_after_fits_in_several_threads():
    before = blas_threads()
    if max(before.values()) < 2:
        pytest.skip("BLAS has one thread")
    second_is_in, first_is_out = threading.Event(), threading.Event()

    def second():
        with few_blas_threads(LogisticRegression(), 10):
            second_is_in.set()
            assert first_is_out.wait(10)

    other = threading.Thread(target=second)
    with few_blas_threads(LogisticRegression(), 10):
        assert set(blas_threads().values()) == {1}
        other.start()
        assert second_is_in.wait(10)
    first_is_out.set()
    other.join()
    assert blas_threads() == before
