"""Digital bodies under contrast agent, made by code alone: kidneys (coronal), prostate (axial), breast (sagittal).

Every seed is another person: shapes, relaxation times and kinetics vary. Any frame can be had with the agent of any time, or
without, in the same breathing position, so that the truth of taking enhancement away or adding it is known.

Their anatomy is in `dce_bodies`, their tissues are in `dce_tissues`.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as hidden

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .dce_bodies import BODIES, BodyCanvas
from .dce_tissues import TISSUES, Tissue
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
_FINE_S = 0.5  # of the curves that frames are read from


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
        last = len(image) - 1
        rows = np.arange(len(image), dtype=np.float32)[:, None, None]
        places = np.clip(rows + np.float32(shift_mm / self.spacing_mm[2]) * self.mobility, 0, last)
        above = np.minimum(places.astype(np.intp), max(last - 1, 0))
        values = np.take_along_axis(image, above, 0)
        step = np.take_along_axis(image, np.minimum(above + 1, last), 0) - values
        moved: Array = values + (places - above.astype(np.float32)) * step
        return moved


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
    canvas = BodyCanvas(np.random.default_rng([seed, 0]), size, spacing_kji)
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
