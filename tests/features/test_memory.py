"""Extraction streams: its memory does not grow with the number of images."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

VICTIM = Path(__file__).with_name("extraction_victim.py")


def peak_megabytes(folder, cache, count):
    command = [sys.executable, str(VICTIM), str(folder), str(cache), "0", "0", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert f"done {count} " in done.stdout
    return int(done.stdout.split("peak")[1].split()[0])


def test_memory_grows_by_the_rows_only(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    image = np.zeros((300, 300, 3), np.uint8)
    for i in range(1200):
        image[0, 0] = i % 256, i // 256, 7
        assert cv2.imwrite(str(folder / f"{i:04d}.png"), image)
    few = peak_megabytes(folder, tmp_path / "few", 200)
    many = peak_megabytes(folder, tmp_path / "many", 1200)
    # 1,000 more rows are 8 MB; decoded they are 270 MB, as network inputs 150 MB.
    assert many - few < 50
