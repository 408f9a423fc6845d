"""Ctrl-C and SIGTERM: stop within two seconds, whatever runs, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from typing import NoReturn

from rich.console import Console

from .errors import Cancelled

GRACE_S = 1.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM; no ``except Exception`` on the way swallows it, nor does typer."""


@contextmanager
def interruptible(kind: type[BaseException] = Interrupted) -> Iterator[None]:
    """Within the block, the first Ctrl-C or SIGTERM raises ``kind``; later ones are ignored."""

    def stop(number: int, frame: object) -> None:
        for each in _STOP_SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise kind

    with _handling(stop):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """Within the block, Ctrl-C and SIGTERM are ignored."""
    with _handling(signal.SIG_IGN):
        yield


def leave(finished: int = 0) -> NoReturn:
    """Say that the work was canceled, and how many scans had been finished, and exit at once: ITK takes seconds to end
    its threads.
    """
    error = Cancelled(finished)
    print(f"mrstyle: {error}", file=sys.stderr, flush=True)
    os._exit(error.exit_code)


@contextmanager
def hard_stop(clean_up: Callable[[], None], finished: Sized = ()) -> Iterator[None]:
    """End the process where a stop signal has not ended the block after ``GRACE_S``; then say what ``finished`` by then.

    Python raises in the main thread once the call of a C library returns, which takes seconds in a
    registration. A thread, woken by the signal itself, does not wait for that.
    """
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    ended = threading.Event()

    def watch() -> None:
        while (received := receiver.recv(1)) and received[0] not in _STOP_SIGNALS:
            pass
        if not received or ended.wait(GRACE_S):
            return
        clean_up()
        Console(stderr=True).show_cursor()
        leave(len(finished))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        sender.close()
        thread.join()
        receiver.close()


@contextmanager
def _handling(handler: Callable[[int, object], None] | signal.Handlers) -> Iterator[None]:
    before = {each: signal.signal(each, handler) for each in _STOP_SIGNALS}
    try:
        yield
    finally:
        for each, previous in before.items():
            signal.signal(each, previous)
