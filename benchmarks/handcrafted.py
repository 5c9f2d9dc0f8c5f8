"""Images a second of each hand-crafted family, against a plain loop over scikit-image.

    taskset -c 0 python benchmarks/handcrafted.py
    taskset -c 0,1 python benchmarks/handcrafted.py --jobs 2

    --images 120 --size 300 --repeat 3

Both sides are given the same procedural cells and the same masks (the segmentation is timed by itself)
and measure the same columns. The loop computes them as scikit-image's gallery does, on the bounding
box of the cell: `local_binary_pattern`, `filters.gabor` for each frequency and direction,
`graycomatrix`, `regionprops_table`, `rgb2hsv`, `rgb2lab` and `scipy.stats`. It runs over the same
joblib workers, already started. The best of the repeats counts. With one job the seconds of processor
are given too, which another user's load changes less.
"""

import argparse
import time

import joblib
import numpy as np
from scipy import stats
from skimage.color import rgb2gray, rgb2hsv, rgb2lab
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern
from skimage.filters import gabor
from skimage.measure import perimeter_crofton, regionprops, shannon_entropy
from skimage.morphology import convex_hull_image

import leukfeat as lf
from leukfeat.features.handcrafted.colour import measure_colour
from leukfeat.features.handcrafted.measuring import find_masks
from leukfeat.features.handcrafted.shape import measure_shape
from leukfeat.features.handcrafted.texture import measure_texture

SETTINGS = lf.TextureSettings()


def plain_texture(image, cell, nucleus):
    box = regionprops(cell.astype(np.uint8))[0].slice
    cell = cell[box]
    grey = (rgb2gray(image[box]) * 255).round().astype(np.uint8)
    row = []
    for radius in SETTINGS.lbp_radii:
        codes = local_binary_pattern(grey, 8 * radius, radius, method="uniform")[cell]
        row.append(np.bincount(codes.astype(int), minlength=8 * radius + 2) / cell.sum())
    unit = np.where(cell, grey / 255 - (grey[cell] / 255).mean(), 0)
    for frequency in SETTINGS.gabor_frequencies:
        answers = [
            np.hypot(*gabor(unit, frequency, theta=k * np.pi / 4, mode="constant"))[cell]
            for k in range(SETTINGS.gabor_orientations)
        ]
        row.append([np.mean([a.mean() for a in answers]), np.mean([a.std() for a in answers])])
    steps = np.where(cell, 1 + grey.astype(int) * 32 // 256, 0).astype(np.uint8)
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    pairs = graycomatrix(steps, list(SETTINGS.glcm_distances), angles, levels=33, symmetric=True)
    pairs = pairs[1:, 1:] / pairs[1:, 1:].sum(axis=(0, 1))
    for name in ("contrast", "dissimilarity", "homogeneity", "energy", "ASM", "correlation"):
        row.append(graycoprops(pairs, name).mean(axis=1))
    row.append(stats.entropy(pairs.reshape(-1, 12), base=2, axis=0))
    row.append([shannon_entropy(grey[cell])])
    return np.concatenate(row)


def plain_shape(image, cell, nucleus):
    row = []
    for mask in (cell, nucleus):
        region = regionprops(mask.astype(np.uint8))[0]
        window = np.pad(region.image, 2)
        hull = convex_hull_image(window)
        outline = perimeter_crofton(window)
        row += [
            region.area, outline, region.equivalent_diameter_area, region.axis_major_length,
            region.axis_minor_length, region.eccentricity, region.solidity,
            perimeter_crofton(hull) / outline, 4 * np.pi * region.area / outline**2,
        ]  # fmt: skip
    # Lobes and nucleoli have no counterpart in a gallery: they are left out on this side.
    return np.array([*row, nucleus.sum() / cell.sum()])


def plain_colour(image, cell, nucleus):
    row = []
    for space in (image, rgb2hsv(image), rgb2lab(image)):
        values = space[cell]
        row += [values.mean(0), values.std(0), stats.skew(values), stats.kurtosis(values)]
        row += list(np.percentile(values, [10, 25, 50, 75, 90], axis=0))
    return np.concatenate(row)


def our_texture(image, cell, nucleus):
    return measure_texture(image, cell, SETTINGS)


def our_shape(image, cell, nucleus):
    return measure_shape(cell, nucleus, image)


def our_colour(image, cell, nucleus):
    return measure_colour(image, cell)


def our_masks(image, cell, nucleus):
    return find_masks(image, "default")


PAIRS = {
    "texture": (our_texture, plain_texture),
    "shape": (our_shape, plain_shape),
    "colour": (our_colour, plain_colour),
    "segmentation": (our_masks, None),
}


def rate(measure, rows, jobs, repeat):
    """Images a second on the clock, and milliseconds of processor an image."""
    best, work = np.inf, np.inf
    with joblib.Parallel(n_jobs=jobs) as workers:
        workers(joblib.delayed(measure)(*row) for row in rows[: 4 * jobs])  # start and import
        for _ in range(repeat):
            start, processor = time.perf_counter(), time.process_time()
            workers(joblib.delayed(measure)(*row) for row in rows)
            best = min(best, time.perf_counter() - start)
            work = min(work, time.process_time() - processor)
    of_processor = f"{1e3 * work / len(rows):.1f}" if jobs == 1 else ""
    return f"{len(rows) / best:.1f} | {of_processor}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=120)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    cells = lf.make_cells(8, given.images, size=given.size, random_state=0)
    rows = [(image, *find_masks(image, "default")) for image in cells.images]
    rows = [row for row in rows if row[2].any()]
    area = np.mean([row[1].sum() for row in rows])
    print(f"{len(rows)} cells of {area:.0f} px in {given.size} x {given.size}, {given.jobs} jobs")
    print("| family | leukfeat, images/s | ms of processor | plain loop, images/s | ms |")
    print("|---|---|---|---|---|")
    for name, (ours, plain) in PAIRS.items():
        mine = rate(ours, rows, given.jobs, given.repeat)
        theirs = " | " if plain is None else rate(plain, rows, given.jobs, given.repeat)
        print(f"| {name} | {mine} | {theirs} |", flush=True)


if __name__ == "__main__":
    main()
