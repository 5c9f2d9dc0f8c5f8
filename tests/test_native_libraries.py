"""OpenVINO and oneDAL in one process, whichever comes first."""

import importlib.util
import subprocess
import sys

import pytest

from leukfeat.native_libraries import import_native

WORK = {
    "openvino": (
        "import numpy as np\n"
        "openvino = import_native('openvino')\n"
        "ops = import_native('openvino.opset13')\n"
        "x = ops.parameter([1, 4], np.float32)\n"
        "model = openvino.Model([ops.reduce_mean(x, np.array([1]), False)], [x])\n"
        "run = openvino.Core().compile_model(model, 'CPU')\n"
        "assert run(np.ones((1, 4), np.float32))[0] == 1\n"
    ),
    "sklearnex": (
        "import numpy as np\n"
        "import_native('sklearnex')\n"
        "from sklearnex.svm import SVC\n"
        "X = np.random.default_rng(0).standard_normal((100, 3))\n"
        "assert SVC().fit(X, X[:, 0] > 0).score(X, X[:, 0] > 0) > 0.9\n"
    ),
}


@pytest.mark.parametrize(
    "steps",
    [
        ["openvino", "sklearnex", "openvino"],
        ["sklearnex", "openvino"],
        # The user's own import came first.
        ["import openvino\n", "sklearnex", "openvino"],
    ],
    ids=["openvino-first", "sklearnex-first", "openvino-by-the-user"],
)
def test_both_work_in_one_process(steps):
    # Looked for without importing: this process must not decide the order.
    if any(importlib.util.find_spec(name) is None for name in ("openvino", "sklearnex")):
        pytest.skip("needs openvino and scikit-learn-intelex")
    code = "from leukfeat.native_libraries import import_native\n"
    code += "".join(WORK.get(step, step) for step in steps)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_package_that_is_missing_is_an_import_error():
    with pytest.raises(ImportError, match="no_such_package"):
        import_native("no_such_package")
