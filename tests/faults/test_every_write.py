"""A kill, and a full disk, at each call that changes a file: the end is always an orderly one."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def interposer(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("interposer") / "write_faults.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", library, HERE / "write_faults.c", "-ldl"]
    subprocess.run(command, check=True)
    return library


def run(interposer, step):
    environment = {**os.environ, "LD_PRELOAD": str(interposer)}
    result = subprocess.run(
        [sys.executable, str(HERE / "every_write.py"), str(step)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in result.stdout.splitlines()]


def check(found, at_least):
    assert len(found) >= at_least
    assert [f for f in found if f["complaint"]] == []
    for answer in found:
        # A process that is told of the full disk ends by itself, with our error and no crash.
        wanted = "SIGKILL" if answer["kind"].startswith("killed") else "CacheError"
        assert answer["end"] == wanted, answer


def test_some_calls(interposer):
    check(run(interposer, 23), 40)


@pytest.mark.slow
def test_every_call(interposer):
    found = run(interposer, 1)
    check(found, 900)
    sys.stdout.write(f"{len(found)} faults\n")  # shown with -s
