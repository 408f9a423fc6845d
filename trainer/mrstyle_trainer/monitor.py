"""What a training shows while it runs: a progress line, a JSON-lines log, TensorBoard curves and pictures."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from mrstyle.files import atomic_path

_LOG = "log.jsonl"
_LOG_EVERY = 20
_INPUTS = ("content", "reference")
_SHOWN = 6


class Monitor:
    """Logs of one run in ``folder``: log.jsonl, TensorBoard events, and a progress bar on the terminal.

    Only the first process of several is ``active``. A training that goes on at ``first_step`` drops what was
    logged of later steps before it was killed.
    """

    def __init__(self, folder: Path, steps: int, first_step: int, active: bool) -> None:
        self.folder, self.steps, self.first_step, self.active = folder, steps, first_step, active
        self.sums: dict[str, float] = {}
        self.count = 0

    def __enter__(self) -> Monitor:
        if self.active:
            _drop_later(self.folder / _LOG, self.first_step)
            self.log = (self.folder / _LOG).open("a", encoding="utf-8")
            self.board = SummaryWriter(str(self.folder), purge_step=self.first_step + 1)
            self.bar = Progress(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            )
            self.bar.start()
            self.task = self.bar.add_task("training", total=self.steps, completed=self.first_step)
            self.started = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.active:
            self.bar.stop()
            self.board.close()
            self.log.close()

    def step(self, step: int, losses: dict[str, float]) -> None:
        """Count a step; the mean losses of every few steps go to the log."""
        if not self.active:
            return
        self.count += 1
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        if step % _LOG_EVERY == 0 or step == self.steps:
            means = {name: value / self.count for name, value in self.sums.items()}
            self.sums, self.count = {}, 0
            self._write(step, means)
            text = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
            self.bar.update(self.task, description=text)
        self.bar.update(self.task, completed=step)

    def validation(self, step: int, psnr_db: float, batch: dict[str, Tensor], output: Tensor) -> None:
        """Log the PSNR on held-out heads, with a picture: content, reference, output, target of some samples."""
        self._write(step, {"validation_psnr_db": psnr_db})
        self.bar.console.print(f"step {step}: {psnr_db:.2f} dB on held-out heads", highlight=False)
        shown = {name: images[:, images.shape[1] // 2] for name, images in batch.items() if name in _INPUTS}
        shown |= {"output": output[:, 0], "target": batch["target"][:, 0]}
        rows = torch.stack(list(shown.values()), 1)[:_SHOWN].clamp(0, 1.2) / 1.2
        picture = rows.permute(0, 2, 1, 3).flatten(2).flatten(0, 1)
        self.board.add_image(" | ".join(shown), picture, step, dataformats="HW")

    def _write(self, step: int, values: dict[str, float]) -> None:
        entry = {"step": step, "seconds": round(time.monotonic() - self.started, 1)} | values
        self.log.write(json.dumps(entry) + "\n")
        self.log.flush()
        for name, value in values.items():
            self.board.add_scalar(name, value, step)


def _drop_later(log: Path, step: int) -> None:
    """Keep the entries up to ``step``; a line that a kill cut in two goes as well."""
    if not log.exists():
        return
    kept = []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except (ValueError, KeyError, TypeError):
            continue
    with atomic_path(log) as path:
        path.write_text("".join(kept), encoding="utf-8")
