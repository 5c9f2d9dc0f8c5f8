"""What each mistake of the literature adds to a figure, where the truth is known.

    python benchmarks/habits.py --weights FILE [--seeds 5] [--first 0] [--out FOLDER]

Procedural cells of 60 subjects are drawn; 24 subjects are what a study has, the others are the future.
A recipe is run on the 24 with one habit switched on, and gives the figure that a study would report. The
truth is what the same system, fit on all 24 subjects, reaches on the cells of the other 36, which no
fit, selection or standardisation has seen. What is added is the difference, with a 95 % interval (Student's t
over the seeds). Without a habit it is a little below 0: a fold is fit on fewer subjects.

For `select_before_split` there is also gene expression (64 samples of 2,000 genes, 10 informative; 400 to come).
With `--out` a second run goes on, with the same seeds and weights.
"""

import argparse
import dataclasses
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy import stats

import leukfeat as lf
from leukfeat.evaluation import Evaluation
from leukfeat.evaluation.predicting import predict_cells
from leukfeat.recipes import load_recipe, make_expression_matrix, run_recipe
from leukfeat.recipes.habits import augmented_before_split, with_channels_reversed
from leukfeat.recipes.route import RunSettings
from leukfeat.recipes.routes import make_routes

METRICS = ("accuracy", "auroc")
SVM = {"head": {"names": ["svm"], "members": []}}


@dataclasses.dataclass(frozen=True)
class Study:
    """A recipe and the habits that are switched on."""

    name: str
    recipe: str
    habits: tuple[str, ...] = ()
    changes: dict = dataclasses.field(default_factory=dict, compare=False)


ANOVA = {"selection": {"methods": ["anova"], "n_features": 64}}
STUDIES = (
    Study("resnet50-svm", "resnet50-svm"),
    Study("resnet50-svm", "resnet50-svm", ("random_split",)),
    Study("resnet50-svm", "resnet50-svm", ("augment_before_split",)),
    Study("resnet50-svm", "resnet50-svm", ("random_split", "augment_before_split")),
    Study("resnet50-svm", "resnet50-svm", ("bgr",)),
    Study("resnet50-svm", "resnet50-svm", ("random_split", "augment_before_split", "bgr")),
    Study("resnet50-svm, best 64 by ANOVA", "resnet50-svm", (), ANOVA),
    Study("resnet50-svm, best 64 by ANOVA", "resnet50-svm", ("select_before_split",), ANOVA),
    Study("random-forest", "random-forest"),
    Study("random-forest", "random-forest", ("standardise_before_split",)),
    Study("random-forest", "random-forest", ("random_split",)),
    Study("random-forest", "random-forest", ("random_split", "standardise_before_split")),
    Study("ldsvm (SVM)", "ldsvm", (), SVM),
    Study("ldsvm (SVM)", "ldsvm", ("select_before_split",), SVM),
)


def of_studies(seed, kind):
    """Return the data, and which rows a study has."""
    if kind == "matrix":
        data = make_expression_matrix(464, 2000, n_informative=10, random_state=seed)
        return data, np.arange(len(data)) < 64
    data = lf.make_cells(60, 600, size=224, random_state=seed)
    rng = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(data.y):
        subjects = rng.permutation(np.unique(data.subjects[data.y == label].astype(str)))
        chosen += list(subjects[: round(0.4 * len(subjects))])
    return data, np.isin(data.subjects.astype(str), chosen)


def reported(recipe, data, habits, weights, cache, out, seed):
    """Return the figures that a study with these habits would print."""
    result = run_recipe(
        recipe.override({"habits": list(habits)}),
        data,
        weights=weights,
        cache=cache,
        output=out,
        as_published=bool(habits),
        random_state=seed,
        progress=False,
    )
    # A random split that is all the mistake is the published split itself.
    wrong = "as_published" if result.modes[-1].key == "as_published" else "theirs"
    one = result[result.variants[0], wrong if habits else "group"]
    return [one[metric].estimate for metric in METRICS]


def truth(recipe, data, known, habits, settings, folder):
    """Return the figures of the same system on what was still to come."""
    have, future = data[np.flatnonzero(known)], data[np.flatnonzero(~known)]
    if "bgr" in habits:
        have = with_channels_reversed(have, folder / "have")
        future = with_channels_reversed(future, folder / "future")
    if "augment_before_split" in habits:
        have = augmented_before_split(have, folder / "copies", random_state=settings.random_state)
    n = len(have)
    if recipe.kind == "matrix":
        both = data
        assert known[:n].all()
    else:
        both = have.concat(future)
    route = next(make_routes(recipe, both, settings))
    model, asked = route.fit(np.arange(n), np.arange(n, len(both)), "group", None)
    one = Evaluation(predict_cells(model, asked, rows=np.arange(len(asked)), repeat=0, fold=0))
    return [one[metric].estimate for metric in METRICS]


def interval(values):
    """Return a mean with Student's interval over seeds, as text."""
    mean, n = np.mean(values), len(values)
    if n < 2:
        return f"{mean:+.3f}"
    half = stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / n**0.5
    return f"{mean:+.3f} ({mean - half:+.3f} to {mean + half:+.3f})"


def run_study(study, seed, weights, root):
    """Return reported and true figures of one study and seed."""
    recipe = load_recipe(study.recipe).override(
        {**study.changes, "split": {"theirs": "group", "n_splits": 4}}
    )
    data, known = of_studies(seed, recipe.kind)
    cache = None if recipe.kind == "matrix" else root / "cache"
    settings = RunSettings(weights=weights, cache=cache, random_state=seed, progress=False)
    out = root / study.name.replace(" ", "-") / str(seed)
    # Of the habits only these make another system; what is true of it is computed once.
    another = [h for h in study.habits if h in ("bgr", "augment_before_split")]
    kept = out / f"truth-{'-'.join(another)}.json"
    if kept.exists():
        found = json.loads(kept.read_text())
    else:
        with tempfile.TemporaryDirectory() as folder:
            found = truth(recipe, data, known, another, settings, Path(folder))
        out.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found))
    return (
        reported(recipe, data[np.flatnonzero(known)], study.habits, weights, cache, out, seed),
        found,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="random")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", help="recipes with this in their name")
    given = parser.parse_args()
    root = given.out or Path(tempfile.mkdtemp())
    root.mkdir(parents=True, exist_ok=True)
    seeds = range(given.first, given.first + given.seeds)
    print(
        f"{given.seeds} seeds from {given.first}, weights of ResNet50: {Path(given.weights).name}"
    )
    print(
        "| recipe | habits | accuracy reported | accuracy in truth | added | AUROC reported | "
        "AUROC in truth | added | s |\n|---|---|---|---|---|---|---|---|---|"
    )
    for study in STUDIES:
        if given.only and given.only not in study.name:
            continue
        start = time.perf_counter()
        # Studies of a recipe, seeds, reported or true, figures.
        found = np.array([run_study(study, seed, given.weights, root) for seed in seeds])
        row = [study.name, ", ".join(study.habits) or "none"]
        for k in range(len(METRICS)):
            said, true = found[:, 0, k], found[:, 1, k]
            row += [f"{said.mean():.3f}", f"{true.mean():.3f}", interval(said - true)]
        row.append(f"{time.perf_counter() - start:.0f}")
        print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
