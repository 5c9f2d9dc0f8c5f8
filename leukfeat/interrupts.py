"""Work that Ctrl-C may end before or after, but not in the middle."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["interrupts_wait"]


@contextlib.contextmanager
def interrupts_wait() -> Iterator[None]:
    """Let ``SIGINT`` and ``SIGTERM`` wait until a short piece of work is done.

    A signal that came meanwhile is handled at the end, once. One that Python does not handle
    ends the process at once as ever: nothing can wait for a kill. Outside the main thread, where
    Python handles no signals, nothing is changed.

    Examples
    --------
    >>> import os
    >>> done = []
    >>> try:
    ...     with interrupts_wait():
    ...         os.kill(os.getpid(), signal.SIGINT)
    ...         done.append("the work")
    ... except KeyboardInterrupt:
    ...     done.append("then the interrupt")
    >>> done
    ['the work', 'then the interrupt']
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    handlers = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)
        if callable(handler):
            handlers[number] = handler
            signal.signal(number, lambda *signal_came: came.append(signal_came))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for first, frame in came[:1]:
            handlers[signal.Signals(first)](first, frame)
