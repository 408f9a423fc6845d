"""``mrstyle infer --job job.json``: one model, many cases, for programs that run MRStyle as a process.

Protocol 1. Standard output carries one ASCII JSON object a line, and nothing else; whatever libraries print
goes to standard error. Closing standard input cancels.

    hello     protocol, mrstyle, torch, device, name, vram_free_mb (null unless CUDA), reason (of the device)
    progress  case, cases, stage, fraction and eta_s, both of the whole job: the fraction never falls, eta_s
              is null when unknown; at most ten a second
    warning   case, code, message
    result    case, name, outputs (image, history and, when asked for, uncertainty: paths), seconds
    error     code, message; case when the others still run; traceback when it is our own fault

Cases count from 1, in the order of the job. A case that fails does not stop the others. Exit codes: 0 all is
well, 2 bad input, 3 canceled, 4 out of memory, 5 bad model package, 1 anything else; of several failures the
first one counts, but a cancel always gives 3.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Any, TextIO

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from . import __version__
from .engine.device import choose
from .errors import Cancelled, InputError, MRStyleError, OutOfMemory
from .history import sidecar_path, write_sidecar
from .models.catalogue import find
from .models.package import Package, load_package
from .targets import Reference
from .translate import Progress, Result, translate
from .volume import read_volume, write_volume

PROTOCOL = 1
PROGRESS_INTERVAL_S = 0.1
JOB_LIMIT_BYTES = 10_000_000
ERROR_CODES = {1: "internal", 2: "bad_input", 3: "cancelled", 4: "out_of_memory", 5: "model_corrupt"}


class Case(BaseModel):
    """One volume to translate; relative paths start at the worker's working directory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    content: Path
    style: Path
    output: Path
    uncertainty: Path | None = None
    name: str = ""

    def written(self) -> list[Path]:
        """The images that the case writes; each has its history beside it."""
        return [path for path in (self.output, self.uncertainty) if path is not None]


