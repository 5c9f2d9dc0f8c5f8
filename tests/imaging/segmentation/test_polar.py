import itertools

import numpy as np
import pytest

from leukfeat.imaging.segmentation.polar import PolarGrid, best_closed_path


def value_of(path, gain, stiffness):
    steps = np.diff(np.append(path, path[0]))
    return gain[np.arange(len(path)), path].sum() - stiffness * (steps**2).sum()


@pytest.mark.parametrize("seed", range(5))
def test_the_path_is_as_good_as_the_best_of_all_closed_ones(seed):
    gain = np.random.default_rng(seed).normal(size=(6, 4)).astype(np.float32)
    best = max(
        value_of(np.array(p), gain, 0.3)
        for p in itertools.product(range(4), repeat=6)
        if np.abs(np.diff(np.append(p, p[0]))).max() <= 1
    )
    path = best_closed_path(gain, stiffness=0.3, max_step=1)
    assert np.abs(np.diff(path)).max() <= 1
    # Going round twice gives a closed path nearly always, and one nearly as good otherwise.
    assert value_of(path, gain, 0.3) > best - 0.7


def test_a_disc_is_filled_as_a_disc():
    grid = PolarGrid((20.0, 15.0), 12.0, (40, 50), n_angles=64, n_radii=24)
    mask = grid.fill(np.full(64, 19))
    rows, columns = np.mgrid[:40, :50]
    distance = np.hypot(rows - 15, columns - 20)
    assert mask[distance < grid.radii[19] - 0.5].all()
    assert not mask[distance > grid.radii[19] + 1].any()


def test_samples_beyond_the_image_are_told():
    grid = PolarGrid((2.0, 2.0), 10.0, (20, 20), n_angles=8, n_radii=10)
    assert grid.inside[0].all()
    assert not grid.inside[4].all()
    values = np.arange(400, dtype=np.float32).reshape(20, 20)
    assert grid.sample(values)[0, 0] == pytest.approx(42.5)
