"""A figure of the training history."""

from __future__ import annotations

from typing import Any

import pandas as pd

__all__ = ["plot_learning_curves"]


def plot_learning_curves(history: pd.DataFrame, *, axes: Any = None) -> Any:
    """Draw loss and accuracy by epoch, in training and on the unseen subjects.

    Parameters
    ----------
    history : pandas.DataFrame
        ``CNNClassifier.history_``.
    axes : array of two matplotlib axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    if axes is None:
        # Made without pyplot: nothing is shown or kept open that the caller did not ask for.
        axes = Figure(figsize=(8, 3.2), layout="constrained").subplots(1, 2)
    best = _best_epoch(history)
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        axis.plot(history["epoch"], history[name], label="training (augmented)")
        if f"val_{name}" in history:
            axis.plot(history["epoch"], history[f"val_{name}"], label="validation")
            axis.axvline(best, color="0.6", linestyle=":", label=f"kept: epoch {best}")
        axis.set(xlabel="epoch", ylabel="cross-entropy and L2" if name == "loss" else name)
    axes[1].set_ylim(0, 1.02)
    axes[0].legend(frameon=False)
    return axes[0].figure


def _best_epoch(history: pd.DataFrame) -> int:
    epochs = history["epoch"].to_numpy()
    if "val_loss" not in history:
        return int(epochs[-1])
    return int(epochs[history["val_loss"].to_numpy().argmin()])
