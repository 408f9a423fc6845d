"""Tissues of digital bodies: relaxation times, and how contrast agent gets into them.

Kinetic parameters are usual ones: kidney after Sourbron et al., Invest Radiol 43:40 (2008), prostate and breast after the
range of Tofts et al., J Magn Reson Imaging 10:223 (1999), other organs after Brix et al., Magn Reson Med 52:420 (2004).
Relaxation times are those of de Bazelaire et al., Radiology 230:652 (2004), and `tissues`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tissue:
    """One tissue at 1.5 and 3 T, and how the agent gets into it.

    Attributes:
        pd: proton density, 0 to 1.
        t1_ms: at 1.5 and 3 T.
        t2_star_ms: at both.
        flow_per_min: of plasma, with ``exchange_per_min`` as permeability; None for the extended Tofts model, whose Ktrans
            ``exchange_per_min`` then is.
        exchange_per_min: permeability-surface product, or Ktrans; 0 for none.
        ve: extravascular extracellular volume.
        vp: plasma volume; 0.58 for blood itself.
        delay_s: from the aorta.
        dispersion_s: on the way from there.
    """

    pd: float
    t1_ms: tuple[float, float]
    t2_star_ms: float = 30.0
    flow_per_min: float | None = None
    exchange_per_min: float = 0.0
    ve: float = 0.2
    vp: float = 0.0
    delay_s: float = 0.0
    dispersion_s: float = 0.0


TISSUES = {
    "air": Tissue(0.0, (1000, 1000)),
    "fat": Tissue(0.9, (290, 370), 35, None, 0.01, 0.05, 0.003),
    "skin": Tissue(0.68, (850, 1050), 20, None, 0.06, 0.2, 0.01),
    "muscle": Tissue(0.76, (1000, 1400), 28, None, 0.04, 0.12, 0.01),
    "bone": Tissue(0.06, (500, 500), 5),
    "marrow": Tissue(0.75, (550, 590), 20, None, 0.08, 0.15, 0.02),
    "disc": Tissue(0.6, (900, 1100), 40),
    "artery": Tissue(0.85, (1440, 1900), 60, None, 0.0, 1.0, 0.58),
    "vein": Tissue(0.85, (1440, 1900), 60, None, 0.0, 1.0, 0.58, 14.0, 8.0),
    "renal_cortex": Tissue(0.85, (966, 1142), 55, 2.2, 0.5, 0.35, 0.16, 2.0, 1.0),
    "renal_medulla": Tissue(0.88, (1412, 1545), 45, 0.45, 0.3, 0.45, 0.10, 10.0, 14.0),
    "renal_pelvis": Tissue(0.95, (2600, 2900), 120, None, 0.9, 0.95, 0.0, 120.0, 50.0),
    "liver": Tissue(0.78, (586, 809), 24, 0.7, 0.9, 0.22, 0.12, 8.0, 8.0),
    "spleen": Tissue(0.82, (1057, 1328), 40, 1.4, 0.3, 0.25, 0.18, 3.0, 3.0),
    "bowel": Tissue(0.8, (1100, 1300), 30, None, 0.15, 0.25, 0.03, 4.0, 4.0),
    "lung": Tissue(0.10, (1200, 1300), 2, None, 0.05, 0.1, 0.06, -4.0, 2.0),
    "heart": Tissue(0.85, (1440, 1900), 60, None, 0.0, 1.0, 0.58, -3.0, 1.0),
    "urine": Tissue(1.0, (3500, 3800), 300),
    "peripheral_zone": Tissue(0.9, (1350, 1600), 60, None, 0.14, 0.35, 0.02, 4.0, 2.0),
    "transition_zone": Tissue(0.82, (1150, 1400), 45, None, 0.22, 0.35, 0.03, 4.0, 2.0),
    "prostate_lesion": Tissue(0.8, (1150, 1400), 40, None, 0.6, 0.42, 0.05, 3.0, 1.0),
    "rectum": Tissue(0.8, (1050, 1300), 30, None, 0.16, 0.25, 0.03, 4.0, 3.0),
    "gland": Tissue(0.8, (1250, 1450), 35, None, 0.05, 0.3, 0.01, 4.0, 3.0),
    "breast_lesion": Tissue(0.84, (1300, 1500), 40, None, 0.55, 0.45, 0.05, 3.0, 1.0),
}
LESIONS = ("prostate_lesion", "breast_lesion")
