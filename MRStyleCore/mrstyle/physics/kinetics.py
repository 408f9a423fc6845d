"""What a contrast agent does in tissue over time, and what a spoiled gradient echo shows of it.

Times are in seconds and need not be evenly spaced, rates per minute, concentrations in mmol/L (mM), fractions 0 to 1. Curves
are float64 (T,) or (T, ...), one an element of the parameters, which broadcast. Between its samples a curve is straight.

Sources: Parker et al., Magn Reson Med 56:993 (2006) for the population arterial input function; Tofts et al., J Magn Reson
Imaging 10:223 (1999) for names and the extended model; Sourbron & Buckley, NMR Biomed 26:1004 (2013), for two-compartment
exchange; Flouri et al., Magn Reson Med 76:998 (2016), for convolution with an exponential; Murase, Magn Reson Med 51:858
(2004), for the linear fit; Larsson et al., Magn Reson Med 16:117 (1990), for dispersion by an exponential.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError
from .signal import spoiled_gradient_echo

RELAXIVITY_PER_MM_PER_S = 4.5
"""Of gadolinium chelates at 1.5 to 3 T, longitudinal."""
HEMATOCRIT = 0.42

_PARKER_PEAKS = ((0.809, 0.17046, 0.0563), (0.330, 0.365, 0.132))  # area mM min, center min, width min
_PARKER_TAIL = (1.050, 0.1685, 38.078, 0.483)  # mM, per min, per min, min
_S_PER_MIN = 60.0
_SLOW = 1e-6  # of a step: below, an exponential is a straight line


@dataclass(frozen=True)
class Kinetics:
    """Parameters of the extended Tofts model, arrays of one shape.

    Attributes:
        ktrans_per_min: volume transfer constant.
        ve: volume of the extravascular extracellular space.
        vp: volume of plasma.
    """

    ktrans_per_min: np.ndarray
    ve: np.ndarray
    vp: np.ndarray


def population_input(times_s: ArrayLike, arrival_s: float = 0.0) -> np.ndarray:
    """Concentration (T,) in arterial plasma after a usual bolus that arrives at ``arrival_s``; 0 before (Parker's mean)."""
    minutes = (np.asarray(times_s, np.float64) - arrival_s) / _S_PER_MIN
    blood = sum(
        area / (width * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((minutes - center) / width) ** 2)
        for area, center, width in _PARKER_PEAKS
    )
    height, decay, steepness, middle = _PARKER_TAIL
    tail = height * np.exp(-decay * minutes) / (1 + np.exp(-np.clip(steepness * (minutes - middle), -60, 60)))
    return np.where(minutes > 0, blood + tail, 0.0) / (1 - HEMATOCRIT)


def arriving(curve: ArrayLike, times_s: ArrayLike, delay_s: float, dispersion_s: float = 0.0) -> np.ndarray:
    """A curve (T,) later and, where ``dispersion_s`` is above 0, smeared on its way by an exponential of that mean."""
    times = _times(times_s)
    late = np.interp(times - delay_s, times, np.asarray(curve, np.float64), left=float(np.ravel(curve)[0]))
    if dispersion_s <= 0:
        return late
    return late[0] + _with_exponential(late - late[0], times, np.asarray(1 / dispersion_s)) / dispersion_s


def extended_tofts(
    times_s: ArrayLike, plasma: ArrayLike, ktrans_per_min: ArrayLike, ve: ArrayLike, vp: ArrayLike = 0.0
) -> np.ndarray:
    """Concentration (T, ...) in tissue: vp Cp + Ktrans Cp convolved with exp(-Ktrans/ve t) (Tofts 1999, equation 8).

    Args:
        times_s: (T,), rising.
        plasma: Cp (T,), arterial.
        ktrans_per_min: at least 0.
        ve: above 0.
        vp: at least 0.

    Raises:
        InputError: times do not rise or their number is not that of the curve.
    """
    times, curve = _times(times_s), np.asarray(plasma, np.float64)
    _check(times, curve)
    ktrans, ve, vp = np.broadcast_arrays(*(np.asarray(each, np.float64) for each in (ktrans_per_min, ve, vp)))
    rate = ktrans / _S_PER_MIN
    leaked = _with_exponential(curve, times, rate / ve)
    return _over_time(curve, vp.ndim) * vp + rate * leaked


def two_compartment_exchange(
    times_s: ArrayLike,
    plasma: ArrayLike,
    flow_per_min: ArrayLike,
    permeability_per_min: ArrayLike,
    ve: ArrayLike,
    vp: ArrayLike,
) -> np.ndarray:
    """Concentration (T, ...) in tissue with plasma flow Fp and permeability-surface product PS, both in mL/mL/min.

    The impulse response is a sum of two exponentials (Sourbron & Buckley 2013, equations 19 to 22); its integral is vp + ve,
    and for flow without limit the model is that of Tofts.

    Args:
        times_s: (T,), rising.
        plasma: Cp (T,), arterial.
        flow_per_min: above 0.
        permeability_per_min: above 0.
        ve: above 0.
        vp: above 0.

    Raises:
        InputError: as `extended_tofts`.
    """
    times, curve = _times(times_s), np.asarray(plasma, np.float64)
    _check(times, curve)
    flow, permeability, ve, vp = np.broadcast_arrays(
        *(np.asarray(each, np.float64) for each in (flow_per_min, permeability_per_min, ve, vp))
    )
    flow, permeability = flow / _S_PER_MIN, permeability / _S_PER_MIN
    leaving, returning, washing = (flow + permeability) / vp, permeability / ve, flow / vp
    root = np.sqrt(np.maximum((leaving + returning) ** 2 - 4 * returning * washing, 0))
    fast, slow = (leaving + returning + root) / 2, (leaving + returning - root) / 2
    share = (fast - washing) / np.maximum(fast - slow, 1e-12)
    return flow * (
        share * _with_exponential(curve, times, slow) + (1 - share) * _with_exponential(curve, times, fast)
    )


def enhanced_t1_ms(
    t1_ms: ArrayLike, concentration: ArrayLike, relaxivity: float = RELAXIVITY_PER_MM_PER_S
) -> np.ndarray:
    """T1 in ms of tissue with that concentration: 1/T1 + r1 C, r1 in 1/(mM s)."""
    rate_per_s = 1000 / np.asarray(t1_ms, np.float64) + relaxivity * np.asarray(concentration, np.float64)
    return 1000 / rate_per_s


def concentration_of(
    image: ArrayLike,
    baseline: ArrayLike,
    t1_ms: ArrayLike,
    *,
    repetition_time_ms: float,
    flip_angle_deg: float,
    relaxivity: float = RELAXIVITY_PER_MM_PER_S,
) -> np.ndarray:
    """Concentration (T, ...) of the signals of a spoiled gradient echo, T2* neglected; NaN where no T1 gives such a signal.

    Args:
        image: signals (T, ...).
        baseline: before the bolus (...), above 0.
        t1_ms: of the tissue before the bolus (...).
        repetition_time_ms: of the sequence.
        flip_angle_deg: of the sequence.
        relaxivity: 1/(mM s).
    """
    before = spoiled_gradient_echo(
        1.0,
        np.asarray(t1_ms, np.float64),
        np.inf,
        repetition_time_ms=repetition_time_ms,
        echo_time_ms=0.0,
        flip_angle_deg=flip_angle_deg,
    )
    flip = np.radians(flip_angle_deg)
    # The signal in units of full relaxation, then its equation for E1.
    share = np.asarray(image, np.float64) / np.asarray(baseline, np.float64) * before / np.sin(flip)
    with np.errstate(divide="ignore", invalid="ignore"):
        e1 = (1 - share) / (1 - share * np.cos(flip))
        rate_per_s = np.where((e1 > 0) & (e1 < 1), -np.log(e1) / (repetition_time_ms / 1000), np.nan)
    return (rate_per_s - 1000 / np.asarray(t1_ms, np.float64)) / relaxivity


def fitted(times_s: ArrayLike, tissue: ArrayLike, plasma: ArrayLike) -> Kinetics:
    """The extended Tofts model of curves (T, ...), by linear least squares (Murase 2004).

    Murase's equation is C = (Ktrans + kep vp) int Cp - kep int C + vp Cp, with kep = Ktrans / ve: three unknowns in a line.
    Where the fit makes no sense (kep at most 0, a NaN in the curve), all three are NaN.

    Raises:
        InputError: fewer than four times, or as `extended_tofts`.
    """
    times, curve = _times(times_s), np.asarray(plasma, np.float64)
    _check(times, curve)
    measured = np.asarray(tissue, np.float64)
    if len(measured) != len(times):
        raise InputError(f"There are {len(times)} times and {len(measured)} frames; give one time a frame.")
    if len(times) < 4:
        raise InputError(f"A kinetic fit needs at least 4 frames, not {len(times)}.")
    flat = measured.reshape(len(times), -1)
    arrived = _integral(curve[:, None], times)[:, 0]
    columns = np.stack(
        np.broadcast_arrays(arrived[:, None], -_integral(flat, times), curve[:, None]), axis=-1
    ).transpose(1, 0, 2)
    normal = columns.transpose(0, 2, 1) @ columns
    wanted = (columns.transpose(0, 2, 1) @ flat.T[..., None])[..., 0]
    sane = np.isfinite(flat).all(axis=0)
    found = np.full((flat.shape[1], 3), np.nan)
    ridge = 1e-12 * np.trace(normal[sane], axis1=1, axis2=2)[:, None, None] * np.eye(3)
    found[sane] = np.linalg.solve(normal[sane] + ridge, wanted[sane][..., None])[..., 0]
    total, kep, vp = found.T
    with np.errstate(divide="ignore", invalid="ignore"):
        ktrans = total - kep * vp
        good = kep > 0
        ve = np.where(good, ktrans / kep, np.nan)
    shape = measured.shape[1:]
    ktrans_per_min, vp = (np.where(good, each, np.nan) for each in (_S_PER_MIN * ktrans, vp))
    return Kinetics(ktrans_per_min.reshape(shape), ve.reshape(shape), vp.reshape(shape))


def _with_exponential(curve: np.ndarray, times_s: np.ndarray, rate_per_s: np.ndarray) -> np.ndarray:
    """The integral (T, ...) of curve(u) exp(-rate (t - u)) over u from the first time to t; rates (...) at least 0."""
    dimensions = np.ndim(rate_per_s)
    step_s = _over_time(np.diff(times_s), dimensions)
    x = rate_per_s * step_s
    # Integrals of exp(-x (1 - u)) and of u exp(-x (1 - u)) over u from 0 to 1.
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = np.where(x > _SLOW, -np.expm1(-x) / x, 1 - x / 2)
        rising = np.where(x > 1e-3, (1 - whole) / x, 0.5 - x / 6)
    added = step_s * (
        _over_time(curve[:-1], dimensions) * whole + _over_time(np.diff(curve), dimensions) * rising
    )
    kept = np.exp(-x)
    result = np.zeros((len(times_s), *np.shape(rate_per_s)))
    for index in range(len(x)):
        result[index + 1] = kept[index] * result[index] + added[index]
    return result


def _integral(curves: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Of curves (T, n) from the first time on, straight between samples."""
    areas = (curves[1:] + curves[:-1]) / 2 * np.diff(times_s)[:, None]
    return np.concatenate([np.zeros_like(curves[:1]), np.cumsum(areas, axis=0)])


def _over_time(curve: np.ndarray, dimensions: int) -> np.ndarray:
    return curve.reshape(-1, *[1] * dimensions)


def _times(times_s: ArrayLike) -> np.ndarray:
    return np.atleast_1d(np.asarray(times_s, np.float64))


def _check(times: np.ndarray, curve: np.ndarray) -> None:
    if curve.shape != times.shape:
        raise InputError(
            f"There are {len(times)} times and a curve of shape {curve.shape}; give one value a time."
        )
    if len(times) < 2 or not (np.diff(times) > 0).all():
        raise InputError("Times of a dynamic series must rise, and there must be two or more.")
