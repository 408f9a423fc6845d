"""Ending a process with everything that it started: what Slicer starts is a launcher, whose child does the work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

# pid -> (pid of its parent, when it was started); the latter tells a process from a later one with the same pid.
_Table = dict[int, tuple[int, str]]
_QUERY_LIMITED, _STILL_ACTIVE = 0x1000, 259  # of the Windows API


class ProcessTree:
    """A process and its descendants.

    On Linux and macOS descendants are remembered when `refresh` sees them, because the system forgets whose they
    were when their parent ends. On Windows only those of a living process are found.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._known: dict[int, str] = {}

    def refresh(self) -> list[int]:
        """Remember the processes that are in the tree now; returns the pids of those that are new."""
        if sys.platform == "win32":
            return []
        table = _process_table()
        family = {pid for pid, started in self._known.items() if table.get(pid, (0, ""))[1] == started}
        if not self._known and self._pid in table:
            family.add(self._pid)
        while young := {pid for pid, (parent, _) in table.items() if parent in family} - family:
            family |= young
        new = sorted(family - self._known.keys())
        self._known.update({pid: table[pid][1] for pid in family})
        return new

    def kill(self) -> None:
        """End all of them at once."""
        if sys.platform == "win32":
            _task_kill(self._pid)
            return
        # A stopped process cannot start another one while the list is made.
        while new := self.refresh():
            for pid in new:
                _signal(pid, signal.SIGSTOP)
        self.kill_known()

    def kill_known(self) -> None:
        """End those that were seen and still run, now that the process itself has ended."""
        if not self._known:
            return
        table = _process_table()
        for pid, started in self._known.items():
            if table.get(pid, (0, ""))[1] == started:
                _signal(pid, signal.SIGKILL)


def process_mark(pid: int) -> str:
    """When a process was started, as text that no later process with the same pid has; empty where none runs.

    It stays the same when the clock is set, and is another one after a restart of the computer.
    """
    if sys.platform == "win32":
        return _windows_mark(pid)
    if sys.platform == "linux":
        with suppress(OSError):
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            entry = _linux_entry(Path("/proc", str(pid)))
            return f"{boot} {entry[1]}" if entry else ""
        return ""
    return _ps_table("-p", str(pid)).get(pid, (0, ""))[1]


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _task_kill(pid: int) -> None:
    flags = subprocess.CREATE_NO_WINDOW  # type: ignore[attr-defined]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with suppress(OSError):
        subprocess.Popen(["taskkill", "/PID", str(pid), "/T", "/F"], creationflags=flags, **quiet)


def _process_table() -> _Table:
    return _linux_table() if sys.platform == "linux" else _ps_table()


def _linux_table() -> _Table:
    entries = {
        int(each.name): _linux_entry(Path(each.path)) for each in os.scandir("/proc") if each.name.isdigit()
    }
    return {pid: entry for pid, entry in entries.items() if entry is not None}


def _linux_entry(folder: Path) -> tuple[int, str] | None:
    """None for a process that has ended, though its parent may not have noticed."""
    try:
        stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
        fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
        return None if fields[0] in "ZX" else (int(fields[1]), fields[19])
    except (OSError, ValueError, IndexError):
        return None


def _ps_table(*which: str) -> _Table:
    """Of all processes, unless ``which`` are options of ps that say of which."""
    listed = subprocess.run(
        ["ps", *(which or ("-A",)), "-o", "pid=,ppid=,stat=,lstart="],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},  # the same text for a process, summer and winter
    )
    table = {}
    for line in listed.stdout.splitlines():
        pid, parent, state, started = line.split(maxsplit=3)
        if not state.startswith("Z"):
            table[int(pid)] = (int(parent), started)
    return table


def _windows_mark(pid: int) -> str:
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    kernel.OpenProcess.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(kernel.OpenProcess(_QUERY_LIMITED, False, pid))
    if not handle:
        return ""
    try:
        code, times = ctypes.c_ulong(), [ctypes.c_ulonglong() for _ in range(4)]
        known = kernel.GetExitCodeProcess(handle, ctypes.byref(code)) and kernel.GetProcessTimes(
            handle, *(ctypes.byref(time) for time in times)
        )
        return str(times[0].value) if known and code.value == _STILL_ACTIVE else ""
    finally:
        kernel.CloseHandle(handle)
