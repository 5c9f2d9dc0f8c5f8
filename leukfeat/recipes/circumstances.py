"""What else sets a run apart from what was published: cells, columns, training, members of a vote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leukfeat.evaluation import Evaluation
from leukfeat.evaluation.differences import paired_difference
from leukfeat.evaluation.scoring import figure_name
from leukfeat.recipes.known_data import known_data
from leukfeat.recipes.schema import Recipe

__all__ = ["cells_reason", "columns_reason", "training_facts", "training_reason", "vote_reason"]

_LEARNT = 0.1
"""By how much a network must beat the most frequent class on its training cells to have learnt."""


def training_facts(model: Any) -> dict[str, float]:
    """Return how the training of a network went.

    Parameters
    ----------
    model : CNNClassifier or FineTunedBackbone
        Anything else gives nothing.

    Returns
    -------
    dict of str to float
        ``epochs`` done, and ``training_accuracy``: of the training cells as augmented, in the
        epoch that was kept.
    """
    history = getattr(model, "history_", None)
    if history is None:
        return {}
    kept = len(history) - 1
    if "val_loss" in history:
        kept = int(history["val_loss"].to_numpy().argmin())
    return {
        "epochs": float(len(history)),
        "training_accuracy": float(history["accuracy"].iloc[kept]),
    }


def training_reason(facts: Mapping[str, float], honest: Evaluation) -> list[str]:
    """Say how far a network came on the cells that it learnt from.

    Parameters
    ----------
    facts : mapping of str to float
        As of :func:`training_facts`, mean over the folds by group.
    honest : Evaluation
        By group.
    """
    if "epochs" not in facts:
        return []
    learnt, others = facts["training_accuracy"], honest["accuracy"].estimate
    found = (
        f"The network was trained for {facts['epochs']:.1f} epochs a fold; in the epoch that was "
        f"kept its accuracy on the cells it learnt from is {learnt:.3f}, on those of the other "
        f"side {others:.3f}: {learnt - others:+.3f}."
    )
    majority = honest.controls.get("majority")
    if majority is not None and learnt < majority["accuracy"].estimate + _LEARNT:
        found += (
            f" The most frequent class alone has {majority['accuracy'].estimate:.3f}: it has "
            "hardly learnt its own cells, so its figure says nothing of the system yet."
        )
    return [found]


def columns_reason(recipe: Recipe, facts: Mapping[str, float], variant: str) -> list[str]:
    """Say how many columns the head saw, where features were measured or selected.

    Parameters
    ----------
    recipe : Recipe
    facts : mapping of str to float
        With ``columns``, how many there are before the selection; without, nothing is said.
    variant : str
        Whose selection it is.
    """
    if "columns" not in facts:
        return []
    n_columns = round(facts["columns"])
    _, method, _ = recipe.parts_of_variants[variant]
    measured = recipe.features is not None and recipe.features.handcrafted is not None
    if method == "none" and not measured:
        return []
    found = f"This run has {n_columns:,} columns"
    if method != "none":
        found += (
            f", of which {method} keeps {min(recipe.selection.n_features, n_columns)}"
            ", chosen inside every training side"
        )
    return [f"{found}; the publication's own may be others (see the summary)."]


def vote_reason(evaluations: Mapping[tuple[str, str], Evaluation], metric: str) -> list[str]:
    """Compare a vote with each of its members that was run, by group.

    Parameters
    ----------
    evaluations : mapping of (str, str) to Evaluation
        By variant and mode.
    metric : str
    """
    by_group = {variant: one for (variant, mode), one in evaluations.items() if mode == "group"}
    vote = by_group.pop("voting", None)
    if vote is None or not by_group:
        return []
    said = []
    for name, one in by_group.items():
        gap = paired_difference(vote, one, metric, level=vote.level)
        said.append(
            f"{gap['difference']:+.3f} ({gap['low']:+.3f} to {gap['high']:+.3f}) to {name}'s "
            f"{one[metric].estimate:.3f}"
        )
    return [
        f"By group the vote has {figure_name(metric)} {vote[metric].estimate:.3f}: "
        f"{', '.join(said)}."
    ]


def cells_reason(recipe: Recipe, honest: Evaluation) -> list[str]:
    """Compare the size of this run with the data that the recipe was published on.

    Parameters
    ----------
    recipe : Recipe
    honest : Evaluation
        By group.
    """
    known = known_data().get(recipe.dataset)
    if known is None:
        return []
    n_cells, n_subjects = honest.predictions.n_cells, honest.predictions.n_subjects
    if n_cells == known.cells and known.subjects in (None, n_subjects):
        return []
    kind = "images" if known.class_counts else "samples"
    whole = f"{known.cells:,} {kind}"
    if known.subjects is not None:
        whole += f" of {known.subjects} subjects"
    subjects = "unknown subjects" if n_subjects is None else f"{n_subjects} subjects"
    return [f"{known.title} has {whole}; this run has {n_cells:,} of {subjects}."]
