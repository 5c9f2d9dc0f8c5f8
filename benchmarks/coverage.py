"""Coverage of the intervals at the cell counts of C-NMC 2019: one command, one table.

    python benchmarks/coverage.py [--repetitions 2000] [--processes 2] [--quick] [--near-one]

Subjects are drawn with replacement from C-NMC's training subjects (cells a subject: 26 of HEM, 47
of ALL; The Cancer Imaging Archive, doi 10.7937/tcia.2019.dc64i46r). Two worlds each:

specificity  The part right of subject i is beta distributed with mean 0.71 and standard deviation
             0.18 (HEM subjects of a published entry); with "size-correlated error" its logit
             falls by 0.5 for one standard deviation of the log of the subject's cells.
AUROC        Scores are normal; a subject moves all its cells by N(0, 0.6); the classes are 2.2
             apart (AUROC 0.91). With "size-correlated error" subjects of HEM, the negative class,
             move up by 0.3 a standard deviation of the log of their cells, so that large subjects
             err more.

With --near-one both worlds are easy: parts right of mean 0.95 and standard deviation 0.08, and classes 3.6 apart with
subjects that move their cells by N(0, 0.9) (AUROC 0.97).

The true value is that of new subjects: over subjects the mean of subjects (or of pairs of
subjects), over cells the ratio of expectations. A cell holds the coverage of nominal 95 %
intervals and their mean width.
"""

from __future__ import annotations

import argparse
import functools
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from scipy import special, stats

from leukfeat.metrics import figures_of_merit, obuchowski_variance

# fmt: off
HEM = np.array([
    9, 18, 18, 20, 28, 29, 30, 32, 36, 46, 47, 50, 69, 100, 108, 112, 119, 137, 140, 162, 185,
    327, 373, 385, 404, 405,
])
ALL = np.array([
    9, 11, 14, 19, 31, 35, 53, 58, 73, 74, 74, 76, 80, 84, 89, 92, 92, 97, 99, 99, 103, 111,
    112, 113, 142, 145, 146, 155, 161, 178, 178, 181, 190, 197, 197, 201, 212, 218, 246, 250,
    253, 267, 268, 278, 352, 402, 757,
])
# fmt: on
SUBJECTS = (5, 10, 15, 26, 47)
MEAN, SPREAD, BETWEEN, APART = 0.71, 0.18, 0.6, 2.2
RESAMPLES = 500
EDGES = np.linspace(-5.0, 8.0, 400)
Z = stats.norm.ppf(0.975)


def size_score(sizes: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Log size in standard deviations of its class."""
    logs = np.log(of)
    return (np.log(sizes) - logs.mean()) / logs.std()


# --- specificity ---------------------------------------------------------------------------


def rates(sizes: np.ndarray, slope: float) -> np.ndarray:
    return special.expit(special.logit(MEAN) + slope * size_score(sizes, HEM))


def specificity_truth(slope: float) -> dict[str, float]:
    m = rates(HEM, slope)
    return {"cells": float((m * HEM).sum() / HEM.sum()), "subjects": float(m.mean())}


def specificity_once(rng: np.random.Generator, n_subjects: int, slope: float) -> dict:
    sizes = rng.choice(HEM, n_subjects)
    m = rates(sizes, slope)
    concentration = MEAN * (1 - MEAN) / SPREAD**2 - 1
    right = rng.binomial(sizes, rng.beta(m * concentration, (1 - m) * concentration))
    subjects = np.repeat(np.arange(n_subjects), sizes)
    spared = np.arange(len(subjects)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    predicted = (spared >= np.repeat(right, sizes)).astype(int)
    y = np.zeros(len(predicted), int)
    found = {}
    total, n = int(right.sum()), int(sizes.sum())
    wilson = stats.binomtest(total, n).proportion_ci(0.95, "wilson")
    found["cells", "naive"] = (wilson.low, wilson.high)
    draws = rng.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), RESAMPLES)
    pooled = (draws @ right) / (draws @ sizes)
    found["cells", "bootstrap"] = tuple(np.quantile(pooled, [0.025, 0.975]))
    means = draws @ (right / sizes) / n_subjects
    found["subjects", "bootstrap"] = tuple(np.quantile(means, [0.025, 0.975]))
    for over in ("cells", "subjects"):
        one = figures_of_merit(y, predicted, None, subjects, over=over)["specificity"].interval()
        found[over, "ours"] = (one.low, one.high)
    return found


# --- AUROC ---------------------------------------------------------------------------------


def drawn_subjects(
    rng: np.random.Generator, n_subjects: int, of: np.ndarray, centre: float, slope: float
) -> tuple[np.ndarray, np.ndarray]:
    """Cells of each subject, and counts of its scores in bins."""
    sizes = rng.choice(of, n_subjects)
    middle = centre + BETWEEN * rng.normal(size=n_subjects) + slope * size_score(sizes, of)
    below = special.ndtr(EDGES - middle[:, None])
    bins = np.diff(below, axis=1, prepend=0.0, append=1.0)
    return sizes, rng.multinomial(sizes, bins / bins.sum(1, keepdims=True))


def wins(up: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Pairs won by each subject's positives against each subject's negatives."""
    return up @ (np.cumsum(down, 1) - down / 2).T


def auroc_truth(slope: float, n: int = 40_000) -> dict[str, float]:
    rng = np.random.default_rng(1)
    m, up = drawn_subjects(rng, n, ALL, APART, 0.0)
    k, down = drawn_subjects(rng, n, HEM, 0.0, slope)
    cells = wins((up.sum(0) / m.sum())[None], (down.sum(0) / k.sum())[None])
    subjects = wins((up / m[:, None]).mean(0)[None], (down / k[:, None]).mean(0)[None])
    return {"cells": float(cells[0, 0]), "subjects": float(subjects[0, 0])}


def auroc_once(rng: np.random.Generator, n_subjects: int, slope: float) -> dict:
    m, up = drawn_subjects(rng, n_subjects, ALL, APART, 0.0)
    k, down = drawn_subjects(rng, n_subjects, HEM, 0.0, slope)
    counts = np.concatenate([down, up])
    who, value = np.nonzero(counts)
    n_cells = counts[who, value]
    subjects, score = np.repeat(who, n_cells), np.repeat(value.astype(float), n_cells)
    y = (subjects >= n_subjects).astype(int)
    found = {}
    pair = wins(up, down)
    a, b = (
        rng.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), RESAMPLES) for _ in "ab"
    )
    pooled = ((a @ pair) * b).sum(1) / ((a @ m) * (b @ k))
    found["cells", "bootstrap"] = tuple(np.quantile(pooled, [0.025, 0.975]))
    means = ((a @ (pair / m[:, None] / k)) * b).sum(1) / n_subjects**2
    found["subjects", "bootstrap"] = tuple(np.quantile(means, [0.025, 0.975]))
    area = pair.sum() / (m.sum() * k.sum())
    for name, codes in (("naive", np.arange(len(y))), ("Obuchowski", subjects)):
        count = len(y) if name == "naive" else 2 * n_subjects
        reach = Z * obuchowski_variance(y, score, codes, n_subjects=count) ** 0.5
        found["cells", name] = (area - reach, area + reach)
    two = np.column_stack([-score, score])
    for over in ("cells", "subjects"):
        one = figures_of_merit(y, y, two, subjects, over=over)["auroc"].interval()
        found[over, "ours"] = (one.low, one.high)
    return found


