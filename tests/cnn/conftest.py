"""Small discs on black: the larger and redder ones are "all"."""

import numpy as np
import pytest

from leukfeat import CellDataset

SMALL = {"input_size": (32, 32), "filters": (8, 8), "dense": (8,), "progress": False}


def draw_discs(n: int, n_subjects: int, seed: int = 0, side: int = 40) -> CellDataset:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side] - side / 2
    images, labels, subjects = [], [], []
    for i in range(n):
        subject = i % n_subjects
        label = subject % 2
        inside = np.hypot(rows, columns) < side * (0.25 + 0.12 * label)
        colour = rng.normal([110 + 40 * label, 90, 130], 6)
        pixels = rng.normal(colour, 12, (side, side, 3)).clip(1, 255) * inside[..., None]
        images.append(pixels.astype(np.uint8))
        labels.append(("hem", "all")[label])
        subjects.append(f"{seed}-{subject}")
    return CellDataset.from_arrays(
        images, labels, subjects, class_names=["hem", "all"], positive="all", name="discs"
    )


@pytest.fixture(scope="session")
def discs() -> CellDataset:
    return draw_discs(80, 10)


@pytest.fixture(scope="session")
def other_discs() -> CellDataset:
    return draw_discs(30, 6, seed=1)


@pytest.fixture(scope="session")
def small() -> dict:
    return dict(SMALL)


@pytest.fixture(scope="session")
def trained(discs):
    from leukfeat.cnn import fit_cnn

    return fit_cnn(discs, epochs=8, patience=None, learning_rate=3e-3, **SMALL)
