"""What can go wrong, each as one clear sentence and one exit code.

Exit codes are those of the worker protocol: 2 bad input, 3 canceled, 4 out of memory, 5 bad model package.
"""

from __future__ import annotations


class MRStyleError(Exception):
    """Base of every error that is shown to the user as its message alone, without a traceback."""

    exit_code = 1


class InputError(MRStyleError):
    """A file, volume or option is not usable; the message says which, why, and what to do."""

    exit_code = 2


class PackageError(InputError):
    """A model package is refused; the message says which folder and why."""

    exit_code = 5


class Cancelled(MRStyleError):
    """The user asked to stop; nothing was written, or nothing of what was not yet finished."""

    exit_code = 3

    def __init__(self, finished: int = 0) -> None:
        kept = f"what was written before is kept (finished scans: {finished})"
        super().__init__(f"Canceled; {kept if finished else 'nothing was written'}.")


class OutOfMemory(MRStyleError):
    """Even the smallest plan did not fit into memory."""

    exit_code = 4
