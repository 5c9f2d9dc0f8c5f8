"""What helps on Taleqani's far file numbers, chosen without the held-out fields.

    python benchmarks/far_ablation.py --pbc DATA --taleqani DATA --weights FILE [--cache FOLDER]
    python benchmarks/far_ablation.py ... --stages views     # only this one, from the setting as it is

`benchmarks/ablation.py` chose on neighbouring file numbers, where Taleqani stood at its ceiling, and what
it chose fell by half on far ones. Here the fields with the lowest numbers of a class (its training part)
are trained on and 40 from the middle of its numbers judge; the fields with the highest numbers, which
`ablation.py` held out, are not read. PBC is judged as there, in five blocks of its training part. A stage
changes the setting where the mean of the two balanced accuracies rises by more than `MARGIN`. The stage
`views`, the mean over the eight flips and turns of a cell, costs eight times the extraction: `--every 4`
judges by every fourth of the judging fields and of PBC's cells, for all settings alike.
"""

import argparse
import dataclasses
import time

import numpy as np
from ablation import HELD_OUT, LAYERS, TRAINING, Part, left_out_in_turn, parts_of
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import leukfeat as lf
from leukfeat.imaging import MacenkoNormalizer, Preparation, ReinhardNormalizer
from leukfeat.imaging.reading import read_image

MARGIN = 0.01
MIDDLE = 40
"""Fields a class that judge."""

CROPS = (176, None, 144, 112)
COLOURS = (None, "gray_world", "shades_of_gray", "subtract_center_mean", "reinhard", "macenko")
LAYER_SETS = (
    ("conv3", "conv4"),
    ("conv3",),
    ("conv4",),
    ("conv4", "conv5"),
    ("conv3", "conv4", "conv5"),
    ("conv5",),
)

STAGES = {
    "crop": ("crop", CROPS),
    "layers": ("layers", LAYER_SETS),
    "colour": ("colour", COLOURS),
    "layers-again": ("layers", LAYER_SETS),
    "views": ("views", (1, "dihedral")),
}
"""What each stage changes, and to what."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """One point of the grid; the first one is `leukfeat-best` as it was."""

    crop: int | None = 176
    colour: str | None = None
    layers: tuple[str, ...] = ("conv3", "conv4")
    views: int | str = 1


def middle_of(cells):
    """Return the fields in the middle of the numbers of each class, none of them held out."""
    number = cells.column("number").astype(int)
    chosen = []
    for label in np.unique(cells.y):
        rows = np.flatnonzero(cells.y == label)
        rows = rows[np.argsort(number[rows], kind="stable")]
        rows = rows[TRAINING["taleqani"] : -HELD_OUT["taleqani"]]
        start = (len(rows) - MIDDLE) // 2
        chosen.append(rows[start : start + MIDDLE])
    return cells[np.concatenate(chosen)]


class Judge:
    """Scores of settings on both sets."""

    def __init__(self, given):
        taleqani, pbc = lf.load_taleqani(given.taleqani), lf.load_pbc(given.pbc)
        self.near, _ = parts_of("taleqani", taleqani)
        self.middle = Part(middle_of(taleqani)[:: given.every], np.array([]))
        whole, _ = parts_of("pbc", pbc)
        self.pbc = Part(whole.cells[:: given.every], whole.blocks[:: given.every])
        self.weights, self.cache = given.weights, given.cache

    def features(self, part, setting, fitted_on):
        """Return the FeatureSet of a part; stain normalisers learn from the training part."""
        preparation = None
        if setting.colour in ("reinhard", "macenko"):
            kind = {"reinhard": ReinhardNormalizer, "macenko": MacenkoNormalizer}[setting.colour]
            images = [read_image(path) for path in fitted_on.cells.images[::4]]
            preparation = Preparation(kind().fit(images))
        elif setting.colour:
            preparation = Preparation(setting.colour)
        deep = lf.extract_features(
            part.cells,
            weights=self.weights,
            cache=self.cache,
            layers=tuple(LAYERS),
            crop=setting.crop,
            views=setting.views,
            preparation=preparation,
            progress=False,
        )
        starts = dict(zip(LAYERS, np.cumsum([0, *LAYERS.values()])[:-1], strict=True))
        columns = [deep.X[:, starts[n] : starts[n] + LAYERS[n]] for n in setting.layers]
        return lf.FeatureSet(
            np.concatenate(columns, axis=1),
            deep.y,
            groups=part.blocks if len(part.blocks) else None,
            ids=deep.ids,
            class_names=deep.class_names,
            name=deep.name,
        )

    def score(self, setting):
        """Return balanced accuracy on Taleqani's middle, on PBC's blocks, and their mean."""
        started = time.perf_counter()
        learnt = self.features(self.near, setting, self.near)
        asked = self.features(self.middle, setting, self.near)
        asked = asked[~np.isin(asked.ids, learnt.ids)]
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
        model.fit(learnt.X, learnt.y)
        far = balanced_accuracy_score(asked.y, model.predict(asked.X))
        blocks = left_out_in_turn(self.features(self.pbc, setting, self.pbc), None)
        mean = (far + blocks) / 2
        print(
            f"  {mean:.3f} (taleqani far {far:.3f}, pbc {blocks:.3f}; "
            f"{time.perf_counter() - started:.0f} s) {setting}",
            flush=True,
        )
        return mean

    def stage(self, best, changes):
        """Return the best setting of a stage; the first change is what would stay."""
        candidates = [dataclasses.replace(best, **change) for change in changes]
        scores = [self.score(one) for one in candidates]
        top = int(np.argmax(scores))
        return candidates[top] if scores[top] > scores[0] + MARGIN else candidates[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pbc", required=True)
    parser.add_argument("--taleqani", required=True)
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--cache", default="ablation-features")
    parser.add_argument("--every", type=int, default=1, help="judge by every n-th cell")
    parser.add_argument("--stages", nargs="+", choices=list(STAGES), default=list(STAGES))
    given = parser.parse_args()
    judge = Judge(given)
    best = Setting()
    for title in given.stages:
        name, values = STAGES[title]
        print(f"{title}:", flush=True)
        now = getattr(best, name)
        ordered = [now, *(value for value in values if value != now)]
        best = judge.stage(best, [{name: value} for value in ordered])
    print(f"chosen: {best}")


if __name__ == "__main__":
    main()
