"""The reference engine: Keras itself, traced once."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leukfeat.features.engines.devices import find_device
from leukfeat.features.engines.network_graph import network_function, start_keras
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.weights import WeightsSource

__all__ = ["KerasEngine", "find_keras_device"]


class KerasEngine:
    """A backbone as one TensorFlow function.

    Parameters
    ----------
    spec : FeatureSpec
        The feature space.
    source : WeightsSource
        Its weights.
    device : str, default="auto"
        ``"auto"`` is TensorFlow's choice: a graphics card where it finds one.

    Raises
    ------
    ValueError
        If the device is not there.
    """

    def __init__(self, spec: FeatureSpec, source: WeightsSource, *, device: str = "auto") -> None:
        keras, tf = start_keras()
        _take_told_threads(tf)
        place = None
        if device != "auto":
            place = find_keras_device(device)
        # ``None`` leaves the choice to TensorFlow.
        self._placed = lambda: tf.device(place)
        with self._placed():
            compute = network_function(spec, source)
        # Any number of rows: one trace serves every batch, where `predict` would set up its
        # loop again on each call.
        signature = [tf.TensorSpec((None, *spec.input_size, 3), tf.uint8)]
        self._compute = tf.function(compute, input_signature=signature, autograph=False)
        with self._placed():
            row = self._compute.get_concrete_function().structured_outputs
        self.n_features = int(row.shape[1])
        self.versions = {"tensorflow": tf.__version__, "keras": keras.__version__}

    def stream(
        self, inputs: Iterable[NDArray[np.uint8]], batch_size: int
    ) -> Iterator[NDArray[np.float32]]:
        """Compute one row for each input; see :class:`Engine`."""
        source = iter(inputs)
        while batch := list(itertools.islice(source, batch_size)):
            n = len(batch)
            # A batch of one takes another path through oneDNN and differs in the last bits.
            with self._placed():
                rows = self._compute(np.stack(batch if n > 1 else batch * 2)).numpy()
            yield from rows[:n]


def find_keras_device(device: str) -> str:
    """Return TensorFlow's name of a device.

    Parameters
    ----------
    device : str
        ``"CPU"``, ``"GPU"`` or ``"GPU:<number>"``.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If it is not there.
    """
    _, tf = start_keras()
    names = [one.name for one in tf.config.list_logical_devices()]
    available = [name.rsplit("device:")[-1] for name in names]
    return f"/device:{find_device(device, available, 'keras')}"


def _take_told_threads(tf: Any) -> None:
    """Compute with as many threads as joblib and schedulers tell, to share a machine.

    TensorFlow does not read OMP_NUM_THREADS; its own variable comes first.
    """
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdecimal() and int(told) and "TF_NUM_INTRAOP_THREADS" not in os.environ:
        with contextlib.suppress(RuntimeError):  # TensorFlow has computed before
            tf.config.threading.set_intra_op_parallelism_threads(int(told))