class Job(BaseModel):
    """Content of the job file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Annotated[str, Field(min_length=1, description="id, id@version or the folder of a package")]
    cases: Annotated[tuple[Case, ...], Field(min_length=1)]
    device: str = "auto"
    samples: Annotated[int, Field(ge=1)] = 1
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _check_cases(self) -> Job:
        if self.samples == 1 and any(case.uncertainty for case in self.cases):
            raise ValueError("an uncertainty needs samples of 2 or more")
        inputs = [path for case in self.cases for path in (case.content, case.style) if not path.is_dir()]
        taken = {sidecar_path(path.resolve()) for path in inputs}
        for path in (path for case in self.cases for path in case.written()):
            if (sidecar := sidecar_path(path.resolve())) in taken:
                raise ValueError(
                    f"{path} or its .json file would replace an input or another output; rename it"
                )
            taken.add(sidecar)
        return self


def read_job(path: str | Path) -> Job:
    """Read and check a job file.

    Raises:
        InputError: it cannot be read or breaks the schema; the message names the first field at fault.
    """
    path = Path(path)
    try:
        if path.stat().st_size > JOB_LIMIT_BYTES:
            raise InputError(f"Job file {path} is larger than {JOB_LIMIT_BYTES // 1_000_000} MB; split it.")
        return Job.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"Job file {path} cannot be read: {error.strerror or error}.") from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        message = fault["msg"].removeprefix("Value error, ").rstrip(".")
        raise InputError(
            f"Job file {path} is not usable: {place}{': ' if place else ''}{message}."
        ) from error


def run(job_path: str | Path, stdin: TextIO | None, stdout: TextIO) -> int:
    """Do the job and return the exit code.

    Args:
        job_path: the job file.
        stdin: closing its other end cancels; None, or a terminal (where Ctrl-C cancels), is not watched.
        stdout: where the protocol goes; it has a file descriptor, which no other output reaches meanwhile.
    """
    closed = threading.Event()
    if stdin is not None and not stdin.isatty():
        threading.Thread(target=_watch, args=(stdin.fileno(), closed), daemon=True).start()
    with _private_stream(stdout) as stream:
        sender = _Sender(stream)
        try:
            return _run_job(read_job(job_path), sender, closed)
        except (Exception, KeyboardInterrupt) as error:
            return sender.failure(error)


def _run_job(job: Job, sender: _Sender, closed: threading.Event) -> int:
    device, reason = choose(job.device)
    sender.send("hello", **_describe(device), reason=reason)
    package = load_package(find(job.model))
    progress = _ProgressLines(sender, len(job.cases))
    first_failure = 0
    for number, case in enumerate(job.cases, start=1):
        progress.start_case(number)
        started = time.monotonic()
        try:
            outputs = _run_case(job, case, package, str(device), progress, closed)
        except Cancelled:
            raise
        except Exception as error:
            code = sender.failure(error, case=number)
            first_failure = first_failure or code
        else:
            seconds = round(time.monotonic() - started, 3)
            sender.result(case=number, name=case.name, outputs=outputs, seconds=seconds)
    return first_failure


def _run_case(
    job: Job, case: Case, package: Package, device: str, progress: _ProgressLines, closed: threading.Event
) -> dict[str, str]:
    """Translate one case and write its files; returns their paths by kind."""
    if closed.is_set():
        raise Cancelled
    for path in case.written():
        if not path.parent.is_dir():
            raise InputError(
                f"Cannot write {path}: the folder {path.parent} does not exist; create it first."
            )
    result = translate(
        read_volume(case.content),
        package,
        Reference(read_volume(case.style)),
        samples=job.samples,
        device=device,
        seed=job.seed,
        progress=progress,
        cancel=closed.is_set,
    )
    for note in result.notes:
        progress.warn(note)
    if case.uncertainty is not None and result.uncertainty is None:
        progress.warn("This model gives no uncertainty; only the image is written.")
    if closed.is_set():
        raise Cancelled
    return _write(result, case)


def _write(result: Result, case: Case) -> dict[str, str]:
    write_volume(result.image, case.output)
    outputs = {"image": str(case.output), "history": str(write_sidecar(result.history, case.output))}
    if case.uncertainty is not None and result.uncertainty is not None:
        write_volume(result.uncertainty, case.uncertainty)
        write_sidecar(result.history, case.uncertainty)
        outputs["uncertainty"] = str(case.uncertainty)
    return outputs


@dataclass
class _Sender:
    """Writes protocol lines."""

    stream: IO[bytes]
    results: int = 0

    def result(self, **fields: Any) -> None:
        self.results += 1
        self.send("result", **fields)

    def send(self, kind: str, **fields: Any) -> None:
        line = json.dumps({"type": kind, **fields}, ensure_ascii=True, allow_nan=False)
        # Nobody reads any more when the parent has died; its end of stdin is then closed too, which cancels.
        with suppress(OSError):
            self.stream.write(line.encode("ascii") + b"\n")

    def failure(self, error: BaseException, **fields: Any) -> int:
        """Send the error line of ``error`` and return its exit code."""
        if isinstance(error, KeyboardInterrupt):
            error = Cancelled()
        elif isinstance(error, MemoryError):
            error = OutOfMemory(
                "The computer ran out of memory; close other programs or choose a smaller volume."
            )
        if isinstance(error, MRStyleError):
            code, message = error.exit_code, str(error)
            if isinstance(error, Cancelled) and self.results:
                message = f"Canceled; what was written before is kept (finished cases: {self.results})."
        else:
            code, message = 1, f"MRStyle failed in a way that it should not: {type(error).__name__}: {error}"
            fields["traceback"] = "".join(traceback.format_exception(error))
        self.send("error", code=ERROR_CODES[code], message=message, **fields)
        return code


@dataclass
class _ProgressLines:
    """Turns the progress of one case after the other into lines about the whole job."""

    sender: _Sender
    cases: int
    case: int = 0
    started: float = 0.0
    fraction: float = 0.0
    last_sent: float = -math.inf
    told: set[str] = field(default_factory=set)

    def start_case(self, number: int) -> None:
        self.case, self.started, self.fraction = number, time.monotonic(), 0.0
        self.told.clear()

    def __call__(self, progress: Progress) -> None:
        if progress.message:
            self.warn(progress.message)
        self.fraction = max(self.fraction, min(progress.fraction, 1.0))
        now = time.monotonic()
        if now - self.last_sent < PROGRESS_INTERVAL_S:
            return
        self.last_sent = now
        eta_s = None
        if progress.remaining_s is not None:
            whole_case_s = now - self.started + progress.remaining_s
            eta_s = round(progress.remaining_s + (self.cases - self.case) * whole_case_s, 1)
        overall = (self.case - 1 + self.fraction) / self.cases
        line = {"stage": progress.stage, "fraction": round(overall, 4), "eta_s": eta_s}
        self.sender.send("progress", case=self.case, cases=self.cases, **line)

    def warn(self, message: str) -> None:
        """Tell each message once a case."""
        if message not in self.told:
            self.told.add(message)
            self.sender.send("warning", case=self.case, code="note", message=message)


def _describe(device: torch.device) -> dict[str, Any]:
    """The fields of the hello line that say what runs the job."""
    on_gpu = device.type == "cuda"
    return {
        "protocol": PROTOCOL,
        "mrstyle": __version__,
        "torch": torch.__version__,
        "device": str(device),
        "name": torch.cuda.get_device_name(device) if on_gpu else device.type.upper(),
        "vram_free_mb": torch.cuda.mem_get_info(device)[0] // 2**20 if on_gpu else None,
    }


def _watch(descriptor: int, closed: threading.Event) -> None:
    """Set ``closed`` when the other end closes."""
    # Not through sys.stdin: a daemon thread inside its buffer would abort the interpreter's exit.
    with suppress(OSError):
        while os.read(descriptor, 4096):
            pass
    closed.set()


@contextmanager
def _private_stream(stdout: TextIO) -> Iterator[IO[bytes]]:
    """Keep ``stdout`` for the protocol: what Python and C libraries print there goes to standard error."""
    stdout.flush()
    descriptor = stdout.fileno()
    kept = os.dup(descriptor)
    os.dup2(2, descriptor)
    try:
        with os.fdopen(kept, "wb", buffering=0, closefd=False) as stream:
            yield stream
    finally:
        stdout.flush()
        os.dup2(kept, descriptor)
        os.close(kept)
