"""``leukfeat cache``: look after the stores of a cache folder."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.output import say, show
from leukfeat.exceptions import CacheError

if TYPE_CHECKING:
    from leukfeat.features.store.maintenance import StoreSummary

__all__ = ["cache_app"]

EXIT_UNSOUND = 1

cache_app = typer.Typer(
    help="List, verify, repair, prune and merge the feature stores of a cache folder.",
    epilog="Exit codes: 0 all is well, 1 a store is damaged or could not be handled, 2 not "
    "understood.",
    no_args_is_help=True,
)

Place = Annotated[
    Path, typer.Argument(help="The folder given as --cache, or one of its .h5 files.")
]
DryRun = Annotated[bool, typer.Option(help="Tell what would be removed, and remove nothing.")]


@cache_app.command("ls")
def list_(place: Place, as_json: opt.AsJson = False) -> None:
    """List the stores: network, layers, rows, size, age and versions.

    Exit code 1 if one of them cannot be used, or lacks its end.
    """
    from leukfeat.features.store.maintenance import list_stores

    stores = list_stores(place)
    lines = [_describe(store) for store in stores] or [f"No feature store in {str(place)!r}."]
    failed = any(store.problem or store.missing_bytes for store in stores)
    total = sum(store.bytes for store in stores)
    if len(stores) > 1:
        lines.append(f"{len(stores)} stores, {total / 1e6:.1f} MB")
    result = {"stores": [_plain(store) for store in stores], "bytes": total}
    show(result, "\n".join(lines), as_json=as_json)
    if failed:
        raise typer.Exit(EXIT_UNSOUND)


@cache_app.command()
def verify(place: Place, as_json: opt.AsJson = False) -> None:
    """Read every row and check format, checksums and keys.

    Damaged rows are never used: the next extraction computes them again. Exit code 1 if
    anything is damaged.
    """
    from leukfeat.features.store.maintenance import verify_store

    reports, problems = _each(place, verify_store)
    lines = []
    for report in reports:
        state = "sound" if report.is_sound else "DAMAGED"
        lines.append(f"{report.path}: {state}, {report.rows} rows, {report.content_digest[:16]}")
        if report.missing_bytes:
            lines.append(
                f"  the file is cut short by {report.missing_bytes} bytes; rows that were lost with "
                "them cannot be counted"
            )
        if report.rows_without_key:
            lines.append(f"  {report.rows_without_key} rows have lost the name of their image")
        if report.damaged_rows:
            blocks = ", ".join(f"{a} to {b}" for a, b in report.damaged_blocks[:5])
            lines.append(f"  {report.damaged_rows} damaged rows, at places {blocks}")
        if report.duplicates:
            lines.append(f"  {report.duplicates} rows are there twice")
        if report.not_finite:
            lines.append(f"  {report.not_finite} rows hold NaN or infinity")
        if report.is_open or report.leftovers:
            lines.append(
                "  a writer is at work, or was killed; 'repair' waits for it and cleans up"
            )
    unsound = [report.path for report in reports if not report.is_sound]
    ill = [*unsound, *problems]
    if unsound:
        lines.append("'leukfeat cache repair' keeps the good rows and drops the others.")
    result = {
        "sound": not ill,
        "stores": [{**_plain(r), "is_sound": r.is_sound} for r in reports],
        "problems": problems,
    }
    _finish(result, lines, problems, failed=bool(ill), as_json=as_json)


@cache_app.command()
def repair(place: Place, as_json: opt.AsJson = False) -> None:
    """Keep the good rows, drop the damaged ones, recover what a killed run left."""
    from leukfeat.features.store.maintenance import repair_store

    reports, problems = _each(place, repair_store)
    orphans, lines = _orphans(place, problems, dry_run=False)
    for report in reports:
        if not report.rewritten:
            lines.append(f"{report.path}: {report.rows_kept} rows, nothing to repair")
            continue
        lines.append(f"{report.path}: {report.rows_kept} rows kept, {report.rows_dropped} dropped")
        if report.rows_without_key:
            lines.append(f"  {report.rows_without_key} rows had lost the name of their image")
        if report.kept_aside:
            lines.append(
                f"  the file was cut short by {report.before.missing_bytes} bytes, and the rows that "
                f"were lost with them cannot be counted: as it was, it is kept as {report.kept_aside}"
            )
    result = {
        "stores": [_plain(report) for report in reports],
        "orphans": orphans,
        "problems": problems,
    }
    _finish(result, lines, problems, failed=bool(problems), as_json=as_json)


@cache_app.command()
def prune(
    place: Place,
    unused_by: Annotated[
        Path | None,
        typer.Option(
            help="Images still in use (a folder or a CSV table): rows of all others are removed."
        ),
    ] = None,
    older_than: Annotated[
        float | None,
        typer.Option(help="Days: rows computed by a run that started earlier are removed.", min=0),
    ] = None,
    spec: Annotated[
        list[str] | None,
        typer.Option(
            help="Only stores of this feature space: its digest's first characters, or the name "
            "of its network. Alone, it removes these stores whole. Repeat it for several."
        ),
    ] = None,
    layout: opt.Layout = "auto",
    dry_run: DryRun = False,
    as_json: opt.AsJson = False,
) -> None:
    """Remove rows or whole stores that are no longer wanted.

    Rows must meet all conditions given. Try --dry-run first: what is removed must be computed
    again when it is needed. What runs left that were killed before their first row goes too.
    """
    if unused_by is None and older_than is None and not spec:
        raise typer.BadParameter("say what to remove: --unused-by, --older-than or --spec.")
    from leukfeat.features.store.maintenance import list_stores, prune_rows, remove_store

    problems: dict[str, str] = {}
    keep = _keys_in_use(place, unused_by, layout) if unused_by is not None else None
    before = None
    if older_than is not None:
        before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=older_than)
    reports = []
    for store in list_stores(place):
        if store.spec is None:
            problems[store.path] = str(store.problem)
        elif _is_chosen(store, spec):
            try:
                if keep is None and before is None:
                    reports.append(remove_store(store.path, dry_run=dry_run))
                else:
                    reports.append(
                        prune_rows(store.path, keep=keep, before=before, dry_run=dry_run)
                    )
            except OSError as error:
                problems[store.path] = str(error)
    verb = "would be removed" if dry_run else "removed"
    lines = [
        f"{report.path}: {report.rows_removed} rows {verb}, {report.rows_kept} kept, "
        f"{(report.bytes_before - report.bytes_after) / 1e6:.1f} MB"
        for report in reports
    ]
    if not reports and not problems:
        lines.append("No store is chosen by these conditions.")
    orphans, more = _orphans(place, problems, dry_run=dry_run)
    lines += more
    result = {
        "stores": [_plain(report) for report in reports],
        "orphans": orphans,
        "problems": problems,
    }
    _finish(result, lines, problems, failed=bool(problems), as_json=as_json)


@cache_app.command()
def merge(
    sources: Annotated[list[Path], typer.Argument(help="Cache folders or .h5 files.")],
    into: Annotated[
        Path, typer.Option(help="The folder or .h5 file that shall hold all; it may exist.")
    ],
    as_json: opt.AsJson = False,
) -> None:
    """Merge stores of the same feature space into one.

    Each space goes into its own file of the folder. A single .h5 file takes one space only,
    others are refused. The sources stay as they are.
    """
    from leukfeat.features.store import store_path
    from leukfeat.features.store.maintenance import list_stores, merge_stores

    found = [store for source in sources for store in list_stores(source)]
    if not found:
        raise typer.BadParameter("there is no feature store in the sources.")
    targets: dict[str, list[str]] = {}
    for store in found:
        if store.spec is None:
            raise CacheError(f"{store.path!r} cannot be merged: {store.problem}")
        targets.setdefault(store_path(into, store.spec), []).append(store.path)
    reports = [merge_stores(paths, target) for target, paths in targets.items()]
    lines = []
    for report in reports:
        lines.append(f"{report.path}: {report.rows} rows, {report.rows_added} of them new")
        if report.rows_differing:
            lines.append(
                f"  {report.rows_differing} of {report.rows_shared} rows held twice differ, by "
                f"{report.largest_difference:.1g} of their length at most; the first was kept"
            )
        for path in report.cut_short:
            lines.append(
                f"  {path} is cut short: only what could be read of it was merged, and the rows that "
                "are lost cannot be counted"
            )
        if report.rows_damaged:
            lines.append(f"  {report.rows_damaged} damaged rows were left out")
    show({"stores": [_plain(r) for r in reports]}, "\n".join(lines), as_json=as_json)
    if any(report.cut_short for report in reports):
        raise typer.Exit(EXIT_UNSOUND)


def _keys_in_use(place: Path, data: Path, layout: str) -> set[bytes]:
    from leukfeat.features.image_keys import image_keys
    from leukfeat.features.store import StoreReader
    from leukfeat.features.store.maintenance import list_stores

    cells = opt.cells_from(data, layout, None, None)
    files: dict[bytes, bytes] = {}
    for store in list_stores(place):
        if store.spec is not None:
            with StoreReader(store.path) as reader:
                files.update(reader.files())
    keys, unreadable = image_keys(cells.images, files)
    if unreadable:
        # Its row may be among those that would go.
        raise unreadable[0]
    return keys


def _is_chosen(store: StoreSummary, wanted: list[str] | None) -> bool:
    spec = store.spec
    assert spec is not None
    return not wanted or any(
        name == spec.label or (len(name) >= 4 and spec.digest.startswith(name.lower()))
        for name in wanted
    )


def _each(place: Path, act: Any) -> tuple[list[Any], dict[str, str]]:
    """Act on every store; a file that cannot be used does not keep the others from it."""
    from leukfeat.features.store.maintenance import find_stores

    reports, problems = [], {}
    for path in find_stores(place):
        try:
            reports.append(act(path))
        except OSError as error:
            problems[path] = str(error)
    return reports, problems


def _orphans(
    place: Path, problems: dict[str, str], *, dry_run: bool
) -> tuple[list[str], list[str]]:
    """Delete what runs left that were killed before their store was there."""
    from leukfeat.features.store.maintenance import remove_orphans

    try:
        orphans = remove_orphans(place, dry_run=dry_run)
    except CacheError as error:
        problems[str(place)] = str(error)
        return [], []
    verb = "would be removed" if dry_run else "removed"
    return orphans, [f"{path}: left by a killed run, {verb}" for path in orphans]


def _finish(
    result: dict[str, Any],
    lines: list[str],
    problems: dict[str, str],
    *,
    failed: bool,
    as_json: bool,
) -> None:
    for problem in problems.values():
        say(f"leukfeat: {problem}")
    if lines or as_json:
        show(result, "\n".join(lines), as_json=as_json)
    elif not problems:
        say("There is no feature store here.")
    if failed:
        raise typer.Exit(EXIT_UNSOUND)


def _describe(store: StoreSummary) -> str:
    name = Path(store.path).name
    if store.spec is None:
        return f"{name}  {store.bytes / 1e6:.1f} MB\n  cannot be used: {store.problem}"
    spec = store.spec
    last = store.sessions[-1] if store.sessions else {}
    versions = " ".join(
        f"{key} {last[key]}" for key in ("leukfeat", "keras", "openvino") if key in last
    )
    state = "; a writer is at work, or was killed" if store.is_open or store.leftovers else ""
    if store.missing_bytes:
        state += (
            f"\n  DAMAGED: cut short by {store.missing_bytes} bytes; see 'leukfeat cache verify'"
        )
    return (
        f"{name}  {store.rows} rows x {store.n_features}, {store.bytes / 1e6:.1f} MB\n"
        f"  {spec.summary}, space {spec.digest[:16]}\n"
        f"  since {store.created or 'unknown'}; {versions or 'versions unknown'}{state}"
    )


def _plain(report: Any) -> dict[str, Any]:
    plain = dataclasses.asdict(report)
    spec = getattr(report, "spec", None)
    if spec is not None:
        plain.update(spec_digest=spec.digest, created=report.created)
    return plain
