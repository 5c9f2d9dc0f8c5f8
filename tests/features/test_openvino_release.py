"""An engine that is freed while other threads hold the interpreter does not hang the run."""

import os
import subprocess
import sys
import textwrap

import pytest

openvino = pytest.importorskip("openvino")

CYCLES = 200

SCRIPT = textwrap.dedent(
    """
    import gc, sys, threading
    import numpy as np
    import openvino
    from openvino import opset13 as ops
    from leukfeat.features.backbones import find_backbone
    from leukfeat.features.engines import openvino_engine
    from leukfeat.features.spec import FeatureSpec
    from leukfeat.features.weights import find_weights

    # A network of one mean, so that many engines can be made and freed in a few seconds.
    image = ops.parameter([1, 32, 32, 3], np.uint8)
    mean = ops.reduce_mean(ops.convert(image, "f32"), np.array([1, 2]), keep_dims=False)
    network = openvino.Model([mean], [image])
    openvino_engine.load_converted = lambda spec, source, core: (network, {})

    source = find_weights(find_backbone("resnet50"), "random", 5)
    spec = FeatureSpec(
        weights="random", weights_digest=source.digest, layers=("avg_pool",),
        input_size=(32, 32), engine="openvino",
    )
    ended = threading.Event()

    def burn():
        while not ended.is_set():
            sum(range(2000))

    sys.setswitchinterval(1e-5)
    for _ in range(3):
        threading.Thread(target=burn, daemon=True).start()
    pixels = np.zeros((9, 32, 32, 3), np.uint8)
    for cycle in range(int(sys.argv[1])):
        engine = openvino_engine.OpenvinoEngine(spec, source)
        assert len(list(engine.stream(pixels, 4))) == 9
        del engine
        gc.collect()
        print(cycle + 1, flush=True)
    ended.set()
    print("freed")
    """
)


def test_freeing_an_engine_does_not_wait_for_ever(tmp_path):
    """With a Python callback in OpenVINO's queue this hung within 60 cycles on two cores, twice of two."""
    environment = os.environ | {"LEUKFEAT_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(CYCLES)],
        env=environment, capture_output=True, text=True, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-1] == "freed"
