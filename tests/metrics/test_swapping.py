"""Two ways to count the same pairs: the second takes memory by the cell."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leukfeat.metrics import paired, swap_test_auroc
from leukfeat.metrics.swapping import differences_by_cells, differences_by_pairs, ranked_blocks


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_cells=st.integers(1, 40),
    n_subjects=st.integers(1, 20),
    n_blocks=st.integers(1, 3),
    n_values=st.integers(1, 30),
)
def test_both_ways_count_the_same_pairs(seed, n_cells, n_subjects, n_blocks, n_values):
    rng = np.random.default_rng(seed)
    up = rng.integers(0, 2, n_cells) == 1
    first, second = rng.integers(0, n_values, (2, n_cells)).astype(float)
    codes = rng.integers(0, n_subjects, n_cells)
    blocks = ranked_blocks(up, first, second, codes, rng.integers(0, n_blocks, n_cells))
    keep = rng.integers(0, 2, (7, n_subjects)) == 0
    by_pairs = differences_by_pairs(blocks, keep)
    by_cells = np.concatenate([*differences_by_cells(blocks, iter([keep[:3], keep[3:]]))])
    assert by_cells.tolist() == by_pairs.tolist()


def test_the_way_does_not_change_the_p_value(monkeypatch):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 60, 600)
    y = rng.integers(0, 2, 600)
    a, b = y + rng.normal(size=600), 0.7 * y + rng.normal(size=600)
    blocks = rng.integers(0, 2, 600)
    expected = swap_test_auroc(y, a, b, codes, blocks=blocks)
    assert 0.0005 < expected < 0.5
    monkeypatch.setattr(paired, "_PAIRS_UP_TO", 0)
    monkeypatch.setattr(paired, "_SIGNS_AT_ONCE", 7 * 60)  # patterns drawn in many parts
    assert swap_test_auroc(y, a, b, codes, blocks=blocks) == expected


@pytest.mark.parametrize("n_subjects", [300, 301, 6000])
def test_memory_does_not_grow_with_the_square_of_the_subjects(n_subjects):
    rng = np.random.default_rng(1)
    codes = np.arange(n_subjects)
    y = codes % 2
    a, b = y + rng.normal(size=n_subjects), y + rng.normal(size=n_subjects)
    tracemalloc.start()
    swap_test_auroc(y, a, b, codes, n_flips=300)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The pairs of 6,000 subjects would take 1,150 MB.
    assert peak < 120e6


def test_patterns_are_fewer_where_there_are_very_many_cells(monkeypatch):
    drawn = []
    whole = paired.differences_by_cells

    def counted(blocks, keep):
        for values in whole(blocks, keep):
            drawn.append(len(values))
            yield values

    monkeypatch.setattr(paired, "differences_by_cells", counted)
    codes = np.arange(400)
    scores = np.random.default_rng(2).normal(size=(2, 400))
    for most_work, expected in ((10**9, 2000), (400 * 500, 500), (1, 200)):
        monkeypatch.setattr(paired, "_MOST_WORK", most_work)
        drawn.clear()
        assert 0 < swap_test_auroc(codes % 2, *scores, codes) <= 1
        assert sum(drawn) == expected
