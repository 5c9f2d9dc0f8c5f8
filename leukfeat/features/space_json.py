"""Reading a feature space of any kind back from its JSON."""

from __future__ import annotations

import json

from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.settings_json import checked_settings
from leukfeat.features.spec import FeatureSpec

__all__ = ["space_from_json"]


def space_from_json(text: str) -> FeatureSpace:
    """Read a feature space back.

    Parameters
    ----------
    text : str
        As ``to_json`` wrote it. Specs of deep features name no kind: they are as old as the store.

    Returns
    -------
    FeatureSpace

    Raises
    ------
    ValueError
        If it was written by a newer leukfeat, or a value is not allowed.

    Examples
    --------
    >>> space_from_json(FeatureSpec(crop=300).to_json()).crop
    300
    """
    settings = json.loads(text)
    kind = settings.get("kind")
    if kind is None:
        return FeatureSpec.from_json(text)
    if kind == "joined":
        from leukfeat.features.joining import JoinedSpec

        given = {name: value for name, value in settings.items() if name != "kind"}
        given = checked_settings(given, JoinedSpec, newest=None)
        given["spaces"] = tuple(space_from_json(json.dumps(one)) for one in given["spaces"])
        return JoinedSpec(**given)
    if kind == "handcrafted":
        from leukfeat.features.handcrafted.spec import HandcraftedSpec

        return HandcraftedSpec.from_settings(settings)
    raise ValueError(
        f"This feature spec is of the kind {kind!r} and was written by a newer leukfeat; install "
        "that version to use it."
    )
