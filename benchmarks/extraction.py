"""Images a second from disk to features: by hand with Keras, by leukfeat, and by the engine alone.

    python benchmarks/extraction.py FOLDER_OR_FILES... --weights WEIGHTS.h5 --images 200

prints one Markdown table; the ratios are of one run.
"""

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import leukfeat as lf
from leukfeat.features.backbones import find_backbone
from leukfeat.features.cell_reading import network_inputs
from leukfeat.features.engines import installed_engines, load_engine
from leukfeat.features.feature_set import CONTROL_COLUMNS
from leukfeat.features.space import choose_space, make_spec
from leukfeat.features.weights import find_weights
from leukfeat.imaging.reading import read_image
from leukfeat.native_libraries import import_native

ENDINGS = (".bmp", ".jpg", ".png", ".tif")


def seconds(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def by_hand(paths, weights):
    """The way it is written in a notebook; the model is built and warmed up before the clock."""
    import keras

    given = None if weights == "random" else weights
    model = keras.applications.ResNet50(include_top=False, weights=given, pooling="avg")

    def run(some):
        load = keras.utils.load_img
        x = np.stack(
            [
                np.array(load(p, target_size=(224, 224), interpolation="bilinear"), "f4")
                for p in some
            ]
        )
        return model.predict(
            keras.applications.resnet50.preprocess_input(x), batch_size=32, verbose=0
        )

    # With a last batch as short as the one to come: `predict` compiles for each size of a batch.
    run(paths[: 32 + len(paths) % 32])
    return seconds(lambda: run(paths))


def by_hand_on_torch(paths, weights):
    """The same lines with Keras on PyTorch, in an interpreter of its own; None without PyTorch."""
    if importlib.util.find_spec("torch") is None:
        return None
    code = (
        "import json, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from extraction import by_hand\n"
        "paths, weights = json.load(sys.stdin)\n"
        "print(by_hand(paths, weights))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps([[str(path) for path in paths], str(weights)]),
        env={**os.environ, "KERAS_BACKEND": "torch"},
        capture_output=True, text=True,
    )  # fmt: skip
    if said.returncode:
        raise RuntimeError(f"Keras on PyTorch failed:\n{said.stderr[-2000:]}")
    return float(said.stdout.split()[-1])


def settings(engine, precision, calibration):
    given = {"engine": engine, "precision": precision}
    return given if precision != "int8" else {**given, "calibration": calibration.path}


def engine_of(weights, engine, precision, calibration):
    backbone = find_backbone("resnet50")
    source = find_weights(backbone, weights)
    spec = make_spec(
        backbone, source, layers="avg_pool", pooling="avg", mask=None, input_size=None, crop=None,
        preparation=None, views=1, precision=precision,
        calibration=calibration.digest if precision == "int8" else None,
    )  # fmt: skip
    spec, _ = choose_space(spec, engine, None, len)
    return spec, load_engine(spec, source)


def offered(precision):
    """Whether this processor has the arithmetic: not all have bfloat16."""
    if precision != "bfloat16":
        return True
    openvino = import_native("openvino")
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def calibrated(paths, weights, folder):
    """Return the network in 8 bits and the seconds it took, or None where NNCF is not installed."""
    started = time.perf_counter()
    try:
        made = lf.calibrate_int8(
            paths[:100], Path(folder, "a.int8"), weights=weights, progress=False
        )
    except ImportError:
        return None, 0.0
    return made, time.perf_counter() - started


def warm_call(n_rows):
    """Seconds of a call that finds every row, in this process and in a new interpreter."""
    from leukfeat.features.store import StoreWriter, store_path
    from leukfeat.imaging.pixel_key import pixel_key

    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        import cv2

        images = generator.integers(0, 256, (n_rows, 8, 8, 3), dtype=np.uint8)
        paths = [str(Path(folder, f"{i:06d}.png")) for i in range(n_rows)]
        for path, image in zip(paths, images, strict=True):
            cv2.imwrite(path, image[..., ::-1])
        spec, _ = choose_space(engine_spec(), "auto", None, len)
        X = generator.standard_normal((n_rows, 2048), dtype=np.float32)
        controls = np.zeros((n_rows, len(CONTROL_COLUMNS)), np.float32)
        with StoreWriter(store_path(folder, spec), spec) as writer:
            for start in range(0, n_rows, 1024):
                rows = slice(start, start + 1024)
                keys = [pixel_key(image) for image in images[rows]]
                writer.append(keys, X[rows], controls[rows], {})
        call = {"cache": folder, "weights": "random", "progress": False}
        time.sleep(2.5)  # files younger than the index are read again
        lf.extract_features(paths, **call)
        here = min(seconds(lambda: lf.extract_features(paths, **call)) for _ in range(3))
        code = (
            "import glob, leukfeat as lf\n"
            f"f = lf.extract_features(sorted(glob.glob({folder!r} + '/*.png')), cache={folder!r},\n"
            "    weights='random', progress=False)\n"
            f"assert len(f) == {n_rows}"
        )
        cold = seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))
    return here, cold


