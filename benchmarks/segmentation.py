"""Dice, IoU and speed of every segmentation method, as Markdown tables.

    python benchmarks/segmentation.py ../shared/data/wbc_masks              # images 1 to 200
    python benchmarks/segmentation.py ../shared/data/wbc_masks --held-out   # images 201 to 300
    python benchmarks/segmentation.py ../shared/data/wbc_masks --changes    # other stains, ...
    python benchmarks/segmentation.py ../shared/data/wbc_masks --speed

The folder holds NNN.png and NNN_mask.png (0 background, 128 cytoplasm, 255 nucleus), as in
dataset 1 of Zheng et al. (2018). Every setting of leukfeat was chosen on images 1 to 200.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from joblib import Parallel, delayed
from scipy import stats

from leukfeat.imaging import SEGMENTATION_METHODS, PixelSVM, read_image, segment

N_DEVELOPMENT = 200


def load(folder: Path, numbers: range) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    for number in numbers:
        image = read_image(folder / f"{number:03d}.png")
        mask = cv2.imread(str(folder / f"{number:03d}_mask.png"), cv2.IMREAD_GRAYSCALE)
        yield number, image, np.digitize(mask, (64, 192)).astype(np.uint8)


def dice(found: np.ndarray, true: np.ndarray) -> float:
    total = int(found.sum()) + int(true.sum())
    return 2 * int((found & true).sum()) / total if total else 1.0


def scores(image: np.ndarray, truth: np.ndarray, method: object) -> tuple[float, float]:
    found = segment(image, method=method)  # type: ignore[arg-type]
    return dice(found.nucleus, truth == 2), dice(found.cell, truth > 0)


def iou(value: np.ndarray) -> np.ndarray:
    return value / (2 - value)


def table_of_methods(folder: Path, numbers: range, methods: list[str]) -> None:
    cells = list(load(folder, numbers))
    print(f"{len(cells)} images, {numbers.start} to {numbers.stop - 1}\n")
    print("| method | nucleus Dice mean | median | IoU mean | cell Dice mean | median | IoU mean |")
    print("|---|---|---|---|---|---|---|")
    worst: list[str] = []
    found: dict[str, np.ndarray] = {}
    for name in methods:
        method: object = name
        if name == "pixel_svm":
            train = list(load(folder, range(1, N_DEVELOPMENT + 1, 4)))
            method = PixelSVM().fit([c[1] for c in train], [c[2] for c in train])
        values = np.array([scores(image, truth, method) for _, image, truth in cells])
        found[name] = values
        columns = []
        for part in values.T:
            columns += [part.mean(), np.median(part), iou(part).mean()]
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in columns) + " |", flush=True)
        if name == "default":
            for column, what in enumerate(("nucleus", "cell")):
                order = np.argsort(values[:, column])[:10]
                listed = ", ".join(f"{cells[i][0]} ({values[i, column]:.2f})" for i in order)
                worst.append(f"Worst ten of the default, {what}: {listed}.")
    print("\n" + "\n\n".join(worst))
    against_clustering(found)
    if "pixel_svm" in methods:
        print(f"\npixel_svm learnt from every fourth of images 1 to {N_DEVELOPMENT}.")


def against_clustering(found: dict[str, np.ndarray]) -> None:
    """Compare watershed with each clustering, image by image."""
    clusterings = [name for name in found if name.startswith(("kmeans", "mixture"))]
    if "watershed" not in found or not clusterings:
        return
    print("\n| watershed less | part | mean difference of Dice (95 %) | watershed better in |")
    print("|---|---|---|---|")
    for name in clusterings:
        for column, part in enumerate(("nucleus", "cell")):
            less = found["watershed"][:, column] - found[name][:, column]
            half = stats.t.ppf(0.975, len(less) - 1) * less.std(ddof=1) / np.sqrt(len(less))
            print(
                f"| {name} | {part} | {less.mean():+.3f} ({less.mean() - half:+.3f} to "
                f"{less.mean() + half:+.3f}) | {(less > 0).mean():.0%} |"
            )


def resized(factor: float) -> Callable:
    def change(image: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = tuple(round(side * factor) for side in truth.shape[::-1])
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        return (
            cv2.resize(image, size, interpolation=how),
            cv2.resize(truth, size, interpolation=cv2.INTER_NEAREST),
        )

    return change


def coloured(change: Callable[[np.ndarray], np.ndarray]) -> Callable:
    def both(image: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.clip(np.rint(change(image.astype(np.float64))), 0, 255).astype(np.uint8), truth

    return both


def turned_hue(degrees: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(image: np.ndarray) -> np.ndarray:
        hsv = cv2.cvtColor(image.astype(np.uint8), cv2.COLOR_RGB2HSV).astype(int)
        hsv[..., 0] = (hsv[..., 0] + round(degrees / 2)) % 180
        return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)

    return change


CHANGES: dict[str, Callable] = {
    "as it is": coloured(lambda i: i),
    "half the size": resized(0.5),
    "four times the size": resized(4.0),
    "hue -30 degrees": coloured(turned_hue(-30)),
    "hue +30 degrees": coloured(turned_hue(30)),
    "brightness x 0.6": coloured(lambda i: 0.6 * i),
    "brightness x 1.15 (clipped)": coloured(lambda i: 1.15 * i),
    "yellower light": coloured(lambda i: i * (1.0, 0.97, 0.75)),
    "bluer light": coloured(lambda i: i * (0.85, 0.95, 1.0)),
    "weaker stain (gamma 0.7)": coloured(lambda i: 255 * (i / 255) ** 0.7),
    "stronger stain (gamma 1.4)": coloured(lambda i: 255 * (i / 255) ** 1.4),
    "blur, sigma 1 px": coloured(lambda i: cv2.GaussianBlur(i, (0, 0), 1)),
    "blur, sigma 2 px": coloured(lambda i: cv2.GaussianBlur(i, (0, 0), 2)),
    "noise, sigma 10": coloured(lambda i: i + np.random.default_rng(0).normal(0, 10, i.shape)),
}


def table_of_changes(folder: Path, numbers: range) -> None:
    cells = list(load(folder, numbers))
    print(f"Default method, {len(cells)} images, {numbers.start} to {numbers.stop - 1}\n")
    print("| change | nucleus Dice | cell Dice | cells below 0.8 |")
    print("|---|---|---|---|")
    for name, change in CHANGES.items():
        values = np.array([scores(*change(i, t), "default") for _, i, t in cells])
        print(
            f"| {name} | {values[:, 0].mean():.3f} | {values[:, 1].mean():.3f} | "
            f"{int((values[:, 1] < 0.8).sum())} |",
            flush=True,
        )


def table_of_speed(folder: Path, methods: list[str]) -> None:
    images = [image for _, image, _ in load(folder, range(1, 61))]
    large = [cv2.resize(image, (360, 360)) for image in images[:30]]
    print("| method | 120 x 120, 1 core | 2 cores | 360 x 360, 1 core | 2 cores |")
    print("|---|---|---|---|---|")
    for name in methods:
        if name == "pixel_svm":
            continue
        rates = []
        for batch in (images, large):
            for n_jobs in (1, 2):
                with Parallel(n_jobs=n_jobs) as parallel:
                    work = [delayed(segment)(image, method=name) for image in batch]
                    parallel(work[:4])
                    start = time.perf_counter()
                    parallel(work)
                    rates.append(len(batch) / (time.perf_counter() - start))
        print(f"| {name} | " + " | ".join(f"{rate:.0f}" for rate in rates) + " |")
    print("\nImages a second.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--held-out", action="store_true", help="images 201 to 300")
    parser.add_argument("--changes", action="store_true", help="robustness of the default")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--methods", nargs="+", default=[*SEGMENTATION_METHODS, "pixel_svm"])
    options = parser.parse_args()
    cv2.setNumThreads(1)
    numbers = range(201, 301) if options.held_out else range(1, N_DEVELOPMENT + 1)
    if options.speed:
        table_of_speed(options.folder, options.methods)
    elif options.changes:
        table_of_changes(options.folder, numbers)
    else:
        table_of_methods(options.folder, numbers, options.methods)


if __name__ == "__main__":
    main()
