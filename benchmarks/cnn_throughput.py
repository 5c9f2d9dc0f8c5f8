"""Images a second of the CNN: training and prediction, and the parts, beside the plain Keras loop.

``python benchmarks/cnn_throughput.py --cells 512`` writes procedural-sized BMP files to a
temporary folder, and prints one JSON line a measurement. The plain loop is what most notebooks
do: ``image_dataset_from_directory`` that decodes in every epoch, and Keras's augmentation layers
inside the model, with ``model.fit``. Plain prediction is ``model.predict`` of the same network, on the
decoded array, and on a ``tf.data`` pipeline that decodes the files with all threads. ``--only
prediction`` or ``--only training`` measures one of both.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np


def write_cells(folder: Path, n: int, side: int) -> list[str]:
    import cv2

    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side]
    paths = []
    for i in range(n):
        label = i % 2
        inside = np.hypot(rows - side / 2, columns - side / 2) < side * (0.2 + 0.05 * label)
        pixels = (rng.normal(130, 30, (side, side, 3)).clip(1, 255) * inside[..., None]).astype(
            "u1"
        )
        path = folder / ("hem", "all")[label] / f"{i}.bmp"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), pixels)
        paths.append(str(path))
    return paths


def measure(what: str, images: int, run) -> None:
    """Print images a second, by the clock and by the processors' time."""
    wall, work = time.perf_counter(), time.process_time()
    run()
    wall, work = time.perf_counter() - wall, time.process_time() - work
    print(
        json.dumps({
            "what": what,
            "images_per_second": round(images / wall, 1),
            "images_per_cpu_second": round(images / work, 1),
        }),
        flush=True,
    )  # fmt: skip


def plain_keras(folder: Path, config):
    """Return a model and the data that it decodes again in every epoch."""
    import keras

    from leukfeat.cnn.network import build_network

    data = keras.utils.image_dataset_from_directory(
        folder, image_size=config.input_size, batch_size=config.batch_size, label_mode="binary",
        verbose=False,
    )  # fmt: skip
    ours = build_network(config, 2)
    inputs = keras.Input(ours.input_shape[1:])
    x = keras.layers.RandomFlip()(inputs)
    x = keras.layers.RandomRotation(0.5, fill_mode="constant")(x)
    x = keras.layers.RandomTranslation(0.05, 0.05, fill_mode="constant")(x)
    x = keras.layers.RandomBrightness(0.1)(x)
    x = keras.layers.RandomContrast(0.1)(x)
    model = keras.Model(inputs, ours(x))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, data


def decoded_in_parallel(paths: list[str], config):
    """Return batches of the files as TensorFlow decodes and resizes them fastest."""
    import tensorflow as tf

    def read(path):
        return tf.image.resize(tf.io.decode_bmp(tf.io.read_file(path)), config.input_size)

    files = tf.data.Dataset.from_tensor_slices(paths)
    images = files.map(read, num_parallel_calls=tf.data.AUTOTUNE)
    return images.batch(config.batch_size).prefetch(tf.data.AUTOTUNE)


def measure_training(images, folder: Path, config) -> None:
    from leukfeat.cnn.batches import training_batches
    from leukfeat.cnn.network import build_network
    from leukfeat.cnn.steps import Steps

    n = len(images)
    ones = np.ones(n, np.float32)
    n_batches = n // config.batch_size
    steps = Steps(build_network(config, 2))
    batch = images.X[:32].astype(np.float32), images.y[:32], ones[:32]
    steps.learn(*batch)

    def stream(augmentation):
        batches = training_batches(
            images, images.y, ones, batch_size=config.batch_size, augmentation=augmentation
        )
        next(batches)
        return batches

    def learn_all(batches) -> None:
        for _ in range(n_batches):
            steps.learn(*next(batches))

    batches, plain = stream(config.augmentation), stream(None)
    model, data = plain_keras(folder, config)
    model.fit(data, verbose=0)
    shown = n_batches * config.batch_size
    for _ in range(2):
        measure("batches alone", shown, lambda: [next(batches) for _ in range(n_batches)])
        measure(
            "training steps alone", shown, lambda: [steps.learn(*batch) for _ in range(n_batches)]
        )
        measure("training without augmentation", shown, lambda: learn_all(plain))
        measure("training", shown, lambda: learn_all(batches))
        measure("plain Keras loop, training", n, lambda: model.fit(data, verbose=0))


def measure_prediction(images, cells, paths: list[str], config) -> None:
    from leukfeat.cnn import fit_cnn

    n = len(images)
    cnn = fit_cnn(images[:32], config, epochs=1, validation_fraction=0, progress=False)
    model, files = cnn.model_, decoded_in_parallel(paths, config)
    # Each once before it is measured, so that no compilation is in a figure.
    same = cnn.predict_proba(images[:40])[:, 1]
    plain = model.predict(images.X[:40], verbose=0)[:, 0]
    np.testing.assert_allclose(same, plain, atol=1e-5)
    model.predict(files.take(2), verbose=0)
    cnn.predict_proba(cells[:40])
    for _ in range(3):
        measure("prediction, decoded", n, lambda: cnn.predict_proba(images))
        for size in (32, 128):
            measure(
                f"plain Keras predict, decoded, batches of {size}", n,
                lambda size=size: model.predict(images.X, batch_size=size, verbose=0),
            )  # fmt: skip
        measure("prediction, from files", n, lambda: cnn.predict_proba(cells))
        measure("plain Keras predict, tf.data", n, lambda: model.predict(files, verbose=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=512)
    parser.add_argument("--side", type=int, default=450, help="side of the image files, in pixels")
    parser.add_argument("--only", choices=["training", "prediction"])
    arguments = parser.parse_args()

    import leukfeat as lf
    from leukfeat.cnn import CNNConfig, read_cells

    config = CNNConfig()
    with tempfile.TemporaryDirectory() as name:
        paths = write_cells(Path(name), arguments.cells, arguments.side)
        labels = [Path(path).parent.name for path in paths]
        cells = lf.CellDataset.from_arrays(paths, labels, class_names=["hem", "all"])
        kept = []
        measure(
            "decode, crop, resize, digest, controls", len(cells),
            lambda: kept.append(read_cells(cells, input_size=config.input_size)),
        )  # fmt: skip
        if arguments.only != "prediction":
            measure_training(kept[0], Path(name), config)
        if arguments.only != "training":
            measure_prediction(kept[0], cells, paths, config)


if __name__ == "__main__":
    main()
