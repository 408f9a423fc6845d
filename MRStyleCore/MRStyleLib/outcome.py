"""How a run ended, in words for the user."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from slicer.i18n import tr as _

from .process import ProcessEnd

_CANCELED_CODE = "cancelled"
_OUT_OF_MEMORY_EXIT = 4
_KILL_SIGNAL = 9
_MISSING_MODULE = re.compile(r"No module named '?([\w.]+)")
_OUT_OF_MEMORY = re.compile(r"\bMemoryError\b|bad_alloc|out of memory", re.IGNORECASE)


@dataclass(frozen=True)
class Outcome:
    """The end of a run.

    Args:
        state: "finished" (at least one case gave a result and none is unaccounted for), "canceled" or "failed".
        message: one or two sentences for the user; empty where all went well.
        failures: why each case that failed did, by its number (from 1).
        log_tail: the last lines that the worker printed.
    """

    state: str
    message: str
    failures: dict[int, str] = field(default_factory=dict)
    log_tail: str = ""


@dataclass
class Record:
    """What is known about a run when its process has ended."""

    cases: int
    results: set[int] = field(default_factory=set)
    failures: dict[int, str] = field(default_factory=dict)
    error: tuple[str, str] | None = None  # code and message of the worker's own last word
    cancel_asked: bool = False
    fault: str = ""  # why we ended it ourselves


def judge(record: Record, end: ProcessEnd, log_tail: str) -> Outcome:
    """The outcome of a run whose process has ended."""
    state, message = _judge(record, end, log_tail)
    return Outcome(state, message, dict(record.failures), log_tail)


def _judge(record: Record, end: ProcessEnd, log_tail: str) -> tuple[str, str]:
    if record.fault:
        return "failed", record.fault
    if record.results and record.cases == len(record.results | record.failures.keys()):
        return "finished", _about_failures(record.failures, record.cases)
    if record.cancel_asked:
        return "canceled", record.error[1] if record.error else _canceled(len(record.results))
    if end.fault:
        return "failed", _("MRStyle's worker process cannot be started: {reason}.").format(
            reason=end.fault.rstrip(".")
        )
    if record.error:
        code, message = record.error
        return ("canceled" if code == _CANCELED_CODE else "failed"), message
    if record.failures and record.cases == len(record.failures):
        return "failed", _about_failures(record.failures, record.cases)
    return "failed", _why_it_ended(end, log_tail) + _kept(len(record.results))


def _about_failures(failures: Mapping[int, str], cases: int) -> str:
    if not failures:
        return ""
    first = failures[min(failures)]
    if cases == 1:
        return first
    text = _("{failed} of {cases} cases failed; the first failure, of case {number}: {message}")
    return text.format(failed=len(failures), cases=cases, number=min(failures), message=first)


def _canceled(results: int) -> str:
    return _("Canceled.") + _kept(results)


def _kept(results: int) -> str:
    return (
        " " + _("What was finished before is kept ({cases} cases).").format(cases=results) if results else ""
    )


def _why_it_ended(end: ProcessEnd, log_tail: str) -> str:
    missing = _MISSING_MODULE.search(log_tail)
    if missing and missing[1].startswith("mrstyle"):
        return _(
            "MRStyle is not complete on this computer: {module} is missing. Install the extension again."
        ).format(module=missing[1])
    if missing:
        return _(
            "The Python package {package} is not installed. Press Apply and let MRStyle install what is missing."
        ).format(package=missing[1])
    if end.code == _OUT_OF_MEMORY_EXIT or _OUT_OF_MEMORY.search(log_tail):
        return _("The computer ran out of memory. Close other programs or choose a smaller volume.")
    if end.code in (_KILL_SIGNAL, 128 + _KILL_SIGNAL):
        return _(
            "MRStyle's worker process was ended from outside, most likely because the computer ran out of memory. "
            "Close other programs or choose a smaller volume."
        )
    how = _("signal {number}") if end.killed else _("exit code {number}")
    return _("MRStyle's worker process ended unexpectedly ({how}). Its last words are in the log.").format(
        how=how.format(number=end.code)
    )
