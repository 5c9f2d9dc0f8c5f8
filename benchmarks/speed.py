"""All that was promised of speed, in one Markdown table with the machine described.

    python benchmarks/speed.py [FOLDER_OR_FILES...] [--weights FILE] [--full] [--only 1,7]
        [--taleqani DATA] [--pbc DATA]

Each item is a process of its own, and each ratio is of one run. Without images, procedural cells are
drawn; without weights the network is random, which is as fast. By default sizes are small (some
minutes); ``--full`` takes those of the promises (hours, most of them scikit-learn's own search).
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

QUICK = {
    "images": 96, "warm": 10_661, "svm_rows": 1200, "nested_rows": 500,
    "nested_heads": "svm,linear_svm,logistic_regression,random_forest,gradient_boosting,knn",
    "counts": [300, 3000], "memory_backbone": "mobilenetv2", "workers_images": 160, "each": 20,
}  # fmt: skip
FULL = {
    **QUICK, "images": 500, "svm_rows": 8500, "nested_rows": 10_661, "counts": [1000, 20_000],
    "memory_backbone": "resnet50", "workers_images": 400, "each": 40,
}  # fmt: skip
FACTORS = {"float32": 1.3, "bfloat16": 2.5, "int8": 4.0}


def item_1(given, size):
    """Images a second, disk to cached features, against the way by hand and the engine alone."""
    import extraction

    paths = extraction.images_in(given.sources)[: size["images"]]
    hand = alone = None
    for what, engine, precision, rate in extraction.measure(paths, given.weights):
        if what == "by hand":
            hand = hand or rate
            against = f"{rate:.1f} images/s" + (f", {rate / hand:.2f}x" if rate != hand else "")
            yield f"{len(paths)} images by hand ({engine})", against, ""
        elif what == "engine alone":
            alone = rate
        else:
            wanted = f"{FACTORS[precision]}x" if engine == "openvino" else ""
            yield (
                f"the same by leukfeat, {engine} {precision}",
                f"{rate:.1f} images/s, {rate / hand:.2f}x",
                wanted,
            )
            share = f"{rate / alone:.2f}"
            yield f"against the engine alone ({alone:.1f} images/s)", share, "0.9"


def item_2(given, size):
    """A call that finds every row."""
    import extraction

    here, cold = extraction.warm_call(size["warm"])
    yield f"warm call of {size['warm']:,} images", f"{here:.2f} s", "0.5 s"
    yield "the same in a new interpreter", f"{cold:.2f} s", "1.5 s"


def item_3(given, size):
    """Importing."""
    import extraction

    yield "import leukfeat", f"{extraction.import_seconds():.2f} s", "0.3 s"


def item_4(given, size):
    """fit_head("svm") against GridSearchCV(SVC), with and without oneDAL."""
    import fit_svm

    rows = size["svm_rows"]
    onedal = "without" if os.environ.get("LEUKFEAT_ONEDAL") == "0" else "with"
    fit, ours, stock, grid = fit_svm.measure(rows, 2048, 5)
    name = f"fit_head('svm'), {rows:,} x 2,048, {onedal} oneDAL"
    clock, processor = grid[1] / fit[1], grid[2] / fit[2]
    yield name, f"{fit[1]:.1f} s, {clock:.0f}x ({processor:.0f}x of processor)", "15x"
    yield "best scores apart", f"{abs(grid[3] - fit[3]):.0e}", "1e-3"
    clock, processor = stock[1] / ours[1], stock[2] / ours[2]
    yield stock[0], f"{clock:.0f}x ({processor:.0f}x of processor)", "20x"


def item_5(given, size):
    """Six heads nested by subject."""
    import nested

    total, peak = 0, 0
    for head, clock, processor, _, most, _ in nested.measure(
        size["nested_rows"], 2048, size["nested_heads"].split(",")
    ):
        total, peak = total + clock, max(peak, most)
        yield (
            f"{head} nested by subject, {size['nested_rows']:,} x 2,048, 73 subjects",
            f"{clock} s ({processor} s of processor), {most} MB",
            "",
        )
    yield "all six", f"{total / 60:.1f} min, {peak} MB at most", ""


def item_6(given, size):
    """Memory does not grow with the number of images."""
    import extraction_memory

    few, many = extraction_memory.measure(size["counts"], size["memory_backbone"], "openvino")
    yield (
        f"peak memory of {few[0]:,} and {many[0]:,} images, {size['memory_backbone']}",
        f"{few[3]:.0f} and {many[3]:.0f} MB, {many[3] - few[3]:.0f} apart",
        "300 MB",
    )


def item_7(given, size):
    """Two Dask workers of one core against one."""
    import two_workers

    one, two = two_workers.measure(size["workers_images"], given.weights, "resnet50")
    same = "rows equal" if two[2] else "rows DIFFER"
    yield "two Dask workers of one core against one", f"{two[1] / one[1]:.2f}x, {same}", "1.8x"


def item_8(given, size):
    """What less precision costs the heads."""
    import precisions

    sets = precisions.sets_of(given.taleqani, given.pbc)
    for name, n_cells, precision, accuracies in precisions.measure(
        sets, given.weights, size["each"]
    ):
        heads = zip(precisions.HEADS, accuracies, strict=True)
        yield (
            f"accuracy, {name} ({n_cells} cells), {precision}",
            ", ".join(f"{head} {value}" for head, value in heads),
            "",
        )


ITEMS = {str(i): globals()[f"item_{i}"] for i in range(1, 9)}


def machine():
    """Describe where this runs, in one line."""
    processor = platform.processor() or platform.machine()
    memory = ""
    if os.path.exists("/proc/cpuinfo"):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((x.split(":")[1].strip() for x in lines if "model name" in x), processor)
        flags = next((x.split() for x in lines if x.startswith("flags")), [])
        known = [
            f for f in ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_tile") if f in flags
        ]
        total = Path("/proc/meminfo").read_text().split()[1]
        memory = f" ({', '.join(known)}), {int(total) / 2**20:.0f} GB"
    names = [
        "numpy",
        "scikit-learn",
        "scikit-learn-intelex",
        "h5py",
        "tensorflow",
        "openvino",
        "nncf",
        "distributed",
    ]
    versions = []
    for name in names:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return (
        f"{processor}{memory}, {len(os.sched_getaffinity(0))} cores; "
        f"Python {platform.python_version()}, {', '.join(versions)}; load average at the start "
        f"{os.getloadavg()[0]:.1f}"
    )


def drawn_images(folder, n_images):
    import cv2

    import leukfeat as lf

    for i, image in enumerate(lf.make_cells(8, n_images, random_state=0).images):
        cv2.imwrite(str(Path(folder, f"{i:04}.bmp")), image[:, :, ::-1])
    return [folder]


def run(item, given, environment):
    """Run an item in a process of its own; its rows come as they are found."""
    command = [sys.executable, __file__, "--item", item, "--given", json.dumps(vars(given))]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                yield json.loads(line)["row"]
    if process.returncode:
        yield f"item {item} failed", f"exit status {process.returncode}", ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="*")
    parser.add_argument("--weights", default="random")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", default="1,2,3,4,5,6,7,8")
    parser.add_argument("--taleqani")
    parser.add_argument("--pbc")
    parser.add_argument("--item", help=argparse.SUPPRESS)
    parser.add_argument("--given", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.item:
        given = argparse.Namespace(**{**json.loads(given.given), "item": given.item})
        for row in ITEMS[given.item](given, FULL if given.full else QUICK):
            print(json.dumps({"row": row}), flush=True)
        return
    wanted = given.only.split(",")
    print(f"{machine()}\n\n| item | what | found | wanted |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        if "1" in wanted and not given.sources:
            given.sources = drawn_images(folder, (FULL if given.full else QUICK)["images"])
        for item in wanted:
            environments = [{}, {"LEUKFEAT_ONEDAL": "0"}] if item == "4" else [{}]
            for environment in environments:
                for row in run(item, given, environment):
                    print(f"| {item} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
