"""Which device runs a model, and in which precision."""

from __future__ import annotations

import torch

from ..errors import InputError

DEVICES = ("auto", "cpu", "cuda", "mps")


def choose(name: str = "auto") -> tuple[torch.device, str]:
    """The device for ``name`` and one sentence that says why.

    ``auto`` tries a tiny kernel on CUDA, then on Apple's GPU (MPS), and else takes the CPU: a driver that is too old is
    found out here and not in the middle of a volume. An indexed name such as ``cuda:1`` is taken as it is.

    Raises:
        InputError: the name is unknown, or the device it names does not work here.
    """
    kind = name.partition(":")[0]
    if kind not in DEVICES:
        raise InputError(f"Unknown device {name!r}; choose one of {', '.join(DEVICES)}.")
    if kind == "cpu":
        return torch.device("cpu"), "CPU, as asked for."
    faults = {}
    for candidate in ("cuda", "mps") if kind == "auto" else (name,):
        fault = _fault(candidate)
        if fault is None:
            return torch.device(candidate), f"{candidate}: a test kernel ran on it."
        faults[candidate] = fault
    if kind == "auto":
        return torch.device(
            "cpu"
        ), f"CPU, because there is no usable GPU (CUDA: {faults['cuda']}; MPS: {faults['mps']})."
    raise InputError(f"The device {name} cannot be used ({faults[name]}); choose cpu or auto.")


def _fault(name: str) -> str | None:
    """Why a device does not work, or None."""
    available = torch.backends.mps.is_available() if name.startswith("mps") else torch.cuda.is_available()
    if not available:
        return "not available"
    try:
        torch.nn.functional.conv2d(
            torch.ones(1, 1, 4, 4, device=name), torch.ones(1, 1, 3, 3, device=name)
        ).sum().item()
    except (RuntimeError, AssertionError) as error:
        return str(error).splitlines()[0]
    return None


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are faster than in float32 on the device."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    if device.type == "cpu":
        checks = (
            getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        )
        return any(check() for check in checks if check is not None)
    return False
