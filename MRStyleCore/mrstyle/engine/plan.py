"""How much is computed at once, and what to fall back to when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import torch

from ..errors import OutOfMemory
from .device import has_fast_bfloat16

T = TypeVar("T")

_WINDOWS_PX = (512, 320, 192)


@dataclass(frozen=True)
class Plan:
    """One way to run a model: device, precision, slices at once, and the window (None: whole slices)."""

    device: torch.device
    precision: str  # "bfloat16" or "float32"
    batch: int
    window_px: int | None = None

    def autocast(self) -> torch.autocast:
        """Context in which the network runs."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16")

    def __str__(self) -> str:
        window = f"windows of {self.window_px} pixels" if self.window_px else "whole slices"
        return f"{self.device}, {self.precision}, {window}, {self.batch} at a time"


def first_plan(device: torch.device) -> Plan:
    """The fastest plan, tried first."""
    precision = "bfloat16" if has_fast_bfloat16(device) else "float32"
    # On a CPU a larger batch only spills the caches.
    return Plan(device, precision, batch=2 if device.type == "cpu" else 16)


def ladder(first: Plan) -> Iterator[Plan]:
    """``first``, then plans that need less and less memory: one slice, bfloat16, smaller windows, at last the CPU."""
    yield first
    single = replace(first, batch=1)
    if first.batch > 1:
        yield single
    if first.device.type == "cuda" and first.precision == "float32":
        single = replace(single, precision="bfloat16")
        yield single
    for window_px in _WINDOWS_PX:
        yield replace(single, window_px=window_px)
    if first.device.type != "cpu":
        yield from ladder(first_plan(torch.device("cpu")))


def run_down(first: Plan, work: Callable[[Plan], T], tell: Callable[[str], None]) -> tuple[T, Plan]:
    """Run ``work`` by the first plan that fits into memory, telling the user of each step down.

    Raises:
        OutOfMemory: not even the last plan fits.
    """
    plans = list(ladder(first))
    for plan, following in zip(plans, [*plans[1:], None], strict=True):
        try:
            return work(plan), plan
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        if plan.device.type == "cuda":
            torch.cuda.empty_cache()
        if following is not None:
            tell(f"Not enough memory for {plan}; trying again with {following}.")
    raise OutOfMemory(
        "There is not enough memory for this volume, even in small windows; close other programs or use a smaller volume."
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or Python means that memory ran out."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    text = str(error)
    return "can't allocate memory" in text or "out of memory" in text
