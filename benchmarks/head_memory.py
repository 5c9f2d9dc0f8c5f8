"""Memory that fitting a head takes beside its rows, in bytes a number; each fit is a process.

    python benchmarks/head_memory.py [--rows 10000,30000] [--features 2048]

A pipeline is fit once as it is built, liblinear in five iterations: its copy of the rows is the same.
"""

import argparse
import resource
import subprocess
import sys
import warnings

import numpy as np

HEADS = ("logistic_regression", "naive_bayes", "knn", "linear_svm")


def peak():
    """Return the most memory this process has had, in bytes (Linux counts in 1,024)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def fit(name, n_rows, n_features):
    """Return bytes a number beside the rows."""
    from leukfeat.heads.registry import build_head

    pipeline, _ = build_head(name)
    if name == "linear_svm":
        pipeline.set_params(classifier__max_iter=5)
    X = np.random.default_rng(0).standard_normal((n_rows, n_features), dtype=np.float32)
    y = np.arange(n_rows) % 2
    X[:, :20] += 0.3 * y[:, None]
    warnings.simplefilter("ignore")
    pipeline.fit(X[:200], y[:200])  # what the libraries take by themselves
    before = peak()
    pipeline.fit(X, y)
    return (peak() - before) / X.size


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="10000,30000")
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--head", help="fit one, and print its figure alone")
    given = parser.parse_args()
    if given.head is not None:
        print(round(fit(given.head, int(given.rows), given.features), 1))
        return
    print("| head | rows | bytes a number |\n|---|---|---|")
    for name in HEADS:
        for rows in given.rows.split(","):
            command = [sys.executable, __file__, "--head", name, "--rows", rows]
            command += ["--features", str(given.features)]
            found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            print(f"| {name} | {int(rows):,} | {found.strip()} |", flush=True)


if __name__ == "__main__":
    main()
