"""Six heads nested by subject: tuned inside, judged outside, by time and by peak memory.

    python benchmarks/nested.py [--rows 10661] [--features 2048] [--heads svm,knn] [--tasks 1]

Numbers are drawn, with 73 subjects of the sizes of C-NMC's. Each head is a process of its own:
five outer folds, in each its whole grid in five inner folds, all by subject.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from drawn_features import cnmc_like

HEADS = "svm,linear_svm,logistic_regression,random_forest,gradient_boosting,knn"

RUN = """
import resource, sys, time
import numpy as np
import leukfeat as lf
folder, head, tasks = sys.argv[1:]
X, y, subject = (np.load(f"{folder}/{name}.npy") for name in ("X", "y", "subject"))
features = lf.FeatureSet(X, y, subjects=subject.astype(str), class_names=("hem", "all"), positive="all")
def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, clock, processor = megabytes(), time.perf_counter(), time.process_time()
result = lf.cross_validate_heads(features, head, n_jobs=int(tasks))[head]
clock, processor = time.perf_counter() - clock, time.process_time() - processor
print(f"{clock:.0f} {processor:.0f} {before:.0f} {megabytes():.0f}", result["auroc"], sep="|")
"""


def measure(n_rows, n_features, heads, tasks=1):
    """Yield ``(head, seconds, of processor, MB before, MB at most, AUROC)`` head by head."""
    X, y, subject = cnmc_like(n_rows, n_features)
    with tempfile.TemporaryDirectory() as folder:
        for name, values in (("X", X), ("y", y), ("subject", subject)):
            np.save(Path(folder, f"{name}.npy"), values)
        del X
        for head in heads:
            command = [sys.executable, "-c", RUN, folder, head, str(tasks)]
            said = subprocess.run(command, capture_output=True, text=True)
            if said.returncode:
                print(said.stderr[-2000:], file=sys.stderr)
                said.check_returncode()
            numbers, auroc = said.stdout.strip().split("|")
            yield head, *map(int, numbers.split()), auroc


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_661)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--heads", default=HEADS)
    parser.add_argument("--tasks", type=int, default=1, help="outer folds at once")
    given = parser.parse_args()
    print(
        f"{given.rows} x {given.features} float32, "
        f"{4 * given.rows * given.features / 2**20:.0f} MB, 73 subjects, {os.cpu_count()} cores\n"
    )
    print("| head | s | s of processor | peak memory, MB | of which before | AUROC by subject |")
    print("|---|---|---|---|---|---|", flush=True)
    total, peak = np.zeros(2), 0
    for head, clock, processor, before, most, auroc in measure(
        given.rows, given.features, given.heads.split(","), given.tasks
    ):
        total += clock, processor
        peak = max(peak, most)
        print(f"| {head} | {clock} | {processor} | {most} | {before} | {auroc} |", flush=True)
    print(f"| all | {total[0]:.0f} | {total[1]:.0f} | {peak} | | |")


if __name__ == "__main__":
    main()
