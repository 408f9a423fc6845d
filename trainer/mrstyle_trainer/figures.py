"""What the card of a model says about its quality and speed, measured on the held-out heads of its training."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mrstyle.engine.device import has_fast_bfloat16

from .data import Samples
from .recipes import Recipe
from .score import psnr_db, score_of


@dataclass(frozen=True)
class Figures:
    """Of the main network on held-out heads.

    Attributes:
        score: mean score of the recipe: PSNR over whole slices or blocks, data range 1, in dB, to the truth, or its own.
        content_psnr_db: the same of the content; None where the score is another, or the content itself is the truth.
        bf16_psnr_db: PSNR of the bfloat16 output to the float32 output.
        cpu_s_per_mvoxel: seconds per million voxels of content on this CPU.
    """

    score: float
    content_psnr_db: float | None
    bf16_psnr_db: float
    cpu_s_per_mvoxel: float


def measure(recipe: Recipe, pairs: Samples) -> Figures:
    """Measure the main network of ``recipe``, which is in eval mode on the CPU."""
    network = recipe.networks[recipe.main]
    score = score_of(recipe)
    outputs, contents, rounded_outputs = [], [], []
    seconds, voxels = 0.0, 0
    fast_bfloat16 = has_fast_bfloat16(torch.device("cpu"))
    with torch.inference_mode():
        for batch in DataLoader(pairs, batch_size=2):
            exact, rounded = _predict(recipe, network, batch, False), _predict(recipe, network, batch, True)
            started = time.perf_counter()
            _predict(recipe, network, batch, fast_bfloat16)
            seconds += time.perf_counter() - started
            content = batch["content"]
            # The middle one of neighboring slices, or of a window of frames.
            if content.dim() == 4 or recipe.target_kind == "enhancement":
                content = content[:, [content.shape[1] // 2]]
            voxels += content.numel()
            outputs.append(score.of(exact, batch).float())
            # Without a truth, the content itself is the target.
            if score.unit == "dB" and not torch.equal(content, batch["target"]):
                contents.append(score.of(content, batch))
            rounded_outputs.append(psnr_db(rounded, exact))
    return Figures(
        score=torch.cat(outputs).mean().item(),
        content_psnr_db=torch.cat(contents).mean().item() if contents else None,
        bf16_psnr_db=torch.cat(rounded_outputs).mean().item(),
        cpu_s_per_mvoxel=seconds / voxels * 1e6,
    )


def _predict(recipe: Recipe, network: nn.Module, batch: dict[str, Tensor], bfloat16: bool) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
        return recipe.predict(network, batch)
