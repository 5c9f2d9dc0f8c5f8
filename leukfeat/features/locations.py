"""Folders of the user that leukfeat may write to."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["user_cache_folder", "weights_folders"]


def user_cache_folder() -> Path:
    """Return the folder for what can always be made again.

    ``LEUKFEAT_CACHE_DIR`` where it is set, else the operating system's cache folder. It is not
    created here.
    """
    own = os.environ.get("LEUKFEAT_CACHE_DIR")
    if own:
        return Path(own).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_path("leukfeat"))


def weights_folders() -> list[Path]:
    """Return the folders where stock weights are looked for, first one first.

    ``LEUKFEAT_WEIGHTS_DIR``, our own cache, and Keras's (``KERAS_HOME`` or ``~/.keras``).
    """
    own = os.environ.get("LEUKFEAT_WEIGHTS_DIR")
    keras_home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    first = [Path(own).expanduser()] if own else []
    return [*first, user_cache_folder() / "weights", keras_home / "models"]
