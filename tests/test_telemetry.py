"""No connection is opened, by leukfeat or by what it calls; and nobody is given a number."""

import importlib.util
import os
import subprocess
import sys

import pytest

# A process of its own: under pytest NNCF reports nothing.
ROUTE = """
import os, sys

def note(event, args):
    # Reports are sent by forked processes, which keep this hook.
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        mark = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(mark, f"{event} {args}\\n".encode())
        os.close(mark)
        raise ConnectionError("no connection in tests")

sys.addaudithook(note)
"""
BEFORE = """
from openvino_telemetry import Telemetry
reporter = Telemetry("OVC", "1", tid="G-TEST", backend="ga4", enable_opt_in_dialog=False)
"""
REPORT = """
import time
reporter.send_event("a", "b", "c")
for _ in range(100):
    if os.path.exists(sys.argv[1]):
        break
    time.sleep(0.1)
"""
WORK = """
import leukfeat as lf
from leukfeat.features.diagnosis import diagnose

settings = {"weights": "random", "layers": "conv2", "input_size": 32, "progress": False}
cells = lf.make_cells(n_subjects=8, n_cells=48, size=48, random_state=0)
features = lf.extract_features(cells, **settings)
head = lf.fit_head(features, "logistic_regression", tune=False)
path = lf.save_model(lf.CellClassifier(head, features), sys.argv[2] + "/m.leukfeat")
lf.load_model(path).predict(cells[:4], progress=False)
diagnose()
"""
INT8 = """
lf.calibrate_int8(cells[:8], sys.argv[2] + "/a.int8", n_images=4, **settings)
"""


def connections_of(tmp_path, script, **environment):
    home, mark = tmp_path / "home", tmp_path / "connections"
    home.mkdir()
    kept = {k: v for k, v in os.environ.items() if k not in ("CI", "TF_BUILD", "JENKINS_URL")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(mark), str(tmp_path)],
        env={
            **kept,
            "HOME": str(home),
            "LEUKFEAT_CACHE_DIR": str(tmp_path / "cache"),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    return (mark.read_text() if mark.exists() else ""), home / "intel"


def test_no_connection_is_opened_and_no_number_given(tmp_path):
    script = ROUTE + WORK + (INT8 if importlib.util.find_spec("nncf") else "")
    connections, numbers = connections_of(tmp_path, script)
    assert connections == ""
    assert not numbers.exists()


def test_who_was_asked_before_is_not_told_either(tmp_path):
    pytest.importorskip("openvino_telemetry")
    connections, numbers = connections_of(tmp_path, ROUTE + BEFORE + WORK)
    assert connections == ""
    assert numbers.exists()  # made by the program that was there before


def test_a_report_would_have_been_noticed(tmp_path):
    pytest.importorskip("openvino_telemetry")
    connections, _ = connections_of(tmp_path, ROUTE + BEFORE + REPORT)
    assert "urllib.Request" in connections
    # And in a process that leukfeat shares it is not sent.
    both = ROUTE + BEFORE + "from leukfeat.native_libraries import import_native\n"
    folder = tmp_path / "both"
    folder.mkdir()
    report = REPORT.replace("range(100)", "range(20)")
    connections, _ = connections_of(folder, both + 'import_native("openvino")\n' + report)
    assert connections == ""
