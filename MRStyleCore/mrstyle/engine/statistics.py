"""Norm statistics of the whole image while it passes through the network in windows.

Instance norm divides by the mean and variance of the image. Taken in each window alone they differ from window to window
and change the output grossly. Here the windows are first run up to the first norm, whose statistics are summed
over all of them; then up to the second, the first using its sums; and so on. The result is exact, but for what a
window's halo does not reach; it costs as many passes through the encoder as there are norms, and no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ..methods.method import SliceNetwork
from ..networks.instance_norm import InstanceNorm
from .windows import Window


class _UnknownStatisticsError(Exception):
    """The first norm without known statistics has seen its input; nothing behind it makes sense yet."""


class SharedStatistics:
    """Mean and variance per image and channel of each norm, in the order in which a forward pass calls them."""

    def __init__(self) -> None:
        self.known: list[tuple[Tensor, Tensor]] = []
        self.moments: list[tuple[Tensor, Tensor, int]] = []
        self.calls = 0
        self.window: Window | None = None

    def enter(self, window: Window) -> None:
        """From here on, features are those of ``window``."""
        self.window, self.calls = window, 0

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        call, self.calls = self.calls, self.calls + 1
        if call < len(self.known):
            return self.known[call]
        inner = self._inner(x).float()
        variance, mean = torch.var_mean(inner, (2, 3), correction=0, keepdim=True)
        self.moments.append((mean, variance + mean.square(), inner.shape[2] * inner.shape[3]))
        raise _UnknownStatisticsError

    def _inner(self, x: Tensor) -> Tensor:
        """The part of features ``x`` that no other window counts."""
        assert self.window is not None
        shrunk = (self.window.source[0].stop - self.window.source[0].start) // x.shape[2]
        rows, columns = (slice(span.start // shrunk, -(-span.stop // shrunk)) for span in self.window.inner)
        return x[:, :, rows, columns]

    def collect(self, run: Callable[[Window], object], windows: Iterable[Window]) -> None:
        """Find the statistics of all norms that ``run`` passes."""
        windows = list(windows)
        while True:
            for window in windows:
                self.enter(window)
                try:
                    run(window)
                except _UnknownStatisticsError:
                    continue
                return
            weight = sum(count for *_, count in self.moments)
            mean = sum((m * count for m, _, count in self.moments), torch.zeros(())) / weight
            square = sum((s * count for _, s, count in self.moments), torch.zeros(())) / weight
            self.known.append((mean, (square - mean.square()).clamp_min(0)))
            self.moments.clear()


@contextmanager
def shared(network: SliceNetwork) -> Iterator[SharedStatistics]:
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
