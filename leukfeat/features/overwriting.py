"""Computing rows again that a store holds, so that at any moment it holds the old or the new."""

from __future__ import annotations

import contextlib
import logging
import os

from leukfeat.exceptions import CacheError
from leukfeat.features.extraction_run import ExtractionRun
from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.store import StoreReader, StoreWriter
from leukfeat.features.store.places import replacement_path
from leukfeat.features.store.reader import Rows

__all__ = ["overwrite_rows"]

logger = logging.getLogger("leukfeat")


def overwrite_rows(run: ExtractionRun, *, skip: bool) -> Rows:
    """Compute the rows of all images of a run, and put them in the place of the old ones.

    The new rows are written to a store of their own beside the old one, which is replaced in one
    step when all are there. Whatever ends the call before (a kill, an unreadable image, an engine
    that cannot be loaded, a full disk) leaves the old rows as they were, and the same call made
    again goes on with the new ones.

    Parameters
    ----------
    run : ExtractionRun
        Its feature space and file settled.
    skip : bool
        Whether an unreadable image is left out instead of raised; its old row, if any, stays.

    Returns
    -------
    Rows
    """
    path = run.path
    if path is None:
        return run.rows(skip=skip)
    new = replacement_path(path)
    if not os.path.exists(path):
        # What a stopped call left beside a store that is gone is nobody's.
        _remove(new)
        return run.rows(skip=skip)
    with StoreWriter(path, run.spec) as writer:
        _go_on_with(new, run.spec, path)
        run.path = new
        try:
            rows = run.rows(skip=skip)
        finally:
            run.path = path
        writer.replace_by(new)
        _remove(new)
    return rows


def _go_on_with(new: str, spec: FeatureSpace, path: str) -> None:
    """Keep what a stopped call computed, if it is of this feature space."""
    try:
        with StoreReader(new) as store:
            if store.spec == spec:
                logger.warning(
                    "an overwrite of %s was stopped before: it goes on after %d new rows",
                    path,
                    len(store),
                )
                return
    except FileNotFoundError:
        return
    except CacheError as error:
        logger.warning("an overwrite of %s was stopped and starts anew: %s", path, error)
    _remove(new)


def _remove(new: str) -> None:
    folder, name = os.path.split(new)
    for leftover in (new, os.path.join(folder, f".{name}.lock")):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(leftover)
