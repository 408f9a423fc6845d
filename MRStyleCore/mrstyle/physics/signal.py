"""Steady-state signal of the pulse sequences that MRStyle renders.

Every function takes proton density (arbitrary units), T1 and T2 in ms as numpy arrays or torch tensors of one shape (or
scalars) and returns a signal of that shape in the units of the proton density. Times are in ms, flip angles in degrees.
Magnitude images are the absolute value: an inverted signal is positive, as on a scanner.

Sources: Bernstein, King & Zhou, Handbook of MRI Pulse Sequences (2004), chapters 14 (spin echo, inversion recovery,
spoiled and balanced gradient echo); Mugler & Brookeman, Magn Reson Med 15:152 (1990) for MPRAGE; Deichmann et al.,
NeuroImage 12:112 (2000) for its signal at the center of k-space; Xiong et al., MICCAI 2024, equation (6), for the nulling
inversion time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..acquisition import Acquisition
from ..errors import InputError

ArrayOrTensor = Any  # numpy.ndarray | torch.Tensor | float: the equations are written once for all three


def _exp(x: ArrayOrTensor) -> ArrayOrTensor:
    """Exponential by the library that ``x`` belongs to."""
    if hasattr(x, "exp"):
        return x.exp()
    import numpy as np

    return np.exp(x)


def spin_echo(
    pd: ArrayOrTensor,
    t1_ms: ArrayOrTensor,
    t2_ms: ArrayOrTensor,
    *,
    repetition_time_ms: float,
    echo_time_ms: float,
) -> ArrayOrTensor:
    """Spin echo, echo time much shorter than repetition time: PD (1 - e^(-TR/T1)) e^(-TE/T2)."""
    return pd * (1 - _exp(-repetition_time_ms / t1_ms)) * _exp(-echo_time_ms / t2_ms)


def inversion_recovery(
    pd: ArrayOrTensor,
    t1_ms: ArrayOrTensor,
    t2_ms: ArrayOrTensor,
    *,
    repetition_time_ms: float,
    echo_time_ms: float,
    inversion_time_ms: float,
) -> ArrayOrTensor:
    """Magnitude inversion-recovery spin echo: PD |1 - 2 e^(-TI/T1) + e^(-TR/T1)| e^(-TE/T2)."""
    recovery = 1 - 2 * _exp(-inversion_time_ms / t1_ms) + _exp(-repetition_time_ms / t1_ms)
    return pd * abs(recovery) * _exp(-echo_time_ms / t2_ms)


def nulling_inversion_time_ms(t1_ms: float, repetition_time_ms: float, last_echo_ms: float = 0.0) -> float:
    """Inversion time at which a tissue gives no signal: T1 (ln 2 - ln(1 + e^(-(TR - TE)/T1))).

    TE is the last echo of a spin-echo train, from which on the longitudinal magnetization recovers; 0 gives the null of
    `inversion_recovery`, which neglects the train. All times are in ms, T1 and TR above 0, TE below TR.
    """
    recovery = math.exp(-(repetition_time_ms - last_echo_ms) / t1_ms)
    return t1_ms * (math.log(2) - math.log1p(recovery))


def spoiled_gradient_echo(
    pd: ArrayOrTensor,
    t1_ms: ArrayOrTensor,
    t2_ms: ArrayOrTensor,
    *,
    repetition_time_ms: float,
    echo_time_ms: float,
    flip_angle_deg: float,
) -> ArrayOrTensor:
    """Spoiled gradient echo (FLASH, SPGR): PD sin(a) (1 - E1) / (1 - cos(a) E1) e^(-TE/T2).

    ``t2_ms`` stands for T2*, which is shorter than T2; pass T2* where it is known.
    """
    flip = math.radians(flip_angle_deg)
    e1 = _exp(-repetition_time_ms / t1_ms)
    return pd * math.sin(flip) * (1 - e1) / (1 - math.cos(flip) * e1) * _exp(-echo_time_ms / t2_ms)


def mprage(
    pd: ArrayOrTensor,
    t1_ms: ArrayOrTensor,
    t2_ms: ArrayOrTensor,
    *,
    repetition_time_ms: float,
    echo_time_ms: float,
    inversion_time_ms: float,
    flip_angle_deg: float,
    echo_spacing_ms: float = 7.5,
    echoes: int = 176,
) -> ArrayOrTensor:
    """Magnetization-prepared rapid gradient echo at the center of k-space, in the steady state of repeated inversions.

    ``repetition_time_ms`` runs from inversion to inversion and ``inversion_time_ms`` from inversion to the central echo
    (both as Siemens and BIDS count them). During the train of ``echoes`` excitations, magnetization relaxes to
    M0* = M0 (1 - E1) / (1 - cos(a) E1) with the effective time constant T1*, 1/T1* = 1/T1 - ln(cos a)/echo spacing.
    A train that would not fit between the inversion and the next is shortened.
    """
    flip = math.radians(flip_angle_deg)
    train_ms = min(echo_spacing_ms * echoes, 1.9 * inversion_time_ms, repetition_time_ms - inversion_time_ms)
    before_ms = inversion_time_ms - train_ms / 2
    after_ms = repetition_time_ms - inversion_time_ms - train_ms / 2
    e1 = _exp(-echo_spacing_ms / t1_ms)
    driven = (1 - e1) / (1 - math.cos(flip) * e1)
    rate = 1 / t1_ms - math.log(math.cos(flip)) / echo_spacing_ms
    e_before, e_train, e_after = _exp(-before_ms / t1_ms), _exp(-train_ms * rate), _exp(-after_ms / t1_ms)
    # Longitudinal magnetization just before the inversion, from the periodicity of the cycle.
    start = driven * (1 - e_train) + (1 - e_before) * e_train
    steady = (start * e_after + 1 - e_after) / (1 + e_before * e_train * e_after)
    train_start = 1 - (1 + steady) * e_before
    center = driven + (train_start - driven) * _exp(-train_ms / 2 * rate)
    return pd * math.sin(flip) * abs(center) * _exp(-echo_time_ms / t2_ms)


def bssfp(
    pd: ArrayOrTensor,
    t1_ms: ArrayOrTensor,
    t2_ms: ArrayOrTensor,
    *,
    repetition_time_ms: float,
    echo_time_ms: float,
    flip_angle_deg: float,
) -> ArrayOrTensor:
    """Balanced steady-state free precession on resonance: PD sin(a) (1-E1) / (1 - (E1-E2) cos(a) - E1 E2) e^(-TE/T2)."""
    flip = math.radians(flip_angle_deg)
    e1, e2 = _exp(-repetition_time_ms / t1_ms), _exp(-repetition_time_ms / t2_ms)
    denominator = 1 - (e1 - e2) * math.cos(flip) - e1 * e2
    return pd * math.sin(flip) * (1 - e1) / denominator * _exp(-echo_time_ms / t2_ms)


_SEQUENCES: dict[str, tuple[Callable[..., ArrayOrTensor], tuple[str, ...]]] = {
    "spin_echo": (spin_echo, ()),
    "inversion_recovery": (inversion_recovery, ("inversion_time_ms",)),
    "spoiled_gradient_echo": (spoiled_gradient_echo, ("flip_angle_deg",)),
    "mprage": (mprage, ("inversion_time_ms", "flip_angle_deg")),
    "bssfp": (bssfp, ("flip_angle_deg",)),
}


def signal(
    pd: ArrayOrTensor, t1_ms: ArrayOrTensor, t2_ms: ArrayOrTensor, acquisition: Acquisition
) -> ArrayOrTensor:
    """Signal of the sequence family that ``acquisition`` names.

    Raises:
        InputError: the family is not known, or one of the parameters its equation needs is missing.
    """
    if acquisition.family not in _SEQUENCES:
        raise InputError(
            f"No signal equation for the sequence family {acquisition.family!r}; "
            f"known families: {', '.join(_SEQUENCES)}."
        )
    equation, extra = _SEQUENCES[acquisition.family]
    names = ("repetition_time_ms", "echo_time_ms", *extra)
    parameters = {name: getattr(acquisition, name) for name in names}
    missing = [name for name, value in parameters.items() if value is None]
    if missing:
        raise InputError(
            f"The {acquisition.family} signal needs {', '.join(missing)}; enter the missing value."
        )
    return equation(pd, t1_ms, t2_ms, **parameters)
