"""Coverage of conformal sets for one random cell of a new subject: one command, one table.

    python benchmarks/conformal_coverage.py [--repetitions 2000]

Cells a subject are drawn from C-NMC 2019's counts; a subject moves the log-odds of all its cells.
For each class: how often the set holds the truth, promised 0.8 and 0.9, calibrated on 10 to 60
subjects a class, and how many classes it holds; beside it, cells taken as exchangeable.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy import special

from leukfeat.metrics import attainable_level, conformal_thresholds, prediction_sets

SIZES = np.array([9, 18, 20, 29, 36, 50, 58, 76, 92, 99, 112, 142, 162, 190, 218, 267, 373, 757])
SUBJECTS = (10, 15, 30, 60)
APART, BETWEEN, TESTED = 1.2, 1.0, 40


def drawn(rng: np.random.Generator, a_class: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sizes = rng.choice(SIZES, 2 * a_class)
    of = np.repeat(np.arange(2 * a_class), sizes)
    y = of % 2
    logit = np.where(y == 1, APART, -APART) + BETWEEN * rng.normal(size=2 * a_class)[of]
    p = special.expit(logit + rng.normal(size=len(of)))
    return np.column_stack([1 - p, p]), y, of


def held(rng: np.random.Generator, limits: np.ndarray) -> tuple[float, float]:
    proba, y, of = drawn(rng, TESTED // 2)
    sets = prediction_sets(proba, limits)
    inside = sets[np.arange(len(y)), y].astype(float)
    n = np.bincount(of)
    return float((np.bincount(of, inside) / n).mean()), float(
        (np.bincount(of, sets.sum(1)) / n).mean()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=2000)
    options = parser.parse_args()
    print(
        "| subjects a class | promised | pooled by subject (classes in a set) | one cell a subject | cells as exchangeable |"
    )
    print("|--:|--:|--:|--:|--:|")
    for n in SUBJECTS:
        for level in (0.8, 0.9, 0.95):
            if level > attainable_level(n):
                print(
                    f"| {n} | {level:g} | refused (at most {attainable_level(n):.3f}) | refused | |"
                )
                continue
            rng = np.random.default_rng([n, int(1000 * level)])
            found: dict[str, list] = {"pooled": [], "single": [], "cells": []}
            for seed in range(options.repetitions):
                proba, y, of = drawn(rng, n)
                for name in ("pooled", "single"):
                    limits = conformal_thresholds(
                        proba, y, of, level=level, method=name, random_state=seed
                    )
                    found[name].append(held(rng, limits))
                limits = conformal_thresholds(proba, y, np.arange(len(y)), level=level)
                found["cells"].append(held(rng, limits))
            mean = {name: np.mean(values, axis=0) for name, values in found.items()}
            shown = " | ".join(f"{m[0]:.3f} ({m[1]:.2f})" for m in mean.values())
            print(f"| {n} | {level:g} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
