"""Random acquisitions of the kinds that clinical brain protocols hold."""

from __future__ import annotations

import math

from mrstyle.acquisition import Acquisition
from torch import Generator

from .fields import uniform

# Share of each kind among the simulated sequences: what is common in clinics is common here.
SHARES = {"t1_spin_echo": 0.10, "t1_inversion": 0.10, "mprage": 0.14, "spgr": 0.08, "t2": 0.24, "pd": 0.08, "flair": 0.26}
_CSF_T1_MS = {1.5: 4000.0, 3.0: 4200.0}


def nulling_inversion_time_ms(t1_ms: float, repetition_time_ms: float, last_echo_ms: float) -> float:
    """Inversion time at which a tissue gives no signal in a spin-echo train: T1 (ln 2 - ln(1 + e^(-(TR - TE)/T1)))."""
    recovery = math.exp(-(repetition_time_ms - last_echo_ms) / t1_ms)
    return t1_ms * (math.log(2) - math.log1p(recovery))


def random_acquisition(generator: Generator, field_strength_t: float) -> Acquisition:
    """Draw a kind by its share, then its parameters from the ranges of clinical protocols."""

    def between(low: float, high: float) -> float:
        return uniform(generator, low, high)

    pick = between(0.0, sum(SHARES.values()))
    for kind, share in SHARES.items():
        pick -= share
        if pick < 0:
            break
    tr, te, ti, flip, family = 0.0, 0.0, None, None, "spin_echo"
    if kind == "t1_spin_echo":
        tr, te = between(350, 800), between(7, 20)
    elif kind == "t1_inversion":
        family, tr, te, ti = "inversion_recovery", between(1500, 2600), between(7, 25), between(650, 1000)
    elif kind == "mprage":
        family, tr, te, ti, flip = "mprage", between(1600, 2700), between(2, 5), between(750, 1150), between(7, 12)
    elif kind == "spgr":
        family, tr, te, flip = "spoiled_gradient_echo", between(6, 30), between(2, 6), between(12, 30)
    elif kind == "t2":
        tr, te = between(2500, 9000), between(70, 130)
    elif kind == "pd":
        tr, te = between(2000, 6000), between(8, 40)
    else:
        family, tr, te = "inversion_recovery", between(4800, 11000), between(80, 160)
        ti = nulling_inversion_time_ms(_CSF_T1_MS[field_strength_t], tr, te) * between(0.92, 1.04)
    return Acquisition(
        family=family,
        repetition_time_ms=tr,
        echo_time_ms=te,
        inversion_time_ms=ti,
        flip_angle_deg=flip,
        field_strength_t=field_strength_t,
    )
