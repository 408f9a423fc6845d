"""Norm statistics of the whole image while it passes through the network in windows.

Instance norm divides by the mean and variance of the image. Taken in each window alone they differ from window to window
and change the output grossly. Here all windows are run several times: each pass sums the statistics of every norm
layer over all windows, normalizing with those of the pass before. The first layer's statistics are exact after one
pass, the second's after two, and deeper ones follow quickly, because each pass starts from almost the right input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..networks.blocks import InstanceNorm
from .windows import Window

_TOLERANCE = 2e-3
_PASSES = 8


class SharedStatistics:
    """Mean and variance per image, channel and norm layer, collected over windows."""

    def __init__(self) -> None:
        self.known: dict[tuple[InstanceNorm, int], tuple[Tensor, Tensor]] = {}
        self.sums: dict[tuple[InstanceNorm, int], list[Tensor | float]] = {}
        self.calls: dict[InstanceNorm, int] = {}
        self.window: Window | None = None
        self.shape = (0, 0)

    def enter(self, window: Window, shape: tuple[int, int]) -> None:
        """From here on, features are those of ``window``, whose source has ``shape`` pixels."""
        self.window, self.shape = window, shape
        self.calls.clear()

    def __call__(self, norm: InstanceNorm, x: Tensor) -> tuple[Tensor, Tensor]:
        call = self.calls.get(norm, 0)
        self.calls[norm] = call + 1
        key = (norm, call)
        assert self.window is not None
        # The inner part alone: halos are seen by several windows.
        scale = x.shape[-2] / self.shape[0]
        rows, columns = (
            slice(round(span.start * scale), max(round(span.stop * scale), round(span.start * scale) + 1))
            for span in self.window.inner
        )
        inner = x[..., rows, columns].float()
        dims = (2, 3)
        sums = self.sums.setdefault(key, [0.0, 0.0, 0.0])
        sums[0] += inner.sum(dims, keepdim=True)
        sums[1] += inner.square().sum(dims, keepdim=True)
        sums[2] += inner.shape[-2] * inner.shape[-1]
        if key in self.known:
            return self.known[key]
        whole = x.float()
        return whole.mean(dims, keepdim=True), whole.var(dims, keepdim=True, unbiased=False)

    def finish_pass(self) -> float:
        """Make the sums the known statistics; returns the largest relative change."""
        change = 0.0 if self.known else float("inf")
        for key, (total, squares, count) in self.sums.items():
            mean = total / count
            variance = (squares / count - mean * mean).clamp_min(0)
            if key in self.known:
                old_mean, old_variance = self.known[key]
                spread = old_variance.sqrt().mean() + 1e-6
                change = max(
                    change,
                    ((mean - old_mean).abs().mean() / spread).item(),
                    ((variance.sqrt() - old_variance.sqrt()).abs().mean() / spread).item(),
                )
            self.known[key] = (mean, variance)
        self.sums.clear()
        return change


@contextmanager
def shared(network: nn.Module) -> Iterator[SharedStatistics]:
    """Within the block, all instance norms of ``network`` take their statistics from the object it yields."""
    statistics = SharedStatistics()
    norms = [module for module in network.modules() if isinstance(module, InstanceNorm)]
    for norm in norms:
        norm.statistics = statistics
    try:
        yield statistics
    finally:
        for norm in norms:
            norm.statistics = None


def converge(statistics: SharedStatistics, run_all: Callable[[], Iterable[object]]) -> None:
    """Run all windows until the statistics stay the same; at most a few passes."""
    for _ in range(_PASSES):
        for _ in run_all():
            pass
        if statistics.finish_pass() < _TOLERANCE:
            return
