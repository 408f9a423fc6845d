"""Digital bodies under contrast agent, made by code alone: kidneys (coronal), prostate (axial), breast (sagittal).

Every seed is another person: shapes, relaxation times and kinetics vary. Any frame can be had with the agent of any time, or
without, in the same breathing position, so that the truth of taking enhancement away or adding it is known.

Kinetic parameters are usual ones: kidney after Sourbron et al., Invest Radiol 43:40 (2008), prostate and breast after the
range of Tofts et al., J Magn Reson Imaging 10:223 (1999), other organs after Brix et al., Magn Reson Med 52:420 (2004).
Relaxation times are those of de Bazelaire et al., Radiology 230:652 (2004), and `tissues`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as hidden

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import InputError
from .kinetics import arriving, enhanced_t1_ms, extended_tofts, population_input, two_compartment_exchange
from .signal import spoiled_gradient_echo

Array = NDArray[np.float32]

BASELINE_S = 20.0
_R2_PER_MM_PER_S = 6.0  # transverse relaxivity
_VARIATION = 0.2  # of people, standard deviation of the logarithm of kinetic parameters
_RELAXATION_VARIATION = 0.05
_FATTY = ("fat", "marrow")
_TEXTURE = 0.03
_BREATH_S = (3.5, 5.5)
_FAR_MM = 400.0
_FINE_S = 0.5  # of the curves that frames are read from


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


@dataclass(frozen=True)
class Protocol:
    """A dynamic spoiled gradient echo.

    Attributes:
        times_s: of the frames, from the first.
        repetition_time_ms: of the sequence.
        echo_time_ms: of the sequence.
        flip_angle_deg: of the sequence.
        field_strength_t: 1.5 or 3.
        noise: standard deviation, of the 99.5th percentile of the unenhanced body.
        shading: standard deviation of the logarithm of the receive field, about.
        breathing_mm: how far the organs move.
        fat_suppression: share of the signal of fat that is taken away.
    """

    times_s: NDArray[np.float64]
    repetition_time_ms: float = 4.0
    echo_time_ms: float = 1.4
    flip_angle_deg: float = 15.0
    field_strength_t: float = 3.0
    noise: float = 0.02
    shading: float = 0.15
    breathing_mm: float = 6.0
    fat_suppression: float = 0.0


@dataclass(frozen=True)
class DCESeries:
    """A dynamic series and its truths; arrays float32 (T, k, j, i), air 0, fat without shading at about 1.

    Attributes:
        frames: as the scanner gives them, with noise.
        enhanced: without noise, the agent at its most in every frame.
        baseline: without noise, no agent in any frame.
        times_s: of the frames.
        plasma: concentration in arterial plasma, mM (T,).
    """

    frames: Array
    enhanced: Array
    baseline: Array
    times_s: NDArray[np.float64]
    plasma: NDArray[np.float64]


@dataclass(frozen=True)
class DCEPhantom:
    """A body with known truth.

    Attributes:
        names: of the tissues in it, the first is air.
        shares: of each in each voxel, float32 (K, k, j, i), canonical, sum 1.
        spacing_mm: along (i, j, k).
        texture: unevenness of the proton density, about 1 (k, j, i).
        mobility: how far each voxel goes with the breath, 0 to 1 (k, j, i).
        tissues: of this person, one a name.
    """

    names: tuple[str, ...]
    shares: Array
    spacing_mm: tuple[float, float, float]
    texture: Array
    mobility: Array
    tissues: tuple[Tissue, ...]
    seed: int = hidden(repr=False)

    @property
    def affine(self) -> NDArray[np.float64]:
        """(i, j, k) to RAS mm, the middle of the image at the origin."""
        affine = np.diag([*self.spacing_mm, 1.0])
        lengths = np.array(self.shares.shape[:0:-1])
        affine[:3, 3] = -(lengths - 1) / 2 * self.spacing_mm
        return affine

    @property
    def labels(self) -> NDArray[np.uint8]:
        """The tissue that has most of each voxel (k, j, i), an index of ``names``."""
        return self.shares.argmax(axis=0).astype(np.uint8)

    def parameter_map(self, name: str) -> Array:
        """``exchange_per_min``, ``ve`` or ``vp`` of the tissue that has most of each voxel, (k, j, i)."""
        return np.array([getattr(tissue, name) for tissue in self.tissues], np.float32)[self.labels]

    def scan(self, protocol: Protocol, seed: int = 0) -> DCEScan:
        """A scan of the person: another seed is another breath, noise and shading.

        Raises:
            InputError: the times do not rise.
        """
        generator = np.random.default_rng([self.seed, 1, seed])
        times_s = np.asarray(protocol.times_s, np.float64)
        fine_s = np.arange(0.0, times_s[-1] + 1.0, _FINE_S)
        plasma = population_input(fine_s, BASELINE_S)
        curves = [_uptake(tissue, fine_s, plasma) for tissue in self.tissues]
        period_s, phase = generator.uniform(*_BREATH_S), generator.uniform(0, 2 * np.pi)
        return DCEScan(
            phantom=self,
            protocol=protocol,
            concentration=np.stack([np.interp(times_s, fine_s, curve) for curve in curves], axis=1),
            plasma=np.interp(times_s, fine_s, plasma),
            breath_mm=protocol.breathing_mm * np.sin(np.pi * times_s / period_s + phase) ** 2,
            field=_shading(generator, self.shares.shape[1:], protocol.shading) / self._unit(protocol),
            seed=seed,
        )

    def series(self, protocol: Protocol, seed: int = 0) -> DCESeries:
        """All frames of a `scan` with their truths."""
        scan = self.scan(protocol, seed)
        most, none = scan.concentration.max(axis=0), np.zeros(len(self.tissues))
        frames = range(len(scan.breath_mm))
        return DCESeries(
            np.stack([scan.noisy(frame, scan.clean(frame)) for frame in frames]),
            np.stack([scan.clean(frame, most) for frame in frames]),
            np.stack([scan.clean(frame, none) for frame in frames]),
            np.asarray(protocol.times_s, np.float64),
            scan.plasma,
        )

    def image(self, concentration: NDArray[np.float64], protocol: Protocol) -> Array:
        """The signal (k, j, i) of tissues with those concentrations (K,)."""
        t1_ms = np.array([each.t1_ms[protocol.field_strength_t >= 2.2] for each in self.tissues])
        t2_star_ms = np.array([each.t2_star_ms for each in self.tissues])
        signals = spoiled_gradient_echo(
            np.array([each.pd for each in self.tissues]),
            enhanced_t1_ms(t1_ms, concentration),
            1000 / (1000 / t2_star_ms + _R2_PER_MM_PER_S * concentration),
            repetition_time_ms=protocol.repetition_time_ms,
            echo_time_ms=protocol.echo_time_ms,
            flip_angle_deg=protocol.flip_angle_deg,
        )
        is_fat = np.isin(self.names, _FATTY)
        signals = np.where(is_fat, 1 - protocol.fat_suppression, 1.0) * signals
        return self.texture * np.tensordot(signals.astype(np.float32), self.shares, 1)

    def _unit(self, protocol: Protocol) -> float:
        image = self.image(np.zeros(len(self.tissues)), protocol)
        return float(np.percentile(image[self.labels > 0], 99.5))

    def moved(self, image: Array, shift_mm: float) -> Array:
        """The image with organs down by ``shift_mm`` times their mobility."""
        if shift_mm < 1e-3:
            return image
        places = np.indices(image.shape, np.float32)
        places[0] += shift_mm / self.spacing_mm[2] * self.mobility
        return ndimage.map_coordinates(image, places, order=1, mode="nearest")


@dataclass(frozen=True)
class DCEScan:
    """One scan of a phantom, of which any frame can be had.

    Attributes:
        phantom: who was scanned.
        protocol: how.
        concentration: mM in each tissue at each frame (T, K).
        plasma: concentration in arterial plasma, mM (T,).
        breath_mm: how far the organs are down at each frame (T,).
        field: receive field over the unit of intensity (k, j, i).
    """

    phantom: DCEPhantom
    protocol: Protocol
    concentration: NDArray[np.float64]
    plasma: NDArray[np.float64]
    breath_mm: NDArray[np.float64]
    field: Array
    seed: int = hidden(repr=False)

    def clean(self, frame: int, concentration: NDArray[np.float64] | None = None) -> Array:
        """A frame (k, j, i) without noise; with other concentrations (K,) in the same breathing position where given."""
        agent = self.concentration[frame] if concentration is None else concentration
        image = self.field * self.phantom.image(agent, self.protocol)
        return self.phantom.moved(image, float(self.breath_mm[frame]))

    def noisy(self, frame: int, image: Array) -> Array:
        """The image with the noise of that frame (Rician)."""
        generator = np.random.default_rng([self.phantom.seed, 2, self.seed, frame])
        real, imaginary = self.protocol.noise * generator.standard_normal((2, *image.shape), np.float32)
        return np.hypot(image + real, imaginary).astype(np.float32)


def dce_phantom(
    body: str, seed: int, shape: tuple[int, int, int] | None = None, spacing_mm: float | None = None
) -> DCEPhantom:
    """A body of that seed.

    Args:
        body: "kidney" (coronal, 1 x 192 x 192), "prostate" (axial, 16 slices) or "breast" (sagittal).
        seed: another one is another person.
        shape: (k, j, i); None for the usual one.
        spacing_mm: in plane; slices of the prostate are 3.5 mm, others 5 mm.

    Raises:
        InputError: there is no such body.
    """
    if body not in BODIES:
        raise InputError(f"There is no digital body {body!r}; choose {', '.join(BODIES)}.")
    draw, usual_shape, usual_mm, through_mm = BODIES[body]
    size = shape or usual_shape
    plane_mm = spacing_mm or usual_mm
    thin = size.index(min(size))
    spacing_kji = [plane_mm] * 3
    spacing_kji[thin] = through_mm
    canvas = _Canvas(np.random.default_rng([seed, 0]), size, spacing_kji)
    draw(canvas)
    names = tuple(canvas.shares)
    tissues = tuple(_of_person(canvas.generator, TISSUES[name]) for name in names)
    shares = np.stack(list(canvas.shares.values()))
    spacing_ijk = (spacing_kji[2], spacing_kji[1], spacing_kji[0])
    texture = np.exp(canvas.bumps(4.0, _TEXTURE) + canvas.bumps(20.0, _TEXTURE))
    mobility = canvas.mobility.astype(np.float32)
    return DCEPhantom(names, shares, spacing_ijk, texture, mobility, tissues, seed)


def _uptake(tissue: Tissue, times_s: NDArray[np.float64], plasma: NDArray[np.float64]) -> NDArray[np.float64]:
    arrived = arriving(plasma, times_s, tissue.delay_s, tissue.dispersion_s)
    if tissue.flow_per_min is not None:
        return two_compartment_exchange(
            times_s, arrived, tissue.flow_per_min, tissue.exchange_per_min, tissue.ve, tissue.vp
        )
    return extended_tofts(times_s, arrived, tissue.exchange_per_min, tissue.ve, tissue.vp)


def _of_person(generator: np.random.Generator, tissue: Tissue) -> Tissue:
    def varied(value: float, spread: float) -> float:
        return value * float(np.exp(spread * generator.standard_normal()))

    is_blood = tissue.vp > 0.5
    flow = tissue.flow_per_min
    relaxation = varied(1.0, _RELAXATION_VARIATION)
    return Tissue(
        tissue.pd,
        (tissue.t1_ms[0] * relaxation, tissue.t1_ms[1] * relaxation),
        tissue.t2_star_ms,
        None if flow is None else varied(flow, _VARIATION),
        varied(tissue.exchange_per_min, _VARIATION),
        min(varied(tissue.ve, _VARIATION), 1.0),
        tissue.vp if is_blood else varied(tissue.vp, _VARIATION),
        varied(tissue.delay_s, _VARIATION),
        varied(tissue.dispersion_s, _VARIATION),
    )


def _shading(generator: np.random.Generator, shape: tuple[int, ...], amount: float) -> Array:
    z, y, x = (
        np.linspace(-1, 1, length, dtype=np.float32) if length > 1 else np.zeros(1, np.float32)
        for length in shape
    )
    z, y, x = z[:, None, None], y[None, :, None], x[None, None, :]
    weights = generator.standard_normal(7)
    field = sum(
        weight * term for weight, term in zip(weights, (x, y, z, x * x, y * y, z * z, x * z), strict=True)
    )
    field = field - field.mean()
    return np.exp(amount * field / max(float(field.std()), 1e-6)).astype(np.float32)


class _Canvas:
    """Tissues painted over each other; positions in mm toward superior, anterior and right from the middle of the image."""

    def __init__(
        self, generator: np.random.Generator, shape: tuple[int, int, int], spacing_kji: list[float]
    ) -> None:
        self.generator, self.spacing_kji = generator, spacing_kji
        lines = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(shape, spacing_kji, strict=True)]
        self.z, self.y, self.x = (
            each.astype(np.float32) + self.noise(shape, 30.0, 2.5)
            for each in np.meshgrid(*lines, indexing="ij")
        )
        self.shares: dict[str, Array] = {"air": np.ones(shape, np.float32)}
        self.mobility: np.ndarray = np.zeros(shape, np.float32)

    def noise(self, shape: tuple[int, ...], cell_mm: float, amplitude: float) -> Array:
        """A smooth field of that standard deviation, about."""
        cells = [max(2, round(n * mm / cell_mm) + 1) for n, mm in zip(shape, self.spacing_kji, strict=True)]
        coarse = self.generator.standard_normal(cells).astype(np.float32)
        factors = [n / c for n, c in zip(shape, cells, strict=True)]
        fine = ndimage.zoom(coarse, factors, order=3, mode="nearest", grid_mode=True)
        return (amplitude * fine[tuple(slice(n) for n in shape)]).astype(np.float32)

    def bumps(self, cell_mm: float, amplitude_mm: float) -> Array:
        """A smooth field over the image."""
        return self.noise(self.z.shape, cell_mm, amplitude_mm)

    def vary(self, value: float, spread: float = 0.08) -> float:
        """A size or place of this person."""
        return value * (1 + spread * float(np.clip(self.generator.standard_normal(), -2, 2)))

    def inside_mm(
        self,
        center: tuple[float, float, float],
        radii: tuple[float, float, float],
        tilt_deg: float = 0.0,
    ) -> Array:
        """How deep voxels are inside of an ellipsoid, mm, about; ``tilt_deg`` turns it in the coronal plane."""
        z, y, x = (each - middle for each, middle in zip((self.z, self.y, self.x), center, strict=True))
        angle = np.radians(tilt_deg)
        z, x = z * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - z * np.sin(angle)
        distance = np.sqrt((z / radii[0]) ** 2 + (y / radii[1]) ** 2 + (x / radii[2]) ** 2)
        return ((1 - distance) * min(radii)).astype(np.float32)

    def paint(self, name: str, depth_mm: Array, within: Array | None = None) -> Array:
        """A tissue where ``depth_mm`` is above 0, with partial volume at its edge; returns its new share."""
        edge_mm = min(self.spacing_kji)
        share = np.clip(0.5 + depth_mm / edge_mm, 0, 1).astype(np.float32)
        if within is not None:
            share = share * within
        for each in self.shares.values():
            each *= 1 - share
        self.shares[name] = self.shares.get(name, np.zeros_like(share)) + share
        return share


def _draw_kidney(canvas: _Canvas) -> None:
    vary, paint, inside = canvas.vary, canvas.paint, canvas.inside_mm
    body = inside((0, 0, 0), (_FAR_MM, vary(110), vary(165)))
    paint("skin", body)
    paint("fat", body - 2.5)
    wall = body - vary(16, 0.3)
    paint("muscle", wall)
    inner = wall - vary(9, 0.15)
    paint("fat", inner)
    canvas.mobility = np.clip(inner / 15, 0, 1)
    # Bowel fills what no organ takes.
    loops = canvas.bumps(22, 14.0)
    paint("bowel", np.minimum(inner - 3, loops - 2), within=np.clip((20 - canvas.z) / 20, 0, 1))
    paint("liver", np.minimum(inside((75, 0, vary(70)), (vary(75), 110, vary(85))), inner - 2))
    paint("spleen", np.minimum(inside((vary(75), 0, -105), (vary(48), 40, vary(36))), inner - 2))
    paint("lung", np.minimum(inner - 1, canvas.z - vary(115) - 0.0008 * canvas.x**2))
    spine = vary(19) - np.abs(canvas.x - canvas.bumps(120, 2.0))
    paint("muscle", np.minimum(inner, 22 + 0.12 * (60 - canvas.z) - np.abs(np.abs(canvas.x) - 34)))
    paint("bone", spine)
    height = (canvas.z + 200 + vary(10)) % 34
    paint("marrow", np.minimum(spine - 1.5, 13 - np.abs(height - 17)))
    paint("disc", np.minimum(spine - 1.5, 2.5 - np.minimum(height, 34 - height)))
    for side in (-1.0, 1.0):
        _draw_one_kidney(canvas, side)
    paint("vein", np.minimum(inner, vary(9) - np.abs(canvas.x - 16)))
    paint("artery", np.minimum(inner, vary(8) - np.abs(canvas.x + 9)))
    for side in (-1.0, 1.0):
        branch = 3.0 - np.abs(canvas.z - 2 - 0.15 * np.abs(canvas.x))
        paint("artery", np.minimum(branch, np.minimum(side * canvas.x - 5, 48 - side * canvas.x)))


def _draw_one_kidney(canvas: _Canvas, side: float) -> None:
    vary, paint = canvas.vary, canvas.paint
    center = (vary(-4, 1.0) - 6 * side, 0.0, side * vary(68, 0.05))
    radii = (vary(53), 24.0, vary(27))
    depth = canvas.inside_mm(center, radii, tilt_deg=-14 * side) + canvas.bumps(18, 0.8)
    paint("renal_cortex", depth)
    z, x = canvas.z - center[0], canvas.x - center[2]
    angle = np.arctan2(z / radii[0], x / radii[2])
    count = 6 + int(canvas.generator.integers(0, 4))
    wedge = np.cos(count * angle + canvas.generator.uniform(0, 2 * np.pi))
    paint("renal_medulla", np.minimum(np.minimum(depth - vary(6.5), 19 - depth), 6 * (wedge + 0.45)))
    hilum = canvas.inside_mm((center[0], 0.0, center[2] - 5 * side), (vary(26), 18.0, vary(10)), -14 * side)
    paint("fat", hilum)
    paint("renal_pelvis", hilum - vary(5, 0.2))


def _draw_prostate(canvas: _Canvas) -> None:
    vary, paint, inside = canvas.vary, canvas.paint, canvas.inside_mm
    body = inside((0, 0, 0), (_FAR_MM, vary(100), vary(150)))
    paint("skin", body)
    paint("fat", body - 2.5)
    paint("muscle", body - vary(20, 0.25))
    paint("fat", inside((0, 5, 0), (_FAR_MM, vary(68), vary(62))) + canvas.bumps(25, 3.0))
    for side in (-1.0, 1.0):
        femur = inside((8, 12, side * 92), (vary(30), vary(24), vary(24)))
        paint("bone", femur)
        paint("marrow", femur - 3)
        paint("muscle", inside((0, -2, side * 48), (70, vary(38), vary(9)), 0.0))
        pubis = inside((-22, 52, side * 16), (20, 9, 20))
        paint("bone", pubis)
        paint("marrow", pubis - 3)
        paint("artery", inside((0, 40, side * 64), (_FAR_MM, 4.5, 4.5)))
        paint("vein", inside((0, 32, side * 58), (_FAR_MM, 6, 6)))
    bladder = inside((vary(38), 22, 0), (vary(28), vary(28), vary(36)))
    paint("muscle", bladder)
    paint("urine", bladder - 3.5)
    rectum = inside((0, -38, vary(4, 1.0)), (_FAR_MM, vary(15), vary(17))) + canvas.bumps(15, 1.5)
    paint("rectum", rectum)
    paint("air" if canvas.generator.uniform() < 0.5 else "bowel", rectum - 4.5)
    gland = inside((0, 0, 0), (vary(22), vary(17), vary(25)), 0.0) + canvas.bumps(15, 0.8)
    whole = paint("peripheral_zone", gland)
    paint(
        "transition_zone",
        np.minimum(gland - 1, inside((3, 4, 0), (vary(18), vary(12), vary(17)))),
        within=whole,
    )
    side = canvas.generator.choice([-1.0, 1.0])
    place = (
        canvas.generator.uniform(-10, 8),
        canvas.generator.uniform(-10, -5),
        side * canvas.generator.uniform(6, 14),
    )
    lesion = inside(place, (vary(7, 0.25), vary(5, 0.25), vary(6, 0.25))) + canvas.bumps(8, 0.8)
    paint("prostate_lesion", np.minimum(lesion, gland - 0.5))
    canvas.mobility = 0.1 * np.clip(bladder / 20 + 1, 0, 1)


def _draw_breast(canvas: _Canvas) -> None:
    vary, paint, inside = canvas.vary, canvas.paint, canvas.inside_mm
    wall = vary(-28, 0.2) - 0.0022 * canvas.z**2 - canvas.y
    breast = np.maximum(inside((vary(-5, 1.0), -28, 0), (vary(72), vary(85), vary(62))), wall + 8)
    paint("skin", breast)
    paint("fat", breast - 2.2)
    tissue = inside((vary(-8, 0.5), -5, 0), (vary(48), vary(52), vary(45)))
    strands = canvas.bumps(12, 5.0) + canvas.bumps(30, 6.0) + vary(2.0, 1.0)
    paint("gland", np.minimum(np.minimum(tissue, strands), breast - 6))
    place = (canvas.generator.uniform(-25, 20), canvas.generator.uniform(-8, 22), 0.0)
    lesion = inside(place, (vary(9, 0.3), vary(8, 0.3), 9)) + canvas.bumps(7, 1.6)
    paint("breast_lesion", np.minimum(lesion, breast - 5))
    paint("muscle", wall)
    paint("lung", wall - vary(16, 0.2))
    rib = np.abs((canvas.z + 300) % 30 - 15)
    paint("bone", np.minimum(np.minimum(wall - 6, vary(17) - wall), 5.5 - rib))
    paint("heart", np.minimum(inside((vary(-35), -85, 0), (42, 38, 40)), wall - 18))
    paint("artery", inside((vary(30, 0.3), -20, 0), (2.2, 60, 4)))
    canvas.mobility = 0.35 * np.clip(0.3 + wall / 60, 0.05, 1)


BODIES: dict[str, tuple[Callable[[_Canvas], None], tuple[int, int, int], float, float]] = {
    "kidney": (_draw_kidney, (192, 1, 192), 1.8, 5.0),
    "prostate": (_draw_prostate, (16, 160, 192), 1.6, 3.5),
    "breast": (_draw_breast, (192, 192, 1), 1.0, 5.0),
}
