"""Features of real images against plain Keras, row by row.

    python benchmarks/against_keras.py IMAGES --weights FILE [--engine keras]

Prints max|a - b| / max|b| over the rows of 50 images, where b is
``keras.applications.ResNet50(include_top=False, pooling="avg").predict(preprocess_input(x))``.
"""

import argparse

import numpy as np

import leukfeat as lf
from leukfeat.features.geometry import resize
from leukfeat.imaging import read_image


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--engine", default="keras")
    given = parser.parse_args()
    paths = lf.load_cells(given.images, layout="images").images
    paths = paths[:: max(1, len(paths) // 50)][:50]
    ours = lf.extract_features(paths, weights=given.weights, engine=given.engine, progress=False).X

    from keras.applications.resnet50 import ResNet50, preprocess_input

    network = ResNet50(include_top=False, weights=given.weights, pooling="avg")
    x = np.stack([resize(read_image(path), (224, 224)) for path in paths])
    keras = network.predict(preprocess_input(x.astype(np.float32)), verbose=0)
    error = np.abs(ours - keras).max(axis=1) / np.abs(keras).max(axis=1)
    print(
        f"{len(paths)} images, {given.engine}: max {error.max():.2e}, median {np.median(error):.2e}"
    )


if __name__ == "__main__":
    main()
