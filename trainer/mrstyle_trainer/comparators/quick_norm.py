"""Instance norms that train fast on a CPU without compilation, in place of those of a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mrstyle.networks.blocks import InstanceNorm
from mrstyle.networks.instance_norm import scaled_norm


class QuickNorm(nn.Module):
    """`InstanceNorm`, with the gradient of `scaled_norm`."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = InstanceNorm()

    def forward(self, x: Tensor) -> Tensor:
        if not x.requires_grad:
            return self.norm(x)
        scale, shift = torch.ones(1, x.shape[1], device=x.device), torch.zeros(1, x.shape[1], device=x.device)
        return scaled_norm(self.norm, x, scale, shift)


def with_quick_norms(network: nn.Module) -> None:
    """Exchange all norms of a network; they have no weights, so that nothing else changes."""
    for part in list(network.modules()):
        for name, child in part.named_children():
            if isinstance(child, InstanceNorm) and not isinstance(part, QuickNorm):
                setattr(part, name, QuickNorm())
