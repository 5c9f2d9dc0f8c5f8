"""Two thousand files, good and bad: read rightly, or refused by name and reason; nothing else."""

import collections
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("bad_images.py")

CEILING_MB = 300
"""Growth of the process over the whole corpus: its largest allowed image is tiny, and what
asks for more is refused before it is decoded."""

SECONDS = 5.0
"""Longest that one file may take on a busy machine."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    place = importlib.util.spec_from_file_location("bad_images", SCRIPT)
    corpus = importlib.util.module_from_spec(place)
    place.loader.exec_module(corpus)
    folder = tmp_path_factory.mktemp("bad") / "images"
    cases = corpus.build(folder)
    found, crashes, first = {}, [], 0
    while first < len(cases):
        process = subprocess.run(
            [sys.executable, str(SCRIPT), str(folder), str(first)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for line in process.stdout.splitlines():
            number, _, answer = line.partition(" ")
            if answer:
                found[int(number)] = json.loads(answer)
            else:
                crashes.append((cases[int(number)]["name"], process.returncode))
            first = int(number) + 1
        assert len(crashes) < 20, crashes
    return cases, found, crashes


def test_the_corpus_is_large(outcomes):
    cases, found, _ = outcomes
    assert len(cases) >= 2000
    ends = collections.Counter(answer["end"] for answer in found.values())
    assert ends["read"] > 200
    assert ends["refused"] > 500


def test_no_file_crashes_or_hangs(outcomes):
    _, _, crashes = outcomes
    assert crashes == []


def test_every_file_is_read_rightly_or_refused_by_name_and_reason(outcomes):
    cases, found, _ = outcomes
    complaints = [
        (cases[number]["name"], answer["complaint"])
        for number, answer in found.items()
        if answer["complaint"]
    ]
    assert complaints == []


def test_time_and_memory_are_bounded(outcomes):
    cases, found, _ = outcomes
    slow = [(cases[n]["name"], a["seconds"]) for n, a in found.items() if a["seconds"] > SECONDS]
    assert slow == []
    grown = {cases[n]["name"]: a["grown"] for n, a in found.items() if a["grown"] > 20}
    assert sum(answer["grown"] for answer in found.values()) < CEILING_MB, grown


LARGE = """
import resource, sys, zlib
import numpy as np
sys.path.insert(0, sys.argv[1])
import bad_images
from leukfeat.imaging.reading import read_image
import cv2
side, bits, colour = int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
row = b"\\0" + bytes([255]) * (side * bits // 8 * {2: 3, 6: 4}[colour])
packer = zlib.compressobj(1)
packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
open(sys.argv[2], "wb").write(bad_images.png_of(side, side, packed, colour=colour, bits=bits))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert read_image(sys.argv[2]).shape == (side, side, 3)
sys.stdout.write(str((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024))
"""


@pytest.mark.parametrize(
    "side", [2000, pytest.param(10_000, marks=pytest.mark.slow)], ids="side {}".format
)
@pytest.mark.parametrize(("bits", "colour"), [(8, 2), (16, 2), (8, 6), (16, 6)])
def test_memory_of_the_largest_images(tmp_path, side, bits, colour):
    """Seventeen bytes a pixel at most, as the reader's documentation says."""
    done = subprocess.run(
        [
            *(sys.executable, "-c", LARGE, str(SCRIPT.parent), str(tmp_path / "a.png")),
            *(str(side), str(bits), str(colour)),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    # Small buffers beside the image count for something in the small one.
    assert int(done.stdout) < 17 * side**2 + 8e6
