"""The process that forks victims, and a few means to make faults."""

import json
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
    if not hasattr(__import__("os"), "fork"):
        pytest.skip("needs fork")
    server = Victims(tmp_path_factory.mktemp("victims"))
    yield server
    server.close()
