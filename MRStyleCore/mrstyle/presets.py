"""Clinical protocols of everyday use, at 1.5 and 3 T: what a user picks instead of typing times.

Nulling inversion times follow from the tissue that vanishes, by equation (6) of Xiong et al. with no last echo, so that
the signal equation of `physics.signal` nulls that tissue exactly: fluid in FLAIR and T1-FLAIR, fat in STIR.

Sources: Xiong et al., MICCAI 2024, table 1 (fast spin echo at 3 T: T1-FLAIR 2479/9.62/1055, PD 8000/10.42, T2
8142/104.2, FLAIR 8000/98.78/2025 ms); Jack et al., J Magn Reson Imaging 27:685 (2008), and the later protocols of ADNI
(MPRAGE 2400/1000 ms and 8 degrees at 1.5 T, 2300/900 ms and 9 degrees at 3 T; dual echo TR 3000 ms; FLAIR 9000/90/2500 ms);
Weiskopf et al., Front Neurosci 7:95 (2013) (FLASH 18.7 ms and 20 degrees at 3 T); Collins et al., IEEE Trans Med Imaging
17:463 (1998) (18 ms and 30 degrees at 1.5 T; its echo of 10 ms is shortened here); Kramer et al., J Cardiovasc Magn Reson
22:17 (2020) (balanced cine); Bernstein, King & Zhou, Handbook of MRI Pulse Sequences (2004), chapter 14 (spin echo, STIR).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .acquisition import Acquisition
from .errors import InputError
from .physics.signal import nulling_inversion_time_ms
from .physics.tissues import TISSUES

_FIELDS_T = (1.5, 3.0)


@dataclass(frozen=True)
class Preset:
    """A kind of sequence with its usual parameters by field strength in tesla (1.5 and 3.0)."""

    name: str
    title: str
    acquisitions: dict[float, Acquisition]


def preset_acquisition(name: str, field_strength_t: float = 3.0) -> Acquisition:
    """The preset's parameters at the nearer of 1.5 and 3 T, with the field strength as asked for.

    Args:
        name: one of `PRESETS`, in any case.
        field_strength_t: of the scanner, in tesla.

    Raises:
        InputError: there is no such preset, or the field strength is not that of a scanner.
    """
    found = {each.casefold(): preset for each, preset in PRESETS.items()}.get(name.strip().casefold())
    if found is None:
        raise InputError(f"There is no preset {name!r}; choose one of {', '.join(PRESETS)}.")
    nearest = min(_FIELDS_T, key=lambda field: abs(field - field_strength_t))
    return replace(found.acquisitions[nearest], field_strength_t=field_strength_t)


def _nulling(tissue: str, repetition_time_ms: float, field_strength_t: float) -> float:
    """To the 5 ms that consoles offer."""
    t1_ms = TISSUES[tissue].at(field_strength_t)[1]
    return 5.0 * round(nulling_inversion_time_ms(t1_ms, repetition_time_ms) / 5)


def _preset(
    name: str,
    title: str,
    family: str,
    *times_ms: tuple[float, float],
    nulled: str | None = None,
    inversion_ms: tuple[float, float] | None = None,
    flip_angle_deg: tuple[float, float] | None = None,
) -> Preset:
    """``times_ms`` are (repetition, echo) at 1.5 T and at 3 T; ``nulled`` sets the inversion time by a tissue."""
    acquisitions = {}
    for index, (field_t, (repetition_ms, echo_ms)) in enumerate(zip(_FIELDS_T, times_ms, strict=True)):
        inversion = inversion_ms[index] if inversion_ms else None
        acquisitions[field_t] = Acquisition(
            family=family,
            repetition_time_ms=repetition_ms,
            echo_time_ms=echo_ms,
            inversion_time_ms=_nulling(nulled, repetition_ms, field_t) if nulled else inversion,
            flip_angle_deg=flip_angle_deg[index] if flip_angle_deg else None,
            field_strength_t=field_t,
        )
    return Preset(name, title, acquisitions)


_ALL = (
    _preset("T1w", "T1-weighted spin echo", "spin_echo", (500.0, 12.0), (600.0, 10.0)),
    _preset(
        "T1-FLAIR",
        "T1-weighted, fluid nulled",
        "inversion_recovery",
        (2000.0, 12.0),
        (2500.0, 10.0),
        nulled="csf",
    ),
    _preset(
        "MPRAGE",
        "T1-weighted MPRAGE",
        "mprage",
        (2400.0, 3.5),
        (2300.0, 3.0),
        inversion_ms=(1000.0, 900.0),
        flip_angle_deg=(8.0, 9.0),
    ),
    _preset(
        "SPGR",
        "T1-weighted spoiled gradient echo",
        "spoiled_gradient_echo",
        (18.0, 5.0),
        (18.7, 2.2),
        flip_angle_deg=(30.0, 20.0),
    ),
    _preset("PDw", "Proton-density-weighted spin echo", "spin_echo", (3000.0, 12.0), (3000.0, 10.0)),
    _preset("T2w", "T2-weighted spin echo", "spin_echo", (4000.0, 100.0), (5000.0, 100.0)),
    _preset(
        "FLAIR",
        "T2-weighted, fluid nulled",
        "inversion_recovery",
        (9000.0, 110.0),
        (9000.0, 90.0),
        nulled="csf",
    ),
    _preset("STIR", "Fat nulled (STIR)", "inversion_recovery", (4000.0, 50.0), (4500.0, 50.0), nulled="fat"),
    _preset(
        "bSSFP",
        "Balanced steady state",
        "bssfp",
        (3.2, 1.6),
        (3.4, 1.7),
        flip_angle_deg=(60.0, 45.0),
    ),
)
PRESETS: dict[str, Preset] = {preset.name: preset for preset in _ALL}
