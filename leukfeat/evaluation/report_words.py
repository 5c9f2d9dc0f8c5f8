"""What the tables on the page of a result mean, a sentence or two each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leukfeat.evaluation.result import Evaluation

__all__ = [
    "WHAT_CALIBRATION_IS",
    "WHAT_DIFFERENCES_ARE",
    "WHAT_MARGINS_ARE",
    "WHAT_RESULTS_ARE",
    "WHAT_SCORES_ARE",
    "what_maps_are",
    "what_subjects_are",
]

WHAT_RESULTS_ARE = (
    "Over cells every cell counts the same, over subjects every subject. The control heads know the "
    "commonest class, colour or size alone: what they reach is no merit of the model."
)

WHAT_DIFFERENCES_ARE = (
    "Difference: the figure of the first less that of the second, on the same cells, with its "
    "interval from low to high; none is shown where the interval holds 0. P is of this row alone, p "
    "holm after Holm's correction for all rows. Detectable is the smallest "
    "difference that these subjects would have shown with a power of 0.8."
)

WHAT_SCORES_ARE = "Score of true is what the head gave for the class that is true, of 1."

WHAT_MARGINS_ARE = (
    "Margin is the logarithm of how many times as probable the head thinks the suggested class as "
    "the label (2.3 is ten times); suspected of subject is the part of the subject's cells that is "
    "suspected."
)

WHAT_CALIBRATION_IS = (
    "Whether the probabilities that the head gives are met. The Brier score is their mean squared "
    "error: 0 is perfect, and 0.25 is what a probability of 0.5 for every cell has."
)


def what_subjects_are(result: Evaluation) -> str:
    """Say what the columns of the subjects are.

    Parameters
    ----------
    result : Evaluation
        The result.

    Returns
    -------
    str
    """
    p = result.predictions
    said = (
        "Right is the part of a subject's cells that is called right, with Wilson's interval of "
        "these cells from low to high"
    )
    if p.scores is None:
        return f"{said}."
    of = "the true class" if p.positive is None else f"'{p.class_names[p.positive]}'"
    return f"{said}; mean score is the mean of what the head gave for {of}."


def what_maps_are(result: Evaluation, target: str | None = None) -> str:
    """Say what the colours over an image are.

    Parameters
    ----------
    result : Evaluation
        The result.
    target : str, optional
        The class that the evidence is for; default: the positive one.

    Returns
    -------
    str
    """
    p = result.predictions
    if target is None and p.positive is not None:
        target = p.class_names[p.positive]
    of = "the class that was asked for" if target is None else f"'{target}'"
    return (
        f"Over each image lies where the head found its evidence: orange for {of}, blue against it, "
        "each strongest where that image has most. It shows where the head looked, not that it "
        "was right."
    )
