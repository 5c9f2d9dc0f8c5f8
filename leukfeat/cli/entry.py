"""Where the ``leukfeat`` program begins and ends: a signal is a message, also while it starts."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

__all__ = ["EXIT_INTERRUPTED", "main"]

EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error is a message and an exit code, not a traceback.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.

    Raises
    ------
    SystemExit
        Always: 0 done, 1 the work could not be done, 2 the command was not understood, 130
        stopped by the user. With ``LEUKFEAT_DEBUG=1`` in the environment an error keeps its
        traceback.
    """
    # TensorFlow's start-up notes are of no use to someone who asked for a table.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    stopped: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.append(number)
        raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():
        # A scheduler's polite end writes out what is computed, as Ctrl-C does.
        before[signal.SIGTERM] = signal.signal(signal.SIGTERM, stop)
        # One that is ignored, as in a shell's background, stays so.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            before[signal.SIGINT] = signal.signal(signal.SIGINT, stop)
    try:
        # Only here: the libraries that it imports take a second, in which Ctrl-C may come.
        from leukfeat.cli.app import run

        code = run(arguments, stopped)
    except BaseException as error:
        # An interrupt amid the start of a compiled module comes out as that module's own error.
        if not stopped and not isinstance(error, KeyboardInterrupt):
            raise
        code = EXIT_INTERRUPTED
    finally:
        for number, handler in before.items():
            # Once stopped nothing is left to be kept: the next signal ends the process at once.
            signal.signal(number, signal.SIG_DFL if stopped else handler)
    if stopped:
        code = EXIT_INTERRUPTED
    if code == EXIT_INTERRUPTED:
        sys.stderr.write("Stopped. What was cached stays cached.\n")
    sys.exit(code)