# --- the study -----------------------------------------------------------------------------

STUDIES = {
    "specificity": (specificity_once, specificity_truth, -0.5),
    "AUROC": (auroc_once, auroc_truth, 0.3),
}


@functools.cache
def truth_of(study: str, slope: float) -> dict[str, float]:
    return STUDIES[study][1](slope)


def run(job: tuple[str, bool, int, int]) -> tuple[tuple, dict]:
    study, correlated, n_subjects, repetitions = job
    once, _, slope = STUDIES[study]
    slope = slope if correlated else 0.0
    truth = truth_of(study, slope)
    rng = np.random.default_rng([n_subjects, correlated, len(study)])
    hits: dict = {}
    for _ in range(repetitions):
        for (over, method), (low, high) in once(rng, n_subjects, slope).items():
            hits.setdefault((over, method), []).append((low <= truth[over] <= high, high - low))
    table = {key: tuple(np.mean(values, axis=0)) for key, values in hits.items()}
    return job, {"truth": truth, "table": table}


COLUMNS = (
    ("cells", "naive"),
    ("cells", "Obuchowski"),
    ("cells", "bootstrap"),
    ("cells", "ours"),
    ("subjects", "bootstrap"),
    ("subjects", "ours"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="100 repetitions, to see that it runs")
    parser.add_argument("--near-one", action="store_true", help="worlds in which little is wrong")
    options = parser.parse_args()
    if options.near_one:
        # Before the processes are made, which take these over.
        globals().update(MEAN=0.95, SPREAD=0.08, BETWEEN=0.9, APART=3.6)
    repetitions = 100 if options.quick else options.repetitions
    jobs = [
        (study, correlated, n, repetitions)
        for study in STUDIES
        for correlated in (False, True)
        for n in SUBJECTS
    ]
    start = time.time()
    with ProcessPoolExecutor(options.processes) as pool:
        # The long jobs first, so that no process is left with one at the end.
        done = dict(pool.map(run, sorted(jobs, key=lambda job: -job[2])))
    print(f"Coverage (mean width) of nominal 95 % intervals, {repetitions:,} repetitions;")
    print(f"bootstrap: percentile, {RESAMPLES} draws of subjects; {time.time() - start:.0f} s.\n")
    print(
        "| figure | error | subjects a class | "
        + " | ".join(f"{m}, over {o}" for o, m in COLUMNS)
        + " |"
    )
    print("|---|---|--:|" + "--:|" * len(COLUMNS))
    for job in jobs:
        study, correlated, n, _ = job
        table = done[job]["table"]
        cells = [f"{table[c][0]:.3f} ({table[c][1]:.2f})" if c in table else "" for c in COLUMNS]
        how = "size-correlated" if correlated else "independent of size"
        print(f"| {study} | {how} | {n} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
