"""`Process` through Qt, so that everything arrives in the application's event loop and no thread is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from .process import ProcessEnd
from .process_tree import ProcessTree


def _ignore(_what: object) -> None:
    pass


class QtProcess:
    """A `Process`; it can be started once."""

    def __init__(self) -> None:
        self.on_output: Callable[[bytes], None] = _ignore
        self.on_error_output: Callable[[bytes], None] = _ignore
        self.on_end: Callable[[ProcessEnd], None] = _ignore
        self._process = qt.QProcess()
        self._tree: ProcessTree | None = None
        self._ended = False
        self._at_quit = self.kill  # one object: what is connected is found again when it is disconnected

    def start(
        self, program: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        variables = qt.QProcessEnvironment()
        for name, value in environment.items():
            variables.insert(name, value)
        self._process.setProcessEnvironment(variables)
        self._process.setWorkingDirectory(str(folder))
        self._process.readyReadStandardOutput.connect(self._read_output)
        self._process.readyReadStandardError.connect(self._read_error_output)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._error_occurred)
        slicer.app.connect("aboutToQuit()", self._at_quit)
        self._process.start(program, list(arguments))

    def remember_tree(self) -> None:
        if self._tree is None and (pid := self._process.processId()):
            self._tree = ProcessTree(pid)
        if self._tree is not None:
            self._tree.refresh()

    def close_input(self) -> None:
        self._process.closeWriteChannel()

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        if self._ended:
            return
        self.remember_tree()
        if self._tree is not None:
            self._tree.kill()
        self._process.kill()

    def wait(self, timeout_s: float) -> None:
        if not self._ended:
            self._process.waitForFinished(int(1000 * timeout_s))

    def later(self, delay_s: float, function: Callable[[], None]) -> None:
        qt.QTimer.singleShot(int(1000 * delay_s), function)

    def _read_output(self) -> None:
        self.on_output(self._process.readAllStandardOutput().data())

    def _read_error_output(self) -> None:
        self.on_error_output(self._process.readAllStandardError().data())

    def _finished(self, *_code_and_status: object) -> None:
        # Qt 5 has this signal with one argument, too: what arrives depends on the Slicer.
        self._read_output()
        self._read_error_output()
        if self._tree is not None:
            self._tree.kill_known()
        killed = self._process.exitStatus() == qt.QProcess.CrashExit
        self._end(ProcessEnd(self._process.exitCode(), killed=killed))

    def _error_occurred(self, error) -> None:
        # The other errors are followed by `finished`, or tell that a process that has ended takes no input.
        if error == qt.QProcess.FailedToStart:
            self._end(ProcessEnd(-1, fault=self._process.errorString() or _("it does not start")))

    def _end(self, end: ProcessEnd) -> None:
        if self._ended:
            return
        self._ended = True
        slicer.app.disconnect("aboutToQuit()", self._at_quit)
        self._process.deleteLater()
        self.on_end(end)
