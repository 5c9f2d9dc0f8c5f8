"""A result as a model card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from leukfeat.evaluation.audit.report import Audit
from leukfeat.evaluation.result import Evaluation

__all__ = ["model_card"]


def model_card(result: Evaluation, *, audit: Audit | None = None, intended_use: str = "") -> str:
    """Write a model card in Markdown.

    Parameters
    ----------
    result : Evaluation
        A test of the model.
    audit : Audit, optional
        Of the test cells.
    intended_use : str, default=""
        What it is meant for; default: research only.

    Returns
    -------
    str

    Raises
    ------
    TypeError
        If a comparison of several heads is given.

    References
    ----------
    .. [1] M. Mitchell et al., "Model cards for model reporting", FAT* 2019.
    """
    if not hasattr(result, "about"):
        raise TypeError(
            "A model card is of one result: give comparison['NAME'], or what evaluate() returned. "
            f"Got {type(result).__name__}."
        )
    about = result.about
    lines = [
        f"# Model card: {result.name}",
        "",
        "## Model",
        "",
        f"- head: {_head(about)}",
        f"- settings: `{json.dumps(about.get('settings', {}), default=str)}`",
        f"- features: {_features(about)}",
        f"- training: {_training(about)}",
        *([f"- of: {about['of']}"] if about.get("of") else []),
        f"- threshold: {_threshold(result)}",
        "",
        "## Intended use",
        "",
        intended_use or "Research on cell images. Not a medical device; not for diagnosis.",
        "",
        "## Evaluation",
        "",
        *([_plan(about["split"]), ""] if about.get("split") else []),
        result.to_markdown(),
    ]
    if audit is not None:
        lines += ["## Audit of the test cells", "", audit.to_markdown()]
    lines += [
        "## Limits",
        "",
        "- The figures are those of these cells and subjects; another laboratory's stain, camera "
        "or patients may differ.",
        "- Beside them stand heads that know colour or size only: what these reach is no merit "
        "of the model.",
        "",
    ]
    return "\n".join(lines)


def _head(about: Mapping[str, Any]) -> str:
    """Name the head as it is registered, else its class."""
    own = (about.get("settings") or {}).get("head")
    return own if isinstance(own, str) else str(about.get("head", "not known"))


def _training(about: Mapping[str, Any]) -> str:
    cells, subjects = about.get("training_cells"), about.get("training_subjects")
    said = f"{cells:,} cells of " if cells else ""
    return f"{said}{f'{subjects:,}' if subjects else 'an unknown number of'} subjects"


def _threshold(result: Evaluation) -> str:
    """Say from which probability on a cell is called positive."""
    cut, p = result.about.get("threshold"), result.predictions
    if cut is None or p.positive is None:
        return "none; the head's own decision"
    return f"a cell is called '{p.class_names[p.positive]}' from a probability of {cut:.3f} on"


def _features(about: Mapping[str, Any]) -> str:
    """Say by which network, layers and weights the features were made."""
    space = about.get("feature_space") or {}
    known = [f"{key} {space[key]}" for key in ("backbone", "layers", "weights") if space.get(key)]
    digest = about.get("feature_space_digest")
    return ", ".join([*known, f"feature space `{digest}`"]) if digest else "not known"


def _plan(plan: Mapping[str, Any]) -> str:
    """Say how the cells of a cross-validation were divided."""
    by = f", by {plan['by']}" if plan.get("by") else ""
    repeats = plan.get("n_repeats") or 1
    again = f", {repeats} times" if repeats > 1 else ""
    return f"Cross-validation, split {plan['split']!r}{by}, {plan['n_splits']} folds{again}."
