"""Numbers drawn as ResNet50 features lie: not negative, a shift a subject, classes that overlap."""

import numpy as np

from leukfeat.data.procedural.hierarchy import draw_hierarchy

__all__ = ["cnmc_like", "draw_features"]


def draw_features(label, subject, n_features, rng):
    """Return ``(n_rows, n_features)`` float32 for a label and a subject (from 0) of each row."""
    n_subjects = int(subject.max()) + 1
    hidden = rng.normal(size=(len(label), 60)) + 0.5 * rng.normal(size=(n_subjects, 60))[subject]
    hidden[:, :2] += 1.3 * label[:, None]
    mixing = rng.normal(size=(60, n_features)) / 8
    X = np.empty((len(label), n_features), np.float32)
    for start in range(0, len(X), 4096):
        part = hidden[start : start + 4096] @ mixing
        X[start : start + 4096] = np.maximum(part + 0.5 * rng.normal(size=part.shape), 0)
    return X


def cnmc_like(n_rows, n_features, n_subjects=73, seed=0):
    """Return features, labels and subjects' numbers, with as many cells a subject as in C-NMC."""
    rows = draw_hierarchy(n_subjects, n_rows, n_sites=2, n_stains=3, random_state=seed)
    label, subject = rows["label"].to_numpy(), rows["subject_no"].to_numpy()
    return draw_features(label, subject, n_features, np.random.default_rng(seed)), label, subject
