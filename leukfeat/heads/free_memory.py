"""How much memory is free: of the machine, and of the container or cluster job that this runs in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

__all__ = ["free_memory"]

_UNIFIED = ("memory.max", "memory.current", "inactive_file")
_LEGACY = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_NO_LIMIT = 1 << 60


def free_memory(proc: str = "/proc", groups: str = "/sys/fs/cgroup") -> int | None:
    """Return the bytes that a process could be given here, ``None`` where the system does not say.

    Parameters
    ----------
    proc, groups : str
        Where Linux tells of memory, and of the limits of control groups.

    Returns
    -------
    int or None
        Linux's own estimate, which counts what caches would give back; no more than the control
        group (a container, a job of a cluster) leaves, beyond which a process is killed.
    """
    rooms = [*_of_groups(Path(proc), Path(groups))]
    try:
        lines = Path(proc, "meminfo").read_text(encoding="ascii").splitlines()
        sizes = dict(line.split(":", 1) for line in lines)
        rooms.append(int(sizes["MemAvailable"].split()[0]) * 1024)
    except (OSError, KeyError, ValueError):
        pass
    return min(rooms, default=None)


def _of_groups(proc: Path, groups: Path) -> Iterator[int]:
    try:
        lines = Path(proc, "self", "cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        _, kinds, own = line.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        top, names = (groups / "memory", _LEGACY) if kinds else (groups, _UNIFIED)
        # Every group above counts too. Inside a container the path may be that of the host, and
        # the limit stands at the top.
        folder = top if ".." in own else top / own.lstrip("/")
        for place in (folder, *folder.parents):
            yield from _room(place, *names)
            if place == top:
                break


def _room(folder: Path, limit: str, used: str, cached: str) -> Iterator[int]:
    try:
        most = int((folder / limit).read_text())  # "max" is none
        now = int((folder / used).read_text())
        facts = dict(x.split() for x in (folder / "memory.stat").read_text().splitlines())
        if most < _NO_LIMIT:
            yield max(0, most - now + int(facts[cached]))
    except (OSError, KeyError, ValueError):
        return
