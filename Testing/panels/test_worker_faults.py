"""Workers that misbehave: small programs that speak the protocol, up to a point."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from worker_helpers import (
    BLOCKED_S,
    CANCELED_S,
    HOST,
    Watched,
    is_alive,
    note_figures,
    offer_python,
    offer_stand_in,
    settle,
    stand_in_job,
    wait_until_empty,
    working_in,
)

from MRStyleLib.environment import package_folder
from MRStyleLib.worker_run import RunState, WorkerRun

DEATHS = {
    "before hello": "die()",
    "after hello": "hello(); die()",
    "during progress": "hello(); progress(0.2); die()",
    "in the middle of a line": 'hello(); os.write(1, b\'{"type": "resu\'); die()',
    "in the middle of a letter": "hello(); os.write(1, b'Gr\\xc3'); die()",
    "after one of two results": "hello(); progress(0.2); result(1); die()",
}
# Each state that a worker can be in when the user cancels; the last one ignores everything but a kill.
STATES = {
    "starting": "time.sleep(60)",
    "waiting": "hello(); until_canceled(); sys.exit(3)",
    "says so": "hello(); until_canceled(); say(type='error', code='cancelled', message='Canceled; so it is.'); sys.exit(3)",
    "ignores its input": "hello(); time.sleep(60)",
    "ignores signals": "signal.signal(signal.SIGTERM, signal.SIG_IGN); hello(); time.sleep(60)",
    "is stopped": "hello(); os.kill(os.getpid(), signal.SIGSTOP)",
    "floods": "hello()\nwhile True: os.write(1, b'words\\n' * 1000)",
}


def start(monkeypatch, folder: Path, code: str, cases: int = 1) -> Watched:
    offer_stand_in(monkeypatch, folder, code)
    return Watched(stand_in_job(folder, cases), folder).start()


@pytest.mark.parametrize("code", DEATHS.values(), ids=DEATHS)
def test_a_worker_that_is_killed(host, monkeypatch, tmp_path: Path, code: str) -> None:
    outcome = start(monkeypatch, tmp_path, code, cases=2).finish()
    assert outcome.state == "failed"
    assert "out of memory" in outcome.message
    assert ("What was finished before is kept" in outcome.message) == ("result" in code)
    assert not working_in(tmp_path)


def test_killed_when_all_is_done(host, monkeypatch, tmp_path: Path) -> None:
    watched = start(monkeypatch, tmp_path, "hello(); result(1); result(2); die()", cases=2)
    assert watched.finish().state == "finished"
    assert sorted(watched.results) == [1, 2]


def test_out_of_memory_in_the_workers_words(host, monkeypatch, tmp_path: Path) -> None:
    code = "hello(); say(type='error', code='out_of_memory', message='Too large by half.'); sys.exit(4)"
    outcome = start(monkeypatch, tmp_path, code).finish()
    assert (outcome.state, outcome.message) == ("failed", "Too large by half.")


@pytest.mark.parametrize(
    "code", ["hello(); sys.exit(4)", "hello(); os.write(2, b'MemoryError\\n'); sys.exit(1)"]
)
def test_out_of_memory_without_words(host, monkeypatch, tmp_path: Path, code: str) -> None:
    assert "ran out of memory" in start(monkeypatch, tmp_path, code).finish().message


def test_one_case_of_two_that_is_out_of_memory(host, monkeypatch, tmp_path: Path) -> None:
    code = "hello(); say(type='error', case=1, code='out_of_memory', message='Too large.'); result(2); sys.exit(4)"
    outcome = start(monkeypatch, tmp_path, code, cases=2).finish()
    assert outcome.state == "finished"
    assert outcome.failures == {1: "Too large."}
    assert outcome.message == "1 of 2 cases failed; the first failure, of case 1: Too large."


def test_every_case_fails(host, monkeypatch, tmp_path: Path) -> None:
    code = "hello(); [say(type='error', case=n, code='bad_input', message=f'No {n}.') for n in (1, 2)]; sys.exit(2)"
    outcome = start(monkeypatch, tmp_path, code, cases=2).finish()
    assert outcome.state == "failed"
    assert outcome.failures == {1: "No 1.", 2: "No 2."}


def test_garbage_is_log_and_the_run_goes_on(host, monkeypatch, tmp_path: Path) -> None:
    code = """
    os.write(1, bytes(range(256)) * 20 + b'\\n{"type": "result", "case": 99, "outputs": {}}\\n{"type": "hello"}\\n')
    hello(); hello()
    text = 'Grüße aus München'.encode()
    for byte in text: os.write(2, bytes([byte])); time.sleep(0.005)
    os.write(2, b'\\n')
    result(1); result(1)
    """
    watched = start(monkeypatch, tmp_path, code)
    outcome = watched.finish()
    assert (outcome.state, outcome.message) == ("finished", "")
    assert list(watched.results) == [1]
    assert "Grüße aus München" in "\n".join(watched.log).splitlines()
    assert "Grüße aus München" in outcome.log_tail


def test_a_flood_of_words_leaves_the_application_free(host, monkeypatch, request, tmp_path: Path) -> None:
    code = """
    hello()
    end = time.monotonic() + 2
    while time.monotonic() < end: os.write(1, b'many words\\n' * 5000); progress(0.5)
    result(1)
    """
    watched = start(monkeypatch, tmp_path, code)
    assert watched.finish().state == "finished"
    assert watched.run.outcome.log_tail.count("\n") < 20
    assert len(watched.log) < 40
    assert any("lines are left out" in text for text in watched.log)
    note_figures(request, watched)
    assert watched.longest_hold_s < BLOCKED_S


def test_a_worker_of_another_version_is_refused(host, monkeypatch, tmp_path: Path) -> None:
    outcome = start(monkeypatch, tmp_path, "hello(protocol=2); until_canceled(); result(1)").finish()
    assert outcome.state == "failed"
    assert "different versions" in outcome.message


@pytest.mark.parametrize("code", STATES.values(), ids=STATES)
def test_cancel_ends_whatever_the_worker_does(host, monkeypatch, request, tmp_path: Path, code: str) -> None:
    watched = start(monkeypatch, tmp_path, code)
    watched.until(lambda: watched.hello or ("hello" not in code and working_in(tmp_path)))
    seconds = watched.cancel()
    outcome = watched.finish()
    assert outcome.state == "canceled"
    assert outcome.message.startswith("Canceled")
    note_figures(request, watched, cancel_s=seconds)
    assert seconds < CANCELED_S
    assert watched.longest_hold_s < BLOCKED_S
    assert not working_in(tmp_path)


def test_cancel_then_wait_without_an_event_loop(host, monkeypatch, tmp_path: Path) -> None:
    run = start(monkeypatch, tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)").run
    started = time.monotonic()
    run.cancel()
    assert run.wait(5).state == "canceled"
    assert time.monotonic() - started < CANCELED_S
    assert not working_in(tmp_path)


def test_cancel_ends_grandchildren(host, monkeypatch, tmp_path: Path) -> None:
    sleeper = "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    code = f"""
    child = subprocess.Popen([sys.executable, "-c", "import signal, time; {sleeper}"])
    open("pid.txt", "w").write(str(child.pid))
    hello(); until_canceled(); sys.exit(3)
    """
    watched = start(monkeypatch, tmp_path, code)
    watched.until(lambda: watched.hello)
    pid = int((tmp_path / "pid.txt").read_text())
    assert is_alive(pid)
    assert watched.cancel() < CANCELED_S
    time.sleep(0.1)
    assert not is_alive(pid)


def test_a_result_that_comes_after_the_cancel_is_kept(host, monkeypatch, tmp_path: Path) -> None:
    watched = start(monkeypatch, tmp_path, "hello(); until_canceled(); result(1)", cases=2)
    watched.until(lambda: watched.hello)
    watched.cancel()
    outcome = watched.finish()
    assert outcome.state == "canceled"
    assert "1 cases" in outcome.message
    assert list(watched.results) == [1]


def test_a_second_start_is_refused_with_the_reason(host, monkeypatch, tmp_path: Path) -> None:
    watched = start(monkeypatch, tmp_path, "hello(); until_canceled()")
    with pytest.raises(RuntimeError, match="started before; wait for its end or cancel it"):
        watched.run.start()
    watched.run.cancel()
    with pytest.raises(RuntimeError, match="is being canceled"):
        watched.run.start()
    assert watched.finish().state == "canceled"
    with pytest.raises(RuntimeError, match="started before"):
        watched.run.start()
    watched.run.cancel()
    assert watched.run.state is RunState.DONE


def test_a_run_that_was_not_started(host, tmp_path: Path) -> None:
    run = WorkerRun(stand_in_job(tmp_path), tmp_path)
    run.cancel()
    assert run.state is RunState.IDLE
    with pytest.raises(RuntimeError, match="not started"):
        run.wait()


def test_wait_says_when_its_time_is_up(host, monkeypatch, tmp_path: Path) -> None:
    watched = start(monkeypatch, tmp_path, "hello(); until_canceled()")
    with pytest.raises(TimeoutError):
        watched.run.wait(0.3)
    watched.cancel()


def test_a_function_of_the_panel_that_fails_does_not_end_the_run(host, monkeypatch, tmp_path: Path) -> None:
    def fail(number: int, _message: dict) -> None:
        if number == 1:
            raise ValueError("The grid of the result is not that of the content.")

    watched = Watched(stand_in_job(tmp_path, 2), tmp_path)
    watched.run.on_result = fail
    watched.run.on_progress = lambda *event: 1 / 0
    offer_stand_in(monkeypatch, tmp_path, "hello(); progress(0.5); result(1); result(2)")
    outcome = watched.start().finish()
    assert outcome.state == "finished"
    assert outcome.failures == {1: "The grid of the result is not that of the content."}


def test_a_python_that_does_not_start(host, monkeypatch, tmp_path: Path) -> None:
    offer_python(monkeypatch, tmp_path, "").write_bytes(b"\x7fELF not at all")
    outcome = Watched(stand_in_job(tmp_path), tmp_path).start().finish()
    assert outcome.state == "failed"
    assert "cannot be started" in outcome.message


def test_no_python_at_all(host, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr("MRStyleLib.environment.shutil.which", lambda *_arguments, **_options: None)
    run = WorkerRun(stand_in_job(tmp_path), tmp_path)
    with pytest.raises(RuntimeError, match="PythonSlicer"):
        run.start()
    assert run.state is RunState.IDLE


APPLICATION = """
import os, sys
sys.path[:0] = {paths!r}
import slicerhost
app = slicerhost.start()
os.environ["PATH"] = {path!r}
import qt
from pathlib import Path
from worker_helpers import stand_in_job
from MRStyleLib.worker_run import WorkerRun
folder = Path({folder!r})
run = WorkerRun(stand_in_job(folder), folder)
run.on_hello = lambda message: {at_hello}
run.start()
app.exec_()
os._exit(0)
"""
WORKER_WITH_CHILD = """
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
hello(); time.sleep(60)
"""


@pytest.mark.parametrize(
    ("worker", "at_hello"),
    [
        (WORKER_WITH_CHILD, "qt.QTimer.singleShot(200, app.quit)"),
        ("hello(); until_canceled()", f"os.kill(os.getpid(), {int(signal.SIGKILL)})"),
    ],
    ids=["quit, with a grandchild", "crash"],
)
def test_the_end_of_the_application_leaves_no_process(
    host, monkeypatch, tmp_path: Path, worker: str, at_hello: str
) -> None:
    offer_stand_in(monkeypatch, tmp_path, worker)
    paths = [str(Path(__file__).parent), str(package_folder()), str(HOST)]
    script = APPLICATION.format(paths=paths, path=os.environ["PATH"], folder=str(tmp_path), at_hello=at_hello)
    subprocess.run([sys.executable, "-c", script], timeout=60, capture_output=True, cwd="/")
    assert (tmp_path / "job.json").exists()
    wait_until_empty(tmp_path, 3)
    settle()
