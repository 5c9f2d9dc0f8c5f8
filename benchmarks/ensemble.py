"""An ensemble against its members: the paired, nested difference from the best of them.

    python benchmarks/ensemble.py [--taleqani DATA] --weights FILE [--cache FOLDER]
        [--strategies weighted,soft_vote,stack] [--heads svm,random_forest,logistic_regression]
        [--seeds 1]

Procedural cells (the demo's: 48 subjects) are split by subject. With ``--taleqani`` that set comes
first, two classes and four; it has no subjects, so its folds are random and its cells count as
independent: those numbers say nothing about new patients. Both columns are on the outer folds'
held-out cells; the best member is chosen from each fold's training cells alone.
"""

import argparse
import time

import leukfeat as lf
from leukfeat.recipes.demo import demo_cells


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--taleqani")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--cache", default="ensemble-features")
    parser.add_argument("--strategies", default="weighted,soft_vote,stack")
    parser.add_argument("--heads", default="svm,random_forest,logistic_regression")
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    heads = given.heads.split(",")
    tasks = []
    if given.taleqani:
        for name, binary in (("Benign against the rest", True), ("four classes", False)):
            tasks.append((f"taleqani, {name}", lf.load_taleqani(given.taleqani, binary=binary)))
    for seed in range(given.seeds):
        tasks.append((f"procedural, seed {seed}", demo_cells(random_state=seed)))
    print(
        "| cells | strategy | weights (out-of-fold score) | metric | ensemble | best member |",
        end="",
    )
    print(" difference | seconds |\n|---|---|---|---|---|---|---|---|")
    for task, cells in tasks:
        features = lf.extract_features(
            cells, weights=given.weights, cache=given.cache, progress=False
        )
        split = "group" if features.subjects is not None else "random"
        for strategy in given.strategies.split(","):
            began = time.perf_counter()
            ensemble = lf.fit_ensemble(features, heads, strategy=strategy, split=split)
            seconds = time.perf_counter() - began
            shown = ", ".join(
                f"{name} {row.weight:.2f} ({row.out_of_fold_score:.3f})"
                for name, row in ensemble.summary().iterrows()
            )
            found = ensemble.difference_
            chosen = ", ".join(f"{name} {n}x" for name, n in found["chosen"].items())
            for metric in ("balanced_accuracy", "auroc"):
                if metric not in found:
                    continue
                one = found[metric]
                print(
                    f"| {task} | {strategy} | {shown} | {metric} | {one['ensemble']:.4f} | "
                    f"{one['member']:.4f} ({chosen}) | {one['estimate']:+.4f} "
                    f"({one['low']:+.4f} to {one['high']:+.4f}) | {seconds:.0f} |",
                    flush=True,
                )
            for note in ensemble.notes_:
                print(f"<!-- {task}, {strategy}: {note} -->", flush=True)


if __name__ == "__main__":
    main()
