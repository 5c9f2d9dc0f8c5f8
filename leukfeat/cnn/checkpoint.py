"""A folder from which interrupted training goes on as if it had not been."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from leukfeat.atomic_file import written_whole

__all__ = ["CHECKPOINT_FORMAT", "Checkpoint", "Progress", "digest_of"]

CHECKPOINT_FORMAT = 1
"""Number of the layout of the folder."""


@dataclasses.dataclass
class Progress:
    """How far training has come.

    Parameters
    ----------
    epoch : int, default=0
        Epochs done.
    best_epoch : int, default=0
        The epoch with the lowest validation loss, from 1; 0 before the first.
    best_loss : float, default=inf
        That loss.
    history : list of dict
        One entry an epoch.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")
    history: list[dict[str, float]] = dataclasses.field(default_factory=list)

    @property
    def waited(self) -> int:
        """Epochs since the best one."""
        return self.epoch - self.best_epoch


_FILE = "epoch-{:05d}.keras"


class Checkpoint:
    """Model, optimizer and progress on disk, replaced as a whole after each epoch.

    Parameters
    ----------
    folder : path-like
        Made if missing.
    identity : dict of str to str
        What must be the same for training to go on: settings, data, seed.
    if_exists : {"resume", "overwrite", "error"}, default="resume"
        What to do if the folder holds a checkpoint.

    Raises
    ------
    FileExistsError
        If there is a checkpoint and `if_exists` is ``"error"``.
    ValueError
        From :meth:`load`: if there is one of another training, or a damaged one; the message says
        which.
    """

    def __init__(
        self, folder: str | os.PathLike[str], identity: dict[str, str], *, if_exists: str = "resume"
    ) -> None:
        if if_exists not in ("resume", "overwrite", "error"):
            raise ValueError(
                "'if_checkpoint' must be 'resume', 'overwrite' or 'error'. "
                f"Got {if_exists!r} instead."
            )
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.identity = identity
        self._state = self.folder / "state.json"
        if if_exists == "overwrite":
            self._state.unlink(missing_ok=True)
        elif if_exists == "error" and self._state.exists():
            raise FileExistsError(
                f"{self.folder} already holds a checkpoint. Give if_checkpoint='resume' to go on "
                "from it, or 'overwrite' to start anew."
            )

    def load(self) -> tuple[Progress, Path, Path] | None:
        """Return the progress, the last model and the best one, or None at the beginning."""
        if not self._state.exists():
            return None
        state = self._read_state()
        if state["format"] > CHECKPOINT_FORMAT:
            raise ValueError(
                f"{self._state} has format {state['format']}; this leukfeat reads up to "
                f"{CHECKPOINT_FORMAT}. Install the version that wrote it."
            )
        other = [key for key, value in self.identity.items() if state["identity"].get(key) != value]
        if other:
            raise ValueError(
                f"The checkpoint in {self.folder} is of another training: {', '.join(other)} "
                "differ. Give another folder, or if_checkpoint='overwrite' to start anew."
            )
        try:
            progress = Progress(**state["progress"])
            last, best = (self.folder / str(state[name]) for name in ("last", "best"))
        except (KeyError, TypeError) as error:
            raise self._damaged(error) from None
        for file in (last, best):
            if not file.is_file():
                raise self._damaged(f"{file.name} is not there")
        return progress, last, best

    def _read_state(self) -> dict[str, Any]:
        try:
            state = json.loads(self._state.read_bytes())
        except (ValueError, RecursionError) as error:
            raise self._damaged(error) from None
        if not isinstance(state, dict) or not isinstance(state.get("format"), int):
            raise self._damaged("it names no format")
        if not isinstance(state.get("identity"), dict):
            raise self._damaged("it does not say of which training it is")
        return state

    def _damaged(self, reason: object) -> ValueError:
        return ValueError(
            f"The checkpoint {self._state} cannot be gone on from ({reason}). Give another folder, or "
            "if_checkpoint='overwrite' to start anew."
        )

    def save(self, model: Any, progress: Progress) -> None:
        """Keep the model as it is now, beside the one of the best epoch.

        Parameters
        ----------
        model : keras.Model
            Compiled: the optimizer's state is kept too.
        progress : Progress
            Where it stands.
        """
        # The model goes under a new name first; the state file that points to it is replaced
        # last, in one step. Killed at any moment, it points to whole files.
        last, best = (_FILE.format(epoch) for epoch in (progress.epoch, progress.best_epoch))
        model.save(self.folder / last)
        state = {
            "format": CHECKPOINT_FORMAT,
            "identity": self.identity,
            "progress": dataclasses.asdict(progress),
            "last": last,
            "best": best,
        }
        with written_whole(self._state) as partial:
            partial.write_text(json.dumps(state, indent=1))
        for old in self.folder.glob(_FILE.replace("{:05d}", "*")):
            if old.name not in (last, best):
                old.unlink()


def digest_of(*parts: Any) -> str:
    """Return one digest of several texts or arrays.

    Parameters
    ----------
    *parts
        Strings, or arrays of numbers or strings.

    Examples
    --------
    >>> digest_of("a", "b") == digest_of("ab")
    False
    """
    digest = hashlib.sha256()
    for part in parts:
        text = part if isinstance(part, str) else json.dumps([str(item) for item in part])
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()
