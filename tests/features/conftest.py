"""A quick engine for everything that is not about the network, and small images."""

import zlib

import cv2
import numpy as np
import pytest

from leukfeat.features import extraction_run

N_FEATURES = 2048


class DigestEngine:
    """Rows that depend on every pixel, computed without a network."""

    n_features = N_FEATURES
    versions = {"engine": "for tests"}  # noqa: RUF012

    def __init__(self):
        self.computed = 0

    def stream(self, inputs, batch_size):
        for pixels in inputs:
            self.computed += 1
            yield self.row_of(pixels)

    @staticmethod
    def row_of(pixels):
        """Return the row of one input: the same for the same pixels in any process."""
        seed = zlib.crc32(np.ascontiguousarray(pixels))
        return np.random.default_rng(seed).standard_normal(N_FEATURES).astype(np.float32)


@pytest.fixture
def engine(monkeypatch):
    """Put the quick engine in the place of the network; it counts what it computed."""
    quick = DigestEngine()
    monkeypatch.setattr(extraction_run, "load_engine", lambda spec, source: quick)
    return quick


@pytest.fixture
def write_images(tmp_path):
    """Write n different small images; return their paths."""

    def write(n, folder="images", start=0):
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        paths = []
        for i in range(start, start + n):
            pixels = np.random.default_rng(i).integers(0, 256, (24, 20, 3), dtype=np.uint8)
            path = str(place / f"cell_{i:05d}.png")
            assert cv2.imwrite(path, pixels)
            paths.append(path)
        return paths

    return write
