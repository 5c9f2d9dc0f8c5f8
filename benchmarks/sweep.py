"""OpenVINO's streams, requests in flight and images a request: images a second on ready tensors.

    python benchmarks/sweep.py --weights random|FILE [--precision float32] [--images 96]

The last line is the engine as leukfeat sets it. Each line is the better of two passes.
"""

import argparse
import itertools
import os
import time
from collections import deque

import numpy as np

from leukfeat.features.backbones import find_backbone
from leukfeat.features.engines import load_engine
from leukfeat.features.engines.converted_models import load_converted
from leukfeat.features.space import choose_space, make_spec
from leukfeat.features.weights import find_weights
from leukfeat.native_libraries import import_native

HINTS = {"float32": "f32", "bfloat16": "bf16"}


def rate(n_images, call):
    def once():
        started = time.perf_counter()
        call()
        return n_images / (time.perf_counter() - started)

    return max(once() for _ in range(2))


def compute(compiled, images, n_requests, batch):
    free = [compiled.create_infer_request() for _ in range(n_requests)]
    running = deque()
    for start in range(0, len(images), batch):
        if not free:
            done = running.popleft()
            done.wait()
            free.append(done)
        request = free.pop()
        request.start_async({0: images[start : start + batch]})
        running.append(request)
    for request in running:
        request.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--precision", default="float32", choices=list(HINTS))
    parser.add_argument("--images", type=int, default=96)
    given = parser.parse_args()
    backbone = find_backbone(given.backbone)
    source = find_weights(backbone, given.weights)
    spec = make_spec(
        backbone, source, layers="avg_pool", pooling="avg", mask=None, input_size=None, crop=None,
        preparation=None, views=1, precision=given.precision,
    )  # fmt: skip
    spec, _ = choose_space(spec, "openvino", None, len)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (given.images, *spec.input_size, 3), dtype=np.uint8)
    core = import_native("openvino").Core()
    cores = len(os.sched_getaffinity(0))
    print(f"{given.backbone}, {given.precision}, {cores} cores, {given.images} images\n")
    print("| streams | requests | images a request | images/s |\n|---|---|---|---|")
    for batch, streams in itertools.product((1, 8), sorted({1, cores, 2 * cores})):
        model, _ = load_converted(spec, source, core)
        model.reshape({0: [batch, *spec.input_size, 3]})
        compiled = core.compile_model(
            model,
            "CPU",
            {
                "PERFORMANCE_HINT": "THROUGHPUT",
                "INFERENCE_PRECISION_HINT": HINTS[given.precision],
                "NUM_STREAMS": str(streams),
            },
        )
        for n_requests in sorted({1, streams, streams + 1, 2 * streams}):
            compute(compiled, images[: 4 * batch], n_requests, batch)
            found = rate(
                len(images),
                lambda: compute(compiled, images, n_requests, batch),  # noqa: B023
            )
            print(f"| {streams} | {n_requests} | {batch} | {found:.1f} |", flush=True)
    engine = load_engine(spec, source)
    list(engine.stream(images[:8], 32))
    found = rate(len(images), lambda: list(engine.stream(images, 32)))
    own = engine._compiled.get_property("NUM_STREAMS"), engine._requests
    print(f"| leukfeat: {own[0]} | {own[1]} | 1 | {found:.1f} |")


if __name__ == "__main__":
    main()
