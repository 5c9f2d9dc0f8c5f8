"""One step of training and of validation, each traced once for batches of any size."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Outcome", "Steps"]


class Outcome(NamedTuple):
    """What a batch gave.

    Parameters
    ----------
    loss : float
        Mean over its cells, with the penalty.
    penalty : float
        The part of the loss that the size of the weights (L2) makes.
    right : float
        Cells whose likeliest class was theirs.
    n_cells : int
        Cells in the batch.
    """

    loss: float
    penalty: float
    right: float
    n_cells: int


class _Graph:
    """The one graph of a function, traced at its first call.

    TensorFlow counts the tracings of all folds as of one function, and would warn of them.
    """

    def __init__(self, function: Any) -> None:
        self._function = function

    @functools.cached_property
    def _graph(self) -> Callable[..., tuple[Any, ...]]:
        return self._function.get_concrete_function()  # type: ignore[no-any-return]

    def __call__(self, images: Any, labels: Any, weights: Any) -> tuple[Any, ...]:
        import tensorflow as tf

        return self._graph(
            tf.convert_to_tensor(images, tf.float32),
            tf.convert_to_tensor(labels, tf.int64),
            tf.convert_to_tensor(weights, tf.float32),
        )


class Steps:
    """The compiled steps of a network.

    ``model.train_on_batch`` would trace again for the smaller last batch, and again for every
    model that a checkpoint gives back.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    prepare : callable, optional
        Applied to the images first.
    """

    def __init__(self, model: Any, prepare: Callable[[Any], Any] | None = None) -> None:
        import keras
        import tensorflow as tf

        signature = [
            tf.TensorSpec((None, *model.input_shape[1:]), tf.float32),
            tf.TensorSpec((None,), tf.int64),
            tf.TensorSpec((None,), tf.float32),
        ]
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)

        def outcome(images: Any, labels: Any, weights: Any, training: bool) -> tuple[Any, ...]:
            predicted = model(images if prepare is None else prepare(images), training=training)
            loss = model.compute_loss(
                x=images, y=labels, y_pred=predicted, sample_weight=weights, training=training
            )
            if predicted.shape[-1] == 1:
                called = keras.ops.cast(predicted[:, 0] >= 0.5, "int64")
            else:
                called = keras.ops.argmax(predicted, axis=1)
            right = keras.ops.cast(keras.ops.cast(called, "int64") == labels, "float32")
            return loss, keras.ops.sum(model.losses), keras.ops.sum(right)

        @tf.function(input_signature=signature, autograph=False)
        def train_step(images: Any, labels: Any, weights: Any) -> tuple[Any, ...]:
            with tf.GradientTape() as tape:
                loss, penalty, right = outcome(images, labels, weights, True)
            gradients = tape.gradient(loss, model.trainable_variables)
            model.optimizer.apply(gradients, model.trainable_variables)
            return loss, penalty, right

        @tf.function(input_signature=signature, autograph=False)
        def test_step(images: Any, labels: Any, weights: Any) -> tuple[Any, ...]:
            return outcome(images, labels, weights, False)

        # A graph holds the variables weakly: the model stays here.
        self._model = model
        self._train_step = _Graph(train_step)
        self._test_step = _Graph(test_step)

    def learn(self, images: Any, labels: Any, weights: Any) -> Outcome:
        """Take one step on a batch.

        Parameters
        ----------
        images : array or tensor of float32 of shape (batch, height, width, 3)
        labels : array or tensor of int64 of shape (batch,)
        weights : array or tensor of float32 of shape (batch,)

        Returns
        -------
        Outcome
            Before the step.
        """
        return _outcome(self._train_step(images, labels, weights), labels)

    def check(self, images: Any, labels: Any, weights: Any) -> Outcome:
        """Compute the same on a batch without learning; see :meth:`learn`."""
        return _outcome(self._test_step(images, labels, weights), labels)


def _outcome(found: tuple[Any, ...], labels: Any) -> Outcome:
    loss, penalty, right = map(float, found)
    return Outcome(loss, penalty, right, int(labels.shape[0]))
