"""The one training loop, on Lightning Fabric: phases, moving average, precision, compilation, resume, early stop."""

from __future__ import annotations

import math
import signal
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
from .recipes import Recipe, build_recipe

Ending = Literal["finished", "early", "interrupted"]


@dataclass
class Progress:
    """Where a training stands."""

    step: int = 0
    best_psnr_db: float = -math.inf
    validations_without_better: int = 0


def learning_rate(step: int, config: TrainingConfig) -> float:
    """Linear warm-up, then a cosine down to zero at the last step."""
    loop = config.loop
    if step < loop.warmup_steps:
        return loop.learning_rate * (step + 1) / loop.warmup_steps
    done = (step - loop.warmup_steps) / max(1, loop.steps - loop.warmup_steps)
    return loop.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def fit(
    config: TrainingConfig, folder: Path, *, resume: bool = False, devices: int = 1
) -> tuple[Progress, Ending]:
    """Train until ``config.loop.steps``, early stop or interruption; checkpoints and logs go to ``folder``.

    With several ``devices``, the script that runs is started once more for each of them (see Fabric.launch), and
    each of these processes calls this function.

    Raises:
        InputError: the folder already holds a training (without ``resume``) or none (with it), the configuration
            or its data are not usable, or the training diverges.
    """
    # All that a user can get wrong is found here, before there are other processes that would wait for this one.
    if config.loop.batch_size % devices:
        raise InputError(f"A batch of {config.loop.batch_size} cannot be divided among {devices} devices.")
    is_first = rank_zero_only.rank == 0  # type: ignore[attr-defined]
    if not resume and is_first:
        _claim(folder)
    state = load_checkpoint(folder) if resume else None
    torch.manual_seed(config.seed)
    recipe = build_recipe(config)
    samples = recipe.samples
    training = load_samples(config, "training", samples)
    validation = load_samples(config, "validation", samples)
    if not resume:
        load_initial(config, recipe)
        if is_first:
            keep_card(config, folder)
    fabric = Fabric(
        accelerator="auto" if torch.cuda.is_available() else "cpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        precision=config.loop.precision,
    )
    fabric.launch()
    run = _Training(config, folder, fabric, recipe)
    if state is not None:
        run.restore(state)
    ending = run.run(training, validation)
    return run.progress, ending


def _claim(folder: Path) -> None:
    if (folder / SAVED_CONFIG).exists():
        raise InputError(f"{folder} already holds a training; resume it, or choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot make the folder {folder}: {error.strerror}; choose another.") from error


class _Training:
    """Networks, optimizers and moving average of one run, on the devices of ``fabric``."""

    def __init__(self, config: TrainingConfig, folder: Path, fabric: Fabric, recipe: Recipe) -> None:
        self.config, self.folder, self.fabric, self.recipe = config, folder, fabric, recipe
        loop = config.loop
        self.progress = Progress()
        self.plain = recipe.networks
        for network in self.plain.values():
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = AveragedModel(
            self.plain[recipe.main], multi_avg_fn=get_ema_multi_avg_fn(loop.ema_decay)
        ).to(fabric.device)
        self.networks: dict[str, nn.Module] = {}
        self.optimizers: dict[str, Any] = {}
        for name, network in self.plain.items():
            optimizer = torch.optim.Adam(network.parameters(), loop.learning_rate, betas=(0.9, 0.99))
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
        monitor = Monitor(self.folder, loop.steps, progress.step, fabric.is_global_zero)
        with monitor, Interrupt() as interrupt:
            if progress.step == 0 and self.config.initial is not None:
                self._validate(held_out, monitor)  # what fine-tuning has to beat
            for batch in loader:
                losses, interrupted = self._step(fabric.to_device(batch), interrupt)
                monitor.step(progress.step, losses)
                last = progress.step == loop.steps
                validate = last or progress.step % loop.validation_every == 0
                if validate:
                    self._validate(held_out, monitor)
                if validate or interrupted:
                    self._save()
                if interrupted and not last:
                    return "interrupted"
                if validate and not last and self._is_stuck():
                    return "early"
        return "finished"

    def _step(self, batch: dict[str, Tensor], interrupt: Interrupt) -> tuple[dict[str, float], bool]:
        """One step; the mean losses over all devices, and whether any of them was asked to stop."""
        rate = learning_rate(self.progress.step, self.config)
        values: dict[str, Tensor] = {}
        for name, losses in self.recipe.phases(self.networks, batch):
            optimizer = self.optimizers[name]
            for group in optimizer.param_groups:
                group["lr"] = rate
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
        asked = torch.tensor(float(interrupt.requested), device=self.fabric.device)
        together = self.fabric.all_reduce(torch.stack([*values.values(), asked]), reduce_op="mean")
        means = cast(Tensor, together).tolist()
        return dict(zip(values, means, strict=False)), means[-1] > 0

    def _validate(self, held_out: DataLoader, monitor: Monitor) -> None:
        """Validate the moving average on the first device and tell the others."""
        psnr_db = self._psnr_db(held_out, monitor) if self.fabric.is_global_zero else 0.0
        psnr_db = self.fabric.broadcast(psnr_db)
        progress = self.progress
        if psnr_db > progress.best_psnr_db:
            progress.best_psnr_db, progress.validations_without_better = psnr_db, 0
        else:
            progress.validations_without_better += 1

    def _psnr_db(self, held_out: DataLoader, monitor: Monitor) -> float:
        network = self.average.module.eval()
        errors: list[Tensor] = []
        shown: tuple[dict[str, Tensor], Tensor] | None = None
        with torch.no_grad(), self.fabric.autocast():
            for batch in held_out:
                batch = self.fabric.to_device(batch)
                output = self.recipe.predict(network, batch)
                errors.append((output - batch["target"]).square().mean(dim=(1, 2, 3)))
                shown = shown or (batch, output)
        assert shown is not None  # there is at least one validation sample
        psnr_db = (-10 * torch.log10(torch.cat(errors).clamp_min(1e-8))).mean().item()
        monitor.validation(self.progress.step, psnr_db, *shown)
        return psnr_db

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
