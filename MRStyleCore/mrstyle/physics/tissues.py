"""Relaxation times and proton densities of the tissues of a head at 1.5 and 3 T.

Values are rounded literature means for adults; between people and between studies they vary by 5 to 15 %.

Sources: Stanisz et al., Magn Reson Med 54:507 (2005); Wansapura et al., J Magn Reson Imaging 9:531 (1999); Gold et al.,
AJR 183:343 (2004) for muscle, fat and marrow; Bojorquez et al., Magn Reson Imaging 35:69 (2017), a review at 3 T;
Neema et al., J Neuroimaging 19:3 (2009) for multiple-sclerosis lesions.
Proton density is relative to cerebrospinal fluid.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InputError


@dataclass(frozen=True)
class Tissue:
    """Relative proton density (0 to 1) and relaxation times in ms by field strength in tesla (1.5 and 3.0)."""

    pd: float
    t1_ms: dict[float, float]
    t2_ms: dict[float, float]

    def at(self, field_strength_t: float) -> tuple[float, float, float]:
        """(PD, T1 ms, T2 ms) at 1.5 or 3 T.

        Raises:
            InputError: another field strength.
        """
        if field_strength_t not in self.t1_ms:
            raise InputError(f"There are tissue values for 1.5 and 3 T, not for {field_strength_t:g} T.")
        return self.pd, self.t1_ms[field_strength_t], self.t2_ms[field_strength_t]


def _tissue(pd: float, t1_ms: tuple[float, float], t2_ms: tuple[float, float]) -> Tissue:
    return Tissue(pd, dict(zip((1.5, 3.0), t1_ms, strict=True)), dict(zip((1.5, 3.0), t2_ms, strict=True)))


# Air and cortical bone give no signal; their times only have to be finite.
TISSUES: dict[str, Tissue] = {
    "background": _tissue(0.0, (1000, 1000), (50, 50)),
    "csf": _tissue(1.00, (4000, 4200), (2000, 1800)),
    "gray_matter": _tissue(0.84, (1150, 1480), (95, 88)),
    "white_matter": _tissue(0.70, (680, 870), (74, 68)),
    "deep_gray_matter": _tissue(0.80, (980, 1250), (84, 76)),
    "thalamus": _tissue(0.78, (900, 1180), (82, 76)),
    "pallidum": _tissue(0.75, (780, 1000), (66, 56)),
    "brainstem": _tissue(0.73, (770, 980), (80, 74)),
    "cerebellar_gray_matter": _tissue(0.84, (1130, 1430), (94, 88)),
    "cerebellar_white_matter": _tissue(0.71, (690, 880), (76, 70)),
    "lesion": _tissue(0.86, (1250, 1550), (150, 140)),
    "choroid_plexus": _tissue(0.88, (1700, 1900), (160, 150)),
    "dura": _tissue(0.60, (950, 1150), (45, 40)),
    "blood": _tissue(0.80, (1440, 1900), (250, 200)),
    "muscle": _tissue(0.76, (1000, 1400), (38, 34)),
    "fat": _tissue(0.92, (290, 370), (85, 75)),
    "marrow": _tissue(0.80, (320, 420), (70, 60)),
    "bone": _tissue(0.06, (500, 500), (10, 10)),
    "skin": _tissue(0.68, (850, 1050), (38, 34)),
    "gland": _tissue(0.78, (800, 1000), (70, 65)),
    "mucosa": _tissue(0.82, (1150, 1450), (90, 85)),
    "vitreous": _tissue(0.98, (3800, 4000), (1500, 1400)),
    "lens": _tissue(0.60, (950, 1150), (35, 32)),
    "optic_nerve": _tissue(0.72, (850, 1050), (80, 74)),
}


def tissue_table(
    names: list[str] | tuple[str, ...], field_strength_t: float
) -> list[tuple[float, float, float]]:
    """(PD, T1 ms, T2 ms) of each named tissue, in the order of ``names``.

    Raises:
        InputError: a name is not in ``TISSUES``, or the field strength is neither 1.5 nor 3 T.
    """
    unknown = [name for name in names if name not in TISSUES]
    if unknown:
        raise InputError(f"Unknown tissue {', '.join(unknown)}; known tissues: {', '.join(TISSUES)}.")
    return [TISSUES[name].at(field_strength_t) for name in names]
