"""What a training leaves in its folder while it runs, read without a fault on whatever stands there.

A training's folder holds ``request.json`` (what the user asked for), the configuration, ``scans`` (exported volumes),
``process.json`` (`train_driver`), ``trainer.log`` and ``run``, which the trainer writes: status.json, progress.jsonl,
samples/step-000000.png, checkpoint.safetensors.
"""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REQUEST, PROCESS, LOG = "request.json", "process.json", "trainer.log"
SCANS, RUN, STOP, CHECKPOINT = "scans", "run", "stop", "checkpoint.safetensors"
_LIMIT_BYTES = 1_000_000
_POINTS = 400
_SAMPLE = re.compile(r"step-(\d{1,9})\.png")
_VALIDATIONS = ("validation_psnr_db", "validation_score")

Curve = tuple[list[float], list[float]]  # steps and values


def read_json(path: Path) -> dict[str, Any]:
    """The object in a small JSON file; empty where there is none, or none yet."""
    try:
        if path.stat().st_size > _LIMIT_BYTES:
            return {}
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


@dataclass(frozen=True)
class Status:
    """status.json of a run.

    Args:
        state: "running", "finished", "interrupted" or "failed"; empty where there is no status.
        step: how many steps are done.
        steps: how many there are to do.
        seconds_left: None where it is not known.
        best: the best score on held-out data, with its name and unit; empty before the first validation.
        message: why it failed, or empty.
    """

    state: str = ""
    step: int = 0
    steps: int = 0
    seconds_left: float | None = None
    best: str = ""
    message: str = ""

    @classmethod
    def read(cls, run: Path) -> Status:
        """The status of a run's folder."""
        content = read_json(run / "status.json")
        return cls(
            state=_text(content.get("state")),
            step=int(number(content.get("step")) or 0),
            steps=int(number(content.get("steps")) or 0),
            seconds_left=number(content.get("seconds_left")),
            best=_score(content.get("score")),
            message=_text(content.get("message")),
        )

    @property
    def fraction(self) -> float:
        """How much is done, 0 to 1."""
        return min(1.0, max(0.0, self.step / self.steps)) if self.steps > 0 else 0.0


class Curves:
    """progress.jsonl of a run, read on from where the last reading ended.

    Attributes:
        losses: (steps, values) by name of the loss.
        validation: (steps, score on held-out data, for most recipes PSNR in dB).
    """

    def __init__(self, run: Path) -> None:
        self._file = run / "progress.jsonl"
        self._start_over(None)

    def read_on(self) -> bool:
        """Take what was written since; whether that was anything. A file that was replaced is read anew."""
        try:
            with self._file.open("rb") as file:
                inode, size = os.fstat(file.fileno()).st_ino, file.seek(0, os.SEEK_END)
                if inode != self._inode or size < self._read:
                    self._start_over(inode)
                file.seek(self._read)
                data = file.read()
        except OSError:
            return False
        whole = data[: data.rfind(b"\n") + 1]  # a cut line waits for its rest
        self._read += len(whole)
        for line in whole.splitlines():
            self._take(line)
        return bool(whole)

    def _start_over(self, inode: int | None) -> None:
        self.losses: dict[str, Curve] = {}
        self.validation: Curve = ([], [])
        self._inode, self._read = inode, 0

    def _take(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            step = number(entry["step"])
            losses = entry.get("losses") or {}
            pairs = [(str(name), number(value)) for name, value in losses.items()]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return
        if step is None:
            return
        for name, value in pairs:
            if value is not None:
                _append(self.losses.setdefault(name, ([], [])), step, value)
        for score in (number(entry.get(name)) for name in _VALIDATIONS):
            if score is not None:
                _append(self.validation, step, score)


def thinned(curve: Curve) -> Curve:
    """A curve of at most some 400 points, each the mean of its neighbors: a plot shows no more."""
    steps, values = curve
    width = math.ceil(len(steps) / _POINTS)
    if width <= 1:
        return curve
    parts = [slice(start, start + width) for start in range(0, len(steps), width)]
    return [steps[part][-1] for part in parts], [sum(values[part]) / len(values[part]) for part in parts]


def samples(run: Path) -> list[tuple[int, Path]]:
    """The sample pictures of a run with their steps, the first one first."""
    try:
        found = [
            (match, path) for path in (run / "samples").iterdir() if (match := _SAMPLE.fullmatch(path.name))
        ]
    except OSError:
        return []
    return sorted((int(match[1]), path) for match, path in found)


def last_line(log: Path) -> str:
    """The last line of the trainer's log that is not empty; of an error it is the sentence."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - 4000))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("mrstyle-train: ") if lines else ""


def number(value: Any) -> float | None:
    """A finite number, or None for anything else."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _score(value: Any) -> str:
    best = number(value.get("best")) if isinstance(value, dict) else None
    if best is None:
        return ""
    unit = _text(value.get("unit"))
    return f"{_text(value.get('name'))} {best:.2f} {'' if unit == '1' else unit}".strip()


def _append(curve: Curve, step: float, value: float) -> None:
    curve[0].append(step)
    curve[1].append(value)
