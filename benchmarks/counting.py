"""Counting the cells of whole fields against boxes drawn by people, and against exact truth.

    python benchmarks/counting.py ../shared/data/bccd --split development   # the first 91 fields
    python benchmarks/counting.py ../shared/data/bccd --split held-out      # the last 91
    python benchmarks/counting.py --procedural                              # make_smear

The folder holds the JPEG images and VOC files of BCCD (Shenggan/BCCD_Dataset, MIT). Every setting
of leukfeat was chosen on the first half of its files in the order of their names. Red cells are
counted twice: where their centre lies in the field (the default), and where 0.7 of their outline
does, which is what the annotators of the first half box.
"""

import argparse
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import numpy as np

from leukfeat.data.procedural import make_smear
from leukfeat.imaging import find_cells, read_image

KINDS = {"WBC": "white", "RBC": "red", "Platelets": "platelet"}
TYPES = ("white", "red", "platelet")
Boxes = dict[str, np.ndarray]


def read_boxes(path: Path) -> Boxes:
    found: dict[str, list] = {name: [] for name in TYPES}
    for thing in ElementTree.parse(path).getroot().iter("object"):
        box = [int(thing.findtext(f"bndbox/{key}")) for key in ("ymin", "xmin", "ymax", "xmax")]
        found[KINDS[thing.findtext("name")]].append(box)
    return {name: np.array(rows, float).reshape(-1, 4) for name, rows in found.items()}


def boxes_of(image: np.ndarray, visible: float) -> Boxes:
    frame = find_cells(image, types=TYPES, visible=visible).frame
    sides = ["top", "left", "bottom", "right"]
    return {name: frame.loc[frame["type"] == name, sides].to_numpy(float) for name in TYPES}


def matches(found: np.ndarray, true: np.ndarray, least: float = 0.5) -> int:
    """Count pairs of boxes, best first, each box once, with an IoU of at least `least`."""
    top = np.maximum(found[:, None, :2], true[None, :, :2])
    bottom = np.minimum(found[:, None, 2:], true[None, :, 2:])
    shared = np.clip(bottom - top, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (found, true)]
    iou = shared / (areas[0][:, None] + areas[1][None] - shared)
    count = 0
    while iou.size and iou.max() >= least:
        i, j = np.unravel_index(iou.argmax(), iou.shape)
        iou[i], iou[:, j] = 0, 0
        count += 1
    return count


def percentage_error(found: np.ndarray, true: np.ndarray) -> str:
    some = true > 0
    error = np.abs(found[some] - true[some]) / true[some]
    return f"{100 * error.mean():.1f} %"


def row(name: str, pairs: list[tuple[np.ndarray, np.ndarray]]) -> str:
    found, true = (np.array([len(pair[i]) for pair in pairs]) for i in (0, 1))
    hits = sum(matches(*pair) for pair in pairs)
    precision, recall = hits / max(found.sum(), 1), hits / max(true.sum(), 1)
    exact = (found == true).mean()
    return (
        f"| {name} | {true.sum()} | {found.sum()} | {precision:.3f} | {recall:.3f} | "
        f"{percentage_error(found, true)} | {np.abs(found - true).mean():.2f} | {100 * exact:.0f} % |"
    )


HEAD = (
    "| cells | boxed | found | precision | recall | mean absolute percentage error | mean absolute "
    "error | count exact |\n|---|---|---|---|---|---|---|---|"
)


def table_of_fields(folder: Path, split: str) -> None:
    files = sorted(folder.glob("*.xml"))
    half = len(files) // 2
    mine = files[:half] if split == "development" else files[half:]
    truth = [read_boxes(path) for path in mine]
    by_visible = {
        visible: [boxes_of(read_image(path.with_suffix(".jpg")), visible) for path in mine]
        for visible in (0.5, 0.7)
    }
    print(f"BCCD, {len(mine)} fields ({split}); boxes match at an IoU of 0.5\n\n{HEAD}")
    for name in TYPES:
        print(row(name, [(f[name], t[name]) for f, t in zip(by_visible[0.5], truth, strict=True)]))
    strict = [(f["red"], t["red"]) for f, t in zip(by_visible[0.7], truth, strict=True)]
    print(row("red, visible=0.7", strict))
    print("\n| rival | mean absolute percentage error | count exact |\n|---|---|---|")
    first = [read_boxes(path) for path in files[:half]]
    for name, kind in (("always one white cell", "white"), ("always the usual number", "red")):
        usual = 1 if kind == "white" else int(np.median([len(t[kind]) for t in first]))
        true = np.array([len(t[kind]) for t in truth])
        error = percentage_error(np.full(len(true), usual), true)
        print(f"| {name} ({kind}: {usual}) | {error} | {100 * (true == usual).mean():.0f} % |")
    print("\nPercentage errors are over the fields with at least one such cell.")


def table_of_touching(seeds: int) -> None:
    print(f"Procedural fields of 720x960 pixels, {seeds} a row: 5 white, 60 red, 6 platelets\n")
    print("| share put against another | type | " + HEAD.split("\n")[0].split("| ", 2)[2])
    print("|---" * 9 + "|")
    for touching in (0.0, 0.15, 0.3, 0.5, 0.7, 0.9):
        smears = [
            make_smear(5, 60, 6, size=(720, 960), touching=touching, random_state=seed)
            for seed in range(seeds)
        ]
        found = [boxes_of(smear.image, 0.5) for smear in smears]
        sides = ["top", "left", "bottom", "right"]
        for name in TYPES:
            pairs = []
            for smear, boxes in zip(smears, found, strict=True):
                rows = smear.cells[smear.cells["type"] == name]
                pairs.append((boxes[name], rows[sides].to_numpy(float)))
            print(f"| {touching:g} {row(name, pairs)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--split", choices=["development", "held-out"], default="development")
    parser.add_argument("--procedural", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.procedural:
        table_of_touching(options.seeds)
    elif options.folder is None:
        parser.error("give the folder of BCCD, or --procedural")
    else:
        table_of_fields(options.folder, options.split)


if __name__ == "__main__":
    main()
