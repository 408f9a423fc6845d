"""The one training loop, on Lightning Fabric: phases, moving average, precision, compilation, resume, early stop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from mrstyle.errors import InputError
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from .checkpoint import load_checkpoint, save_checkpoint
from .config import TrainingConfig
from .data import StepBatches, simulated
from .monitor import Monitor
from .recipes import Recipe, build_recipe

# Large blocks come from the heap and stay there: otherwise each step spends its time in page faults.
ALLOCATOR_ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "536870912",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
}


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


def fit(config: TrainingConfig, folder: Path, *, resume: bool = False, devices: int = 1) -> Progress:
    """Train until ``config.loop.steps`` (or early stop), with checkpoints, logs and sample pictures in ``folder``.

    Raises:
        InputError: the folder already holds a training (without ``resume``) or none (with it), or data is not usable.
    """
    fabric = Fabric(
        accelerator="auto" if torch.cuda.is_available() else "cpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        precision=config.loop.precision,
    )
    fabric.launch()
    torch.manual_seed(config.seed)
    recipe = build_recipe(config)
    state = load_checkpoint(folder) if resume else None
    if not resume and (folder / "config.json").exists() and fabric.is_global_zero:
        raise InputError(f"{folder} already holds a training; resume it, or choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    if fabric.is_global_zero:
        (folder / "config.json").write_text(config.model_dump_json(indent=2))
    return _Training(config, folder, fabric, recipe, state).run()


class _Training:
    def __init__(
        self, config: TrainingConfig, folder: Path, fabric: Fabric, recipe: Recipe, state: dict[str, Any] | None
    ) -> None:
        self.config, self.folder, self.fabric, self.recipe = config, folder, fabric, recipe
        loop = config.loop
        self.progress = Progress(**state["progress"]) if state else Progress()
        self.plain = recipe.networks
        for name, network in self.plain.items():
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            if state:
                network.load_state_dict(state["networks"][name])
        self.average = AveragedModel(
            self.plain[recipe.main], multi_avg_fn=get_ema_multi_avg_fn(loop.ema_decay)
        ).to(fabric.device)
        if state:
            self.average.load_state_dict(state["average"])
        self.networks: dict[str, nn.Module] = {}
        self.optimizers: dict[str, Any] = {}
        for name, network in self.plain.items():
            optimizer = torch.optim.Adam(network.parameters(), loop.learning_rate, betas=(0.9, 0.99))
            if state:
                optimizer.load_state_dict(state["optimizers"][name])
            compiled = torch.compile(network) if loop.compile else network
            self.networks[name], self.optimizers[name] = fabric.setup(compiled, optimizer)

    def run(self) -> Progress:
        config, fabric = self.config, self.fabric
        loop = config.loop
        batches = StepBatches(
            self.progress.step, loop.steps, loop.batch_size, fabric.global_rank, fabric.world_size
        )
        loader = DataLoader(
            simulated(config, "training"),
            batch_sampler=batches,
            num_workers=loop.loader_processes,
            worker_init_fn=_one_thread,
            prefetch_factor=4 if loop.loader_processes else None,
        )
        validation = DataLoader(simulated(config, "validation"), batch_size=min(8, loop.validation_samples))
        with Monitor(self.folder, loop.steps, self.progress.step, fabric.is_global_zero) as monitor:
            for batch in loader:
                losses = self._step(fabric.to_device(batch))
                self.progress.step += 1
                monitor.step(self.progress.step, losses)
                last = self.progress.step == loop.steps
                if (last or self.progress.step % loop.validation_every == 0) and self._validate(validation, monitor):
                    break
        return self.progress

    def _step(self, batch: dict[str, Tensor]) -> dict[str, float]:
        logged = {}
        rate = learning_rate(self.progress.step, self.config)
        for name, losses in self.recipe.phases(self.networks, batch):
            optimizer = self.optimizers[name]
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
            total = sum((weight * value for weight, value in losses.values()), torch.zeros((), device=self.fabric.device))
            self.fabric.backward(total)
            self.fabric.clip_gradients(self.networks[name], optimizer, max_norm=self.config.loop.gradient_clip)
            optimizer.step()
            logged |= {loss: value.detach() for loss, (_, value) in losses.items()}
        self.average.update_parameters(self.plain[self.recipe.main])
        return {name: self.fabric.all_reduce(value, reduce_op="mean").item() for name, value in logged.items()}

    def _validate(self, loader: DataLoader, monitor: Monitor) -> bool:
        """Validate the moving average, save, and say whether to stop early."""
        if self.fabric.is_global_zero:
            network = self.average.module.eval()
            errors, samples = [], None
            with torch.no_grad(), self.fabric.autocast():
                for batch in loader:
                    batch = self.fabric.to_device(batch)
                    output = self.recipe.predict(network, batch)
                    errors.append(((output - batch["target"]) ** 2).mean(dim=(1, 2, 3)))
                    samples = samples or (batch, output)
            psnr_db = (-10 * torch.log10(torch.cat(errors).clamp_min(1e-8))).mean().item()
            monitor.validation(self.progress.step, psnr_db, *samples)  # type: ignore[misc]
        else:
            psnr_db = 0.0
        psnr_db = self.fabric.broadcast(psnr_db)
        if psnr_db > self.progress.best_psnr_db:
            self.progress.best_psnr_db, self.progress.validations_without_better = psnr_db, 0
        else:
            self.progress.validations_without_better += 1
        if self.fabric.is_global_zero:
            self._save()
        self.fabric.barrier()
        patience = self.config.loop.patience
        return patience is not None and self.progress.validations_without_better >= patience

    def _save(self) -> None:
        save_checkpoint(
            self.folder,
            {
                "progress": vars(self.progress),
                "networks": {name: network.state_dict() for name, network in self.plain.items()},
                "average": self.average.state_dict(),
                "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            },
        )


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
