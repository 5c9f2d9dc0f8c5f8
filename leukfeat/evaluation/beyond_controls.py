"""Whether a head is shown to know more than colour and size: said in words under every table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from leukfeat.evaluation.scoring import figure_name
from leukfeat.metrics import difference

if TYPE_CHECKING:
    from leukfeat.evaluation.result import Evaluation

__all__ = ["beyond_controls"]

_ALONE = ("colour only", "size only")


def beyond_controls(
    results: Mapping[str, Evaluation], controls: Mapping[str, Evaluation]
) -> tuple[str, ...]:
    """Say which control heads no head is shown to beat.

    Parameters
    ----------
    results : mapping of str to Evaluation
        The heads.
    controls : mapping of str to Evaluation
        The control heads on the same cells.

    Returns
    -------
    tuple of str
        One line a control head whose paired difference from the best of the heads (by AUROC, or
        balanced accuracy where there are no scores, over cells) is not above 0 with its whole interval.
        The best of several is flattered by the choice, so a head may pass that is no better.
    """
    said = []
    for name in _ALONE:
        control = controls.get(name)
        if control is None:
            continue
        metric = "auroc" if ("auroc", "cells") in control.figures else "balanced_accuracy"
        known = {h: one for h, one in results.items() if (metric, "cells") in one.figures}
        if not known:
            continue
        best = max(known, key=lambda h: known[h][metric].estimate)
        head = known[best]
        if len(head.predictions) != len(control.predictions):
            continue
        gap = difference(head.figures[metric, "cells"], control.figures[metric, "cells"])
        interval = gap.interval(head.level)
        if interval.known and interval.low > 0:
            continue
        who = "no head is" if len(results) > 1 else f"{best} is not"
        spread = f" ({interval.low:+.3f} to {interval.high:+.3f})" if interval.known else ""
        said.append(
            f"{who} shown to be better than {name}: {figure_name(metric)} "
            f"{head[metric].estimate:.3f} ({best}) against {control[metric].estimate:.3f}, "
            f"difference {interval.estimate:+.3f}{spread}"
        )
    return tuple(said)
