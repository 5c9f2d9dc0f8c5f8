"""The process that forks victims, and a few means to make faults."""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SERVER = Path(__file__).with_name("fork_server.py")
N_IMAGES = 300


class Victims:
    """Talks to the fork server."""

    def __init__(self, folder):
        self._process = subprocess.Popen(
            [sys.executable, str(SERVER), str(folder), str(N_IMAGES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout.readline() == "ready\n"

    def __call__(self, do, **request):
        self._process.stdin.write(json.dumps({"do": do, **request}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert not (isinstance(answer, dict) and "error" in answer), answer["error"]
        return answer

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)


@pytest.fixture(scope="session")
def victims(tmp_path_factory):
    """Return a function that has the fork server do something, in a process of its own."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    server = Victims(tmp_path_factory.mktemp("victims"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def jobs():
    """Return the module of what victims do."""
    place = importlib.util.spec_from_file_location(
        "victim_jobs", Path(__file__).with_name("victim_jobs.py")
    )
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module


@pytest.fixture
def engine(jobs, monkeypatch):
    """Put the quick engine in the place of the network; ``engine.computed()`` counts."""
    quick = jobs.QuickEngine()
    quick.computed = jobs.computed
    jobs.set_computed(0)
    monkeypatch.setattr("leukfeat.features.extraction_run.load_engine", lambda *args: quick)
    return quick


@pytest.fixture(scope="session")
def images(jobs, tmp_path_factory):
    """Return the paths of 200 small images."""
    folder = tmp_path_factory.mktemp("cells") / "images"
    jobs.make_images(folder, 200)
    return jobs.images_of(folder)


@pytest.fixture
def truth(images, jobs, engine):
    """Return their features as computed without a cache."""
    import leukfeat as lf

    features = lf.extract_features(images, **jobs.SETTINGS)
    jobs.set_computed(0)
    return features


@pytest.fixture
def mount(tmp_path):
    """Return a function that mounts a file system for the length of a test, or skips it."""
    mounted = []

    def mount(*options):
        folder = tmp_path / f"mounted{len(mounted)}"
        folder.mkdir()
        if os.name != "posix" or os.geteuid() != 0:
            pytest.skip("needs the right to mount")
        done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"cannot mount here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in reversed(mounted):
        with contextlib.suppress(OSError):
            subprocess.run(["umount", "-l", str(folder)], check=False)
