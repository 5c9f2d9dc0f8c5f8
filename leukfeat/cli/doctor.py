"""``leukfeat doctor``: what is installed, what is missing, what would make it faster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.output import show

if TYPE_CHECKING:
    from leukfeat.features.diagnosis import Diagnosis

__all__ = ["doctor"]

EXIT_PROBLEM = 1

NO_BFLOAT16 = " (bfloat16: this processor has no instructions for it)"


def doctor(
    cache: Annotated[
        Path | None, typer.Option(help="A folder of feature stores to look at as well.")
    ] = None,
    as_json: opt.AsJson = False,
) -> None:
    """Check the installation: engines, threads, weights, cache, and what would be faster.

    No network is loaded and nothing downloaded. Exit code 1 if something keeps leukfeat from working.
    """
    from leukfeat.features.diagnosis import diagnose
    from leukfeat.features.store.maintenance import list_stores

    found = diagnose()
    result: dict[str, Any] = found.to_dict()
    lines = _describe(found)
    failed = bool(found.problems)
    if cache is not None:
        stores = list_stores(cache)
        unusable = {store.path: store.problem for store in stores if store.problem}
        size = sum(store.bytes for store in stores)
        result["stores"] = {"count": len(stores), "bytes": size, "unusable": unusable}
        lines.append(f"stores     {len(stores)} in {str(cache)!r}, {size / 1e6:.1f} MB")
        cut = {store.path: store.missing_bytes for store in stores if store.missing_bytes}
        result["stores"]["cut_short"] = cut
        lines += [f"problem    {problem}" for problem in unusable.values()]
        lines += [
            f"problem    {path!r} is cut short by {n} bytes: 'leukfeat cache repair' keeps what can "
            "be read."
            for path, n in cut.items()
        ]
        failed = failed or bool(unusable) or bool(cut)
    show(result, "\n".join(lines), as_json=as_json)
    if failed:
        raise typer.Exit(EXIT_PROBLEM)


def _describe(found: Diagnosis) -> list[str]:
    free = "unknown" if found.cache_free_bytes is None else f"{found.cache_free_bytes / 1e9:.1f} GB"
    state = "writable" if found.cache_is_writable else "NOT writable"
    limits = ", ".join(f"{name}={value}" for name, value in found.threads.items())
    return [
        f"system     Python {found.system['python']}, {found.system['system']}",
        f"packages   {_versions(found.packages)}",
        f"extras     {_versions(found.extras)}",
        f"engines    {', '.join(found.engines) or 'none'}",
        f"precisions {', '.join(found.precisions) or 'none'}"
        + (
            "" if "bfloat16" in found.precisions or "openvino" not in found.engines else NO_BFLOAT16
        ),
        f"cores      {found.cores}{'; ' + limits if limits else ''}",
        f"weights    {', '.join(found.weights) or 'none on this machine'}",
        f"cache      {found.cache_folder} ({state}, {free} free)",
        *(f"problem    {problem}" for problem in found.problems),
        *(f"advice     {advice}" for advice in found.advice),
    ]


def _versions(packages: dict[str, str | None]) -> str:
    return ", ".join(f"{name} {version or 'not installed'}" for name, version in packages.items())
