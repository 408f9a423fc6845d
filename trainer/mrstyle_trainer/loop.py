"""The one training loop, on Lightning Fabric: phases, moving average, precision, compilation, resume, early stop."""

from __future__ import annotations

import math
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from lightning.fabric import Fabric
from lightning.fabric.utilities import rank_zero_only
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from mrstyle.errors import InputError
from mrstyle.files import atomic_path

from .checkpoint import load_checkpoint, save_checkpoint
from .config import SAVED_CONFIG, TrainingConfig
from .data import Samples, StepBatches, load_samples
from .initial import keep_card, load_initial
from .interrupt import Interrupt
from .monitor import Monitor
from .optimization import AdamSettings, adam, channels_last, learning_rate
from .recipes import Recipe, build_recipe
from .score import score_of
from .status import STOP, Status

Ending = Literal["finished", "early", "time", "interrupted"]


_ENDINGS: dict[Ending, str] = {
    "finished": "Done.",
    "early": "Done: validation got no better.",
    "time": "Done: the time is up.",
    "interrupted": "Stopped; it can go on.",
}


@dataclass
class Progress:
    """Where a training stands; ``seconds`` of training over all its starts."""

    step: int = 0
    seconds: float = 0.0
    best_score: float = -math.inf
    score_name: str = "PSNR"
    score_unit: str = "dB"
    validations_without_better: int = 0


def fit(
    config: TrainingConfig, folder: Path, *, resume: bool = False, devices: int = 1, device: str = "auto"
) -> tuple[Progress, Ending]:
    """Train until ``config.loop.steps``, the end of its minutes, early stop or interruption.

    Checkpoints, logs, pictures and the status go to ``folder``. ``device`` is auto, cpu, cuda or mps; auto takes a
    CUDA GPU where there is one, else the CPU.
    With several ``devices``, the script that runs is started once more for each of them (see Fabric.launch), and
    each of these processes calls this function.

    Raises:
        InputError: the folder already holds a training (without ``resume``) or none (with it), the configuration
            or its data are not usable, there is no such device, or the training diverges.
    """
    # All that a user can get wrong is found here, before there are other processes that would wait for this one.
    if config.loop.batch_size % devices:
        raise InputError(f"A batch of {config.loop.batch_size} cannot be divided among {devices} devices.")
    is_first = rank_zero_only.rank == 0  # type: ignore[attr-defined]
    if not resume and is_first:
        _claim(folder)
    state = load_checkpoint(folder) if resume else None
    with Status(folder, config.loop.steps, is_first) as status:
        (folder / STOP).unlink(missing_ok=True)
        torch.manual_seed(config.seed)
        recipe = build_recipe(config)
        if devices > 1 and getattr(recipe, "one_device", False):
            raise InputError(f"The recipe {config.recipe} trains on one device; leave --devices out.")
        training = load_samples(config, "training", recipe.samples)
        validation = load_samples(config, "validation", recipe.samples)
        if not resume:
            load_initial(config, recipe)
            if is_first:
                keep_card(config, folder)
        fabric = Fabric(
            accelerator=_accelerator(device),
            devices=devices,
            strategy="ddp" if devices > 1 else "auto",
            precision=config.loop.precision,
        )
        fabric.launch()
        run = _Training(config, folder, fabric, recipe, status)
        if state is not None:
            run.restore(state)
        ending = run.run(training, validation)
        status.tell(
            state="interrupted" if ending == "interrupted" else "finished",
            step=run.progress.step,
            seconds_left=None,
            message=_ENDINGS[ending],
        )
    return run.progress, ending


