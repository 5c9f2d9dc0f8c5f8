"""Ctrl-C and a scheduler's polite end: a message and 130, whenever and however often they come."""

import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from leukfeat.features.store import StoreReader

EARLY = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name != sys.argv[2]:
            return None
        try:
            os.kill(os.getpid(), getattr(signal, sys.argv[1]))
            for _ in range(1000):
                pass
        except KeyboardInterrupt:
            if sys.argv[3] == "swallowed":
                raise ImportError("initialization failed") from None
            raise

sys.meta_path.insert(0, Interrupted())
from leukfeat.cli import main
main(["cache", "ls", "."])
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("module", ["typer", "h5py"])
@pytest.mark.parametrize("how", ["raised", "swallowed"])
def test_a_signal_while_the_program_starts(name, module, how):
    ended = subprocess.run(
        [sys.executable, "-c", EARLY, name, module, how], capture_output=True, text=True
    )
    assert ended.returncode == 130, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.strip() == "Stopped. What was cached stays cached."


SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import numpy as np
from leukfeat.cli import main
from leukfeat.features import extraction_run

class Slow:
    n_features, versions = 2048, {}

    def stream(self, inputs, batch_size):
        for place, pixels in enumerate(inputs):
            if place == 40:
                print("at 40", flush=True)
            if place >= 40:
                time.sleep(0.2)
            yield np.full(2048, place, np.float32)

extraction_run.load_engine = lambda *given, **more: Slow()
main(sys.argv[1:])
"""


def test_three_in_a_row_keep_the_rows_and_show_no_traceback(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for i in range(90):
        pixels = np.random.default_rng(i).integers(0, 256, (24, 20, 3), dtype=np.uint8)
        cv2.imwrite(str(images / f"{i:02d}.png"), pixels)
    arguments = ["extract", str(images), "--cache", str(tmp_path / "cache"), "--weights", "random"]
    program = subprocess.Popen(
        [sys.executable, "-c", SLOW, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout.readline() == "at 40\n"
    for _ in range(3):
        program.send_signal(signal.SIGINT)
        time.sleep(0.15)
    _, errors = program.communicate(timeout=60)
    # A shell calls both 130.
    assert program.returncode in (130, -signal.SIGINT), errors
    assert "Exception ignored" not in errors
    assert "Traceback" not in errors
    (store,) = (tmp_path / "cache").glob("*.h5")
    with StoreReader(store) as reader:
        held = len(reader)
    assert 40 <= held < 60
    assert f"stopped: {held} new rows are kept in {store}" in errors