def engine_spec():
    backbone = find_backbone("resnet50")
    return make_spec(
        backbone, find_weights(backbone, "random"), layers="avg_pool", pooling="avg", mask=None,
        input_size=None, crop=None, preparation=None, views=1, precision="float32",
    )  # fmt: skip


def measure(paths, weights):
    """Yield ``(what, engine, precision, images a second)``: by hand, then each engine both ways.

    "engine alone" is given tensors that are ready; "disk to cache" follows it. Arithmetic that the
    processor does not have is left out.
    """
    n = len(paths)
    yield "by hand", "Keras predict", "float32", n / by_hand(paths, weights)
    on_torch = by_hand_on_torch(paths, weights)
    if on_torch:
        yield "by hand", "Keras on PyTorch", "float32", n / on_torch
    with tempfile.TemporaryDirectory() as kept:
        calibration, _ = calibrated(paths, weights, kept)
        for precision in ("float32", "bfloat16", *(["int8"] if calibration else [])):
            for engine in installed_engines(precision):
                if not offered(precision):
                    continue
                spec, loaded = engine_of(weights, engine, precision, calibration)
                inputs = [network_inputs(read_image(path), spec)[0] for path in paths]
                list(loaded.stream(inputs[:32], 32))
                alone = seconds(lambda: list(loaded.stream(inputs, 32)))  # noqa: B023
                yield "engine alone", engine, precision, n / alone
                own = {
                    "weights": weights,
                    "progress": False,
                    **settings(engine, precision, calibration),
                }
                with tempfile.TemporaryDirectory() as folder:
                    lf.extract_features(paths[:1], cache=Path(folder, "first"), **own)
                    taken = seconds(
                        lambda: lf.extract_features(paths, cache=Path(folder, "all"), **own)  # noqa: B023
                    )
                yield "disk to cache", engine, precision, n / taken


def images_in(sources):
    """Return the paths of all images in folders, or given by themselves, with a warm page cache."""
    files = []
    for source in map(Path, sources):
        found = sorted(source.rglob("*")) if source.is_dir() else [source]
        files += [str(path) for path in found if path.suffix.lower() in ENDINGS]
    return files


def import_seconds():
    """Seconds of ``import leukfeat`` beyond the interpreter's own start."""

    def run(code):
        return seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))

    return min(run("import leukfeat") for _ in range(3)) - min(run("pass") for _ in range(3))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--warm-rows", type=int, default=10_661)
    arguments = parser.parse_args()
    paths = images_in(arguments.sources)[: arguments.images]
    if len(paths) < 64:
        parser.error(f"needs 64 images, found {len(paths)}")
    for path in paths:  # the page cache is warm for everyone
        Path(path).read_bytes()
    print(
        f"{len(paths)} images, ResNet50 at 224 x 224, {os.cpu_count()} cores, "
        f"{platform.processor() or platform.machine()}, load average {os.getloadavg()[0]:.1f} at "
        "the start\n"
    )
    print("| what | engine | precision | images/s | against by hand | against the engine alone |")
    print("|---|---|---|---|---|---|")
    hand = alone = None
    for what, engine, precision, rate in measure(paths, arguments.weights):
        hand = hand or rate
        alone = rate if what == "engine alone" else alone
        share = f"{rate / alone:.2f}" if what == "disk to cache" else ""
        print(
            f"| {what} | {engine} | {precision} | {rate:.1f} | {rate / hand:.2f} | {share} |",
            flush=True,
        )
    here, cold = warm_call(arguments.warm_rows)
    print("\n| what | seconds |")
    print("|---|---|")
    print(f"| warm call of {arguments.warm_rows} images | {here:.2f} |")
    print(f"| the same in a new interpreter | {cold:.2f} |")
    print(f"| import leukfeat (the interpreter's own start taken off) | {import_seconds():.2f} |")


if __name__ == "__main__":
    main()
