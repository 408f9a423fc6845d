"""Fixtures of the tests of the panels: the modules run unchanged in the test host (Testing/host), without Slicer.

These tests are a pytest run of their own (`pytest Testing/panels`): the host owns the process's only application
object, and the process ends by `os._exit`, because VTK's and Qt's own ends crash in whatever order they come.
"""

from __future__ import annotations

import ctypes
import os
import sys
import traceback
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest

ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT / "MRStyleCore", ROOT / "Testing" / "host"):
    sys.path.insert(0, str(folder))

_swallowed: list[str] = []
_application = None


def _missing() -> str:
    """Why the host cannot run on this machine; empty where it can."""
    try:
        ctypes.CDLL("libEGL.so.1")
        import slicer  # noqa: F401
        import slicerhost.pythonqt  # noqa: F401 - first of all to import PySide6, whose enums it makes ints
    except (ImportError, OSError) as error:
        return f"the panels' test host needs slicer-core, PySide6 and EGL: {error}"
    return ""


_MISSING = _missing()


class _SkippedModule(pytest.Module):
    """A test file that is not even imported: its imports would fail for the same reason."""

    def collect(self):
        pytest.skip(_MISSING, allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Starts the host before the first test file is imported, so that files may import `qt` and `slicer.*` at once."""
    if _MISSING:
        return _SkippedModule.from_parent(parent, path=module_path)
    _start()
    return None


def _start():
    global _application
    if _application is None:
        import slicerhost

        _application = slicerhost.start()
        # Qt and VTK print what a slot or an observer raised and go on, as Slicer does: a test must not.
        sys.excepthook = lambda *error: _swallowed.append("".join(traceback.format_exception(*error)))
    return _application


@pytest.fixture(scope="session")
def host():
    """The started application, slicer.app."""
    return _start()


@pytest.fixture
def scene(host):
    """The application's MRML scene, emptied before and after the test."""
    import slicer

    slicer.mrmlScene.Clear(0)
    host.processEvents()
    yield slicer.mrmlScene
    slicer.mrmlScene.Clear(0)
    host.processEvents()


@pytest.fixture
def swallowed_exceptions() -> list[str]:
    """Tracebacks that slots and observers have raised; a test that expects one takes it out of this list."""
    return _swallowed


def _checked():
    try:
        yield
    except BaseException:
        _swallowed.clear()  # the test has failed by itself; the next one is not to be blamed
        raise
    if _swallowed:
        text = "\n".join(_swallowed)
        _swallowed.clear()
        pytest.fail(
            f"raised in a slot or an observer, where Slicer would only print it:\n{text}", pytrace=False
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup():
    return (yield from _checked())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    return (yield from _checked())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown():
    return (yield from _checked())


_status: list[int] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    _status.append(int(session.exitstatus))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    if _application is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_status[-1] if _status else 1)
