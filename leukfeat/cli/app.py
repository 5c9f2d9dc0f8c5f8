"""The ``leukfeat`` program: its commands, and what becomes of an error."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any

import typer

from leukfeat.cli.advice import in_options
from leukfeat.cli.audit import audit
from leukfeat.cli.cache import cache_app
from leukfeat.cli.calibrate import calibrate
from leukfeat.cli.demo import demo
from leukfeat.cli.doctor import doctor
from leukfeat.cli.entry import EXIT_INTERRUPTED
from leukfeat.cli.evaluate import evaluate
from leukfeat.cli.explain import explain
from leukfeat.cli.export import export
from leukfeat.cli.extract import extract
from leukfeat.cli.fit import fit
from leukfeat.cli.leakage import leakage
from leukfeat.cli.learning_curve import learning_curve
from leukfeat.cli.measure import measure
from leukfeat.cli.output import printable, say
from leukfeat.cli.predict import predict
from leukfeat.cli.prepare import prepare
from leukfeat.cli.reproduce import reproduce
from leukfeat.cli.segment import segment
from leukfeat.cli.shift import shift
from leukfeat.cli.transfer import transfer

__all__ = ["app", "run"]

# typer does not export the base of its usage errors, and newer versions bring their own click.
UsageError: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "UsageError")

EXIT_ERROR = 1
EXIT_USAGE = 2

app = typer.Typer(
    name="leukfeat",
    help="Deep features of blood cells, and a leukemia classifier whose numbers stand.",
    epilog="For research; not a medical device. Exit codes: 0 done, 1 could not be done, "
    "2 not understood, 3 audit --strict found a leak or a shortcut, 130 stopped.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from leukfeat import __version__

        typer.echo(f"leukfeat {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    pass


for command in (
    demo,
    audit,
    prepare,
    extract,
    measure,
    fit,
    evaluate,
    predict,
    segment,
    export,
    reproduce,
    calibrate,
    doctor,
):
    app.command()(command)
_CLOSER: dict[str, Any] = {
    "learning-curve": learning_curve,
    "leakage": leakage,
    "transfer": transfer,
    "shift": shift,
    "explain": explain,
}
for name, look in _CLOSER.items():
    app.command(name, rich_help_panel="What a number is worth")(look)
app.add_typer(cache_app, name="cache")


class _Said(logging.Handler):
    """What the library has to say, on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        say(self.format(record))


def run(arguments: Sequence[str] | None = None, stopped: Sequence[int] = ()) -> int:
    """Run one command, and tell how it ended.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.
    stopped : sequence of int
        Signals that asked for an end, as they come: an error after one is no news.

    Returns
    -------
    int
        The exit code.
    """
    said = _Said(logging.WARNING)
    logger = logging.getLogger("leukfeat")
    logger.addHandler(said)
    try:
        code = app(arguments, standalone_mode=False)
    except typer.Abort:
        return EXIT_INTERRUPTED
    except UsageError as error:
        error.show()
        return EXIT_USAGE
    except (ValueError, OSError, ImportError) as error:
        if os.environ.get("LEUKFEAT_DEBUG"):
            raise
        if stopped:
            return EXIT_INTERRUPTED
        typer.secho(printable(f"leukfeat: {in_options(str(error))}"), err=True, fg="red")
        return EXIT_ERROR
    except Exception as error:
        if os.environ.get("LEUKFEAT_DEBUG"):
            raise
        if stopped:
            return EXIT_INTERRUPTED
        words = in_options(" ".join(str(error).split()))
        typer.secho(
            printable(f"leukfeat: {type(error).__name__}: {words}")
            + " (this should have been told in better words: "
            "please report it, with the traceback that LEUKFEAT_DEBUG=1 shows)",
            err=True,
            fg="red",
        )
        return EXIT_ERROR
    finally:
        logger.removeHandler(said)
    return code if isinstance(code, int) else 0