def _accelerator(device: str) -> str:
    """Lightning's name of a device."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    is_there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not is_there.get(device, False):
        usable = ", ".join(name for name, there in is_there.items() if there)
        raise InputError(f"This computer cannot train on the device {device}; choose auto or {usable}.")
    return device


def _claim(folder: Path) -> None:
    if (folder / SAVED_CONFIG).exists():
        raise InputError(f"{folder} already holds a training; resume it, or choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot make the folder {folder}: {error.strerror}; choose another.") from error


class _Training:
    """Networks, optimizers and moving average of one run, on the devices of ``fabric``."""

    def __init__(
        self, config: TrainingConfig, folder: Path, fabric: Fabric, recipe: Recipe, status: Status
    ) -> None:
        self.config, self.folder, self.fabric, self.recipe = config, folder, fabric, recipe
        self.status = status
        loop = config.loop
        self.progress = Progress()
        self.plain = recipe.networks
        self.score = score_of(recipe)
        self.progress.score_name, self.progress.score_unit = self.score.name, self.score.unit
        for network in self.plain.values():
            channels_last(network)
        self.average = AveragedModel(
            self.plain[recipe.main], multi_avg_fn=get_ema_multi_avg_fn(loop.ema_decay)
        ).to(fabric.device)
        self.networks: dict[str, nn.Module] = {}
        self.optimizers: dict[str, Any] = {}
        self.factors: dict[str, list[float]] = {}
        settings: dict[str, AdamSettings] = getattr(recipe, "optimizers", {})
        for name, network in self.plain.items():
            optimizer, self.factors[name] = adam(
                network, settings.get(name, AdamSettings()), loop.learning_rate
            )
            compiled = cast(nn.Module, torch.compile(network)) if loop.compile else network
            self.networks[name], self.optimizers[name] = fabric.setup(compiled, optimizer)

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a checkpoint.

        Raises:
            InputError: it is of another network than the configuration's.
        """
        try:
            self.progress = Progress(**state["progress"])
            for name, network in self.plain.items():
                network.load_state_dict(state["networks"][name])
                self.optimizers[name].load_state_dict(state["optimizers"][name])
            self.average.load_state_dict(state["average"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise InputError(
                f"The checkpoint in {self.folder} is not of the network that the configuration describes; "
                "resume with the configuration that it was trained with."
            ) from error

    def run(self, training: Samples, validation: Samples) -> Ending:
        """Train on from where the progress stands."""
        loop, fabric, progress = self.config.loop, self.fabric, self.progress
        self._save()
        self._tell_best()
        if self._is_out_of_time():
            return "time"
        loader = DataLoader(
            training,
            batch_sampler=StepBatches(
                progress.step, loop.steps, loop.batch_size, fabric.global_rank, fabric.world_size
            ),
            num_workers=loop.loader_processes,
            worker_init_fn=_start_worker,
            prefetch_factor=4 if loop.loader_processes else None,
        )
        held_out = DataLoader(validation, batch_size=min(8, loop.validation_samples))
        monitor = Monitor(self.folder, loop.steps, progress.step, fabric.is_global_zero, self.status)
        notes = [note for samples in (training, validation) for note in getattr(samples, "notes", [])]
        with monitor, Interrupt(self.folder / STOP) as interrupt:
            monitor.say(notes)
            if progress.step == 0 and self.config.initial is not None:
                self._validate(held_out, monitor)  # what fine-tuning has to beat
            self.since = time.monotonic()
            for batch in loader:
                losses, interrupted = self._step(fabric.to_device(batch), interrupt)
                monitor.step(progress.step, losses, progress.seconds, self._seconds_left())
                last = progress.step == loop.steps or self._is_out_of_time()
                validate = last or progress.step % loop.validation_every == 0
                if validate:
                    self._validate(held_out, monitor)
                if validate or interrupted:
                    self._save()
                if interrupted and not last:
                    return "interrupted"
                if last and progress.step < loop.steps:
                    return "time"
                if validate and not last and self._is_stuck():
                    return "early"
        return "finished"

    def _is_out_of_time(self) -> bool:
        minutes = self.config.loop.minutes
        return minutes is not None and self.progress.seconds >= 60 * minutes

    def _seconds_left(self) -> float:
        """By the mean speed of all steps so far."""
        loop, progress = self.config.loop, self.progress
        left = (loop.steps - progress.step) * progress.seconds / progress.step
        return left if loop.minutes is None else max(0.0, min(left, 60 * loop.minutes - progress.seconds))

    def _step(self, batch: dict[str, Tensor], interrupt: Interrupt) -> tuple[dict[str, float], bool]:
        """One step; the mean losses over all devices, and whether any of them was asked to stop."""
        rate = learning_rate(self.progress.step, self.config, self.progress.seconds)
        values: dict[str, Tensor] = {}
        for name, losses in self.recipe.phases(self.networks, batch):
            optimizer = self.optimizers[name]
            for group, factor in zip(optimizer.param_groups, self.factors[name], strict=True):
                group["lr"] = rate * factor
            optimizer.zero_grad(set_to_none=True)
            self.fabric.backward(torch.stack([weight * value for weight, value in losses.values()]).sum())
            norm = self.fabric.clip_gradients(
                self.networks[name],
                optimizer,
                max_norm=self.config.loop.gradient_clip,
                error_if_nonfinite=False,
            )
            if not torch.isfinite(cast(Tensor, norm)):
                raise InputError(
                    f"The training diverged at step {self.progress.step + 1}; lower loop.learning_rate in the "
                    "configuration."
                )
            optimizer.step()
            values |= {loss: value.detach() for loss, (_, value) in losses.items()}
        self.average.update_parameters(self.plain[self.recipe.main])
        self.progress.step += 1
        now = time.monotonic()
        # All devices go by the same clock, or their learning rates would part.
        own = torch.tensor([now - self.since, float(interrupt.requested)], device=self.fabric.device)
        together = self.fabric.all_reduce(torch.cat([torch.stack([*values.values()]), own]), reduce_op="mean")
        *means, seconds, asked = cast(Tensor, together).tolist()
        self.since = now
        self.progress.seconds += seconds
        return dict(zip(values, means, strict=True)), asked > 0

    def _validate(self, held_out: DataLoader, monitor: Monitor) -> None:
        """Validate the moving average on the first device and tell the others."""
        score = self._held_out_score(held_out, monitor) if self.fabric.is_global_zero else 0.0
        score = self.fabric.broadcast(score)
        progress = self.progress
        if score > progress.best_score:
            progress.best_score, progress.validations_without_better = score, 0
        else:
            progress.validations_without_better += 1
        self._tell_best()

    def _held_out_score(self, held_out: DataLoader, monitor: Monitor) -> float:
        network = self.average.module.eval()
        scores: list[Tensor] = []
        shown: tuple[dict[str, Tensor], Tensor] | None = None
        with torch.no_grad(), self.fabric.autocast():
            for batch in held_out:
                batch = self.fabric.to_device(batch)
                output = self.recipe.predict(network, batch)
                scores.append(self.score.of(output, batch).float())
                shown = shown or (batch, output)
        assert shown is not None  # there is at least one validation sample
        score = torch.cat(scores).mean().item()
        monitor.validation(self.progress.step, self.progress.seconds, self.score, score, *shown)
        return score

    def _tell_best(self) -> None:
        progress = self.progress
        best = progress.best_score if math.isfinite(progress.best_score) else None
        self.status.tell(
            step=progress.step,
            best_psnr_db=best if progress.score_unit == "dB" else None,
            score={"name": progress.score_name, "unit": progress.score_unit, "best": best},
        )

    def _is_stuck(self) -> bool:
        patience = self.config.loop.patience
        return patience is not None and self.progress.validations_without_better >= patience

    def _save(self) -> None:
        """Write the checkpoint, then the configuration: a folder with the second can be resumed."""
        if self.fabric.is_global_zero:
            save_checkpoint(
                self.folder,
                {
                    "progress": vars(self.progress),
                    "networks": {name: network.state_dict() for name, network in self.plain.items()},
                    "average": self.average.state_dict(),
                    "optimizers": {
                        name: optimizer.state_dict() for name, optimizer in self.optimizers.items()
                    },
                },
            )
            saved = self.folder / SAVED_CONFIG
            with atomic_path(saved) as path:
                path.write_text(self.config.model_dump_json(indent=2), encoding="utf-8")
        self.fabric.barrier()


def _start_worker(_: int) -> None:
    """A loader process leaves the cores to the training and Ctrl-C to its parent."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
