"""What a training shows while it runs: a progress line, its status, a JSON-lines log, TensorBoard curves and pictures."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType

import torch
from PIL import Image
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from mrstyle.files import atomic_path

from .score import Score
from .status import Status

_LOG = "progress.jsonl"
_SAMPLES = "samples"
_LOG_EVERY = 10
_COLUMNS = ("content", "output", "target")
_SHOWN = 6


class Monitor:
    """Logs of one run in ``folder``: progress.jsonl, samples/*.png, TensorBoard events, the status, and a bar on the terminal.

    A line of progress.jsonl has the mean losses of a few steps, {"step", "seconds", "losses": {name: value},
    "validation_psnr_db": null}, or what a validation found, with losses {} and the PSNR, or, where another score counts,
    "validation_score". ``seconds`` are of training, over all its starts.

    Only the first process of several is ``active``. A training that goes on at ``first_step`` drops what was
    logged of later steps before it was killed.
    """

    def __init__(self, folder: Path, steps: int, first_step: int, active: bool, status: Status) -> None:
        self.folder, self.steps, self.first_step, self.active = folder, steps, first_step, active
        self.status = status
        self.sums: dict[str, float] = {}
        self.count = 0

    def __enter__(self) -> Monitor:
        if self.active:
            _drop_later(self.folder / _LOG, self.first_step)
            (self.folder / _SAMPLES).mkdir(exist_ok=True)
            self.log = (self.folder / _LOG).open("a", encoding="utf-8")
            self.board = SummaryWriter(str(self.folder), purge_step=self.first_step + 1)
            self.bar = Progress(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            )
            self.bar.start()
            self.task = self.bar.add_task("training", total=self.steps, completed=self.first_step)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.active:
            self.bar.stop()
            self.board.close()
            self.log.close()

    def say(self, notes: list[str]) -> None:
        """That the training begins, and what the user should know of its data."""
        if self.active:
            for note in notes:
                self.bar.console.print(note, highlight=False)
            self.status.tell(step=self.first_step, message=" ".join(["Training.", *notes]))

    def step(self, step: int, losses: dict[str, float], seconds: float, seconds_left: float) -> None:
        """Count a step; the mean losses of every few steps go to the log."""
        if not self.active:
            return
        self.count += 1
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        if step % _LOG_EVERY == 0 or step == self.steps:
            means = {name: value / self.count for name, value in self.sums.items()}
            self.sums, self.count = {}, 0
            self._write(step, seconds, losses=means, validation_psnr_db=None)
            for name, value in means.items():
                self.board.add_scalar(name, value, step)
            text = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
            self.bar.update(self.task, description=text)
        self.bar.update(self.task, completed=step)
        self.status.note(step=step, seconds_left=round(seconds_left))

    def validation(
        self, step: int, seconds: float, score: Score, value: float, batch: dict[str, Tensor], output: Tensor
    ) -> None:
        """Log the score on held-out heads, with a picture: content, output and target of some samples, as far as they are
        images, with the patient's front or head up and the left side on the right.
        """
        psnr_db = value if score.unit == "dB" else None
        other = {} if score.unit == "dB" else {"validation_score": value, "score_name": score.name}
        self._write(step, seconds, losses={}, validation_psnr_db=psnr_db, **other)
        self.board.add_scalar("validation_psnr_db" if score.unit == "dB" else "validation_score", value, step)
        self.bar.console.print(f"step {step}: {score.text(value)} on held-out heads", highlight=False)
        images = batch | {"output": output}
        shown = {
            name: _middle(images[name]) for name in _COLUMNS if name in images and images[name].dim() > 3
        }
        rows = torch.stack(list(shown.values()), 1)[:_SHOWN].clamp(0, 1.2) / 1.2
        picture = rows.flip(-2, -1).permute(0, 2, 1, 3).flatten(2).flatten(0, 1)
        self.board.add_image(" | ".join(shown), picture, step, dataformats="HW")
        with atomic_path(self.folder / _SAMPLES / f"step-{step:06d}.png") as path:
            Image.fromarray((255 * picture).round().byte().cpu().numpy()).save(path)

    def _write(self, step: int, seconds: float, **values: object) -> None:
        self.log.write(json.dumps({"step": step, "seconds": round(seconds, 1)} | values) + "\n")
        self.log.flush()


def _middle(images: Tensor) -> Tensor:
    """The middle slice (B, H, W) of slices (B, n, H, W) or of blocks (B, 1, D, H, W)."""
    slices = images[:, 0] if images.dim() == 5 else images
    return slices[:, slices.shape[1] // 2].float()


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
