"""What a patient's tissue is, voxel by voxel, as a model read it from scans; every contrast is a formula away.

Numpy alone, so that a viewer can render slices while a slider moves, without the network and its libraries.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from .acquisition import Acquisition
from .errors import InputError
from .files import atomic_path
from .physics.signal import signal
from .sequence_range import SequenceRange
from .sequence_vector import sequence_vector

Region = tuple[slice, slice, slice]

_VERSION = 1
_CHUNK_VOXELS = 1 << 15  # so that what a formula leaves in between stays in a core's cache
_STEP = 0.05  # of a logarithm, for derivatives
_RESIDUAL_STEPS = 127
_ARRAYS = ("pd", "r1_per_s", "r2_per_s", "log_sd", "residual")
_LAYERS = ("weight_1", "bias_1", "weight_2", "bias_2")


@dataclass(frozen=True)
class ResidualGain:
    """How much of each residual map a sequence takes, -1 to 1: two layers on its sequence vector."""

    weight_1: np.ndarray
    bias_1: np.ndarray
    weight_2: np.ndarray
    bias_2: np.ndarray

    def __call__(self, acquisition: Acquisition) -> np.ndarray:
        """(residuals) for one acquisition."""
        hidden = self.weight_1 @ np.array(sequence_vector(acquisition), np.float32) + self.bias_1
        hidden = hidden / (1 + np.exp(-hidden))
        return np.tanh(self.weight_2 @ hidden + self.bias_2)


@dataclass(frozen=True)
class Encoding:
    """Effective tissue maps on the grid of the source, index order (k, j, i).

    They explain the scans that they come from by the signal equations; they are not measurements of relaxation.

    Attributes:
        pd: proton density times whatever gain the first source had, in its intensities; float32, 0 or more.
        r1_per_s, r2_per_s: relaxation rates in 1/s, float32, positive.
        log_sd: (3, k, j, i) float16, standard deviations of the logarithms of the three.
        residual: (n, k, j, i) int8 of 1/127, what the signal equations leave out, as a relative gain (see ``render``).
        gain: what of it a sequence takes; ``None`` for none.
        greatest_residual: relative gain that 127 stands for.
        affine: 4 x 4, voxel indices (i, j, k) to RAS mm, of the source.
        sources: how the scans were taken; ``origins`` says where each of their values came from.
        model_name: ``id@version``.
        trained: the sequences that the model saw.
        history: of the encoding, plain data.
    """

    pd: np.ndarray
    r1_per_s: np.ndarray
    r2_per_s: np.ndarray
    log_sd: np.ndarray
    residual: np.ndarray
    gain: ResidualGain | None
    greatest_residual: float
    affine: np.ndarray
    sources: tuple[Acquisition, ...]
    model_name: str
    trained: tuple[SequenceRange, ...] = ()
    origins: tuple[dict[str, str], ...] = ()
    history: dict[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along k, j, i."""
        return self.pd.shape

    def render(
        self, acquisition: Acquisition, region: Region | None = None, out: np.ndarray | None = None
    ) -> np.ndarray:
        """The magnitude image of a sequence, float32, in the intensities of the first source.

        Signal equation of the maps, times 1 plus the learned residual.

        Args:
            acquisition: complete; see ``mrstyle.acquisition.missing``.
            region: slices along k, j, i to render alone; None is everything.
            out: array of the region's shape to write into, of any type and strides.

        Raises:
            InputError: the signal equation of that family needs a parameter that is not known.
        """
        maps = [values[region] if region else values for values in (self.pd, self.r1_per_s, self.r2_per_s)]
        residual = self.residual[(slice(None), *region)] if region else self.residual
        gains = self._gains(acquisition)

        def compute(part: tuple[slice, ...]) -> np.ndarray:
            pd, r1, r2 = (values[part] for values in maps)
            image = signal(pd, 1000 / r1, 1000 / r2, acquisition)
            return image * (1 + _weighted(residual, gains, part)) if gains is not None else image

        return _in_chunks(compute, maps[0].shape, out)

    def standard_deviation(self, acquisition: Acquisition, region: Region | None = None) -> np.ndarray:
        """Uncertainty of ``render`` in the same intensities, float32: that of the three maps, to first order.

        Raises:
            InputError: as ``render``.
        """
        maps = [values[region] if region else values for values in (self.pd, self.r1_per_s, self.r2_per_s)]
        log_sd = self.log_sd[(slice(None), *region)] if region else self.log_sd

        def compute(part: tuple[slice, ...]) -> np.ndarray:
            pd, r1, r2 = (values[part] for values in maps)
            sd = log_sd[(slice(None), *part)].astype(np.float32)
            grown = math.exp(_STEP)
            image = signal(pd, 1000 / r1, 1000 / r2, acquisition)
            by_r1 = (signal(pd, 1000 / (grown * r1), 1000 / r2, acquisition) - image) / _STEP
            by_r2 = (signal(pd, 1000 / r1, 1000 / (grown * r2), acquisition) - image) / _STEP
            return np.sqrt((sd[0] * image) ** 2 + (sd[1] * by_r1) ** 2 + (sd[2] * by_r2) ** 2)

        return _in_chunks(compute, maps[0].shape, None)

    def t1_ms(self) -> np.ndarray:
        """Effective T1 in ms, float32, 0 where there is no signal."""
        return np.where(self._shows_tissue, 1000 / self.r1_per_s, 0).astype(np.float32)

    def t2_ms(self) -> np.ndarray:
        """Effective T2 in ms, float32, 0 where there is no signal."""
        return np.where(self._shows_tissue, 1000 / self.r2_per_s, 0).astype(np.float32)

    def save(self, path: str | Path) -> None:
        """Write one ``.npz`` file, whole or not at all.

        Raises:
            InputError: the folder is missing or cannot be written to.
        """
        meta = {
            "version": _VERSION,
            "greatest_residual": self.greatest_residual,
            "sources": [source.as_dict() for source in self.sources],
            "model_name": self.model_name,
            "trained": [each.as_dict() for each in self.trained],
            "origins": list(self.origins),
            "history": self.history,
        }
        arrays = {name: getattr(self, name) for name in (*_ARRAYS, "affine")}
        if self.gain is not None:
            arrays |= asdict(self.gain)
        text = np.frombuffer(json.dumps(meta).encode("utf-8"), np.uint8)
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, meta=text, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Encoding:
        """Read what ``save`` wrote. Nothing in the file is run.

        Raises:
            InputError: it cannot be read or is not an encoding.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                data = {name: stored[name] for name in stored.files}
            meta = json.loads(data.pop("meta").tobytes())
            gain = ResidualGain(*(data.pop(name) for name in _LAYERS)) if _LAYERS[0] in data else None
            encoding = cls(
                **data,
                gain=gain,
                greatest_residual=float(meta["greatest_residual"]),
                sources=tuple(Acquisition(**each) for each in meta["sources"]),
                model_name=meta["model_name"],
                trained=tuple(SequenceRange(**each) for each in meta["trained"]),
                origins=tuple(meta["origins"]),
                history=meta["history"],
            )
            encoding.check()
        except OSError as error:
            raise InputError(f"The encoding {path} cannot be read: {error.strerror or error}.") from error
        except (BadZipFile, EOFError, KeyError, TypeError, ValueError, InputError) as error:
            raise InputError(
                f"{path} is not an encoding that MRStyle wrote, or it is damaged; encode the volume again."
            ) from error
        return encoding

    def check(self) -> None:
        """Make sure that the arrays belong together.

        Raises:
            ValueError: they do not.
        """
        shapes = {values.shape[-3:] for values in (self.pd, self.r1_per_s, self.r2_per_s, self.log_sd)}
        if len(shapes) != 1 or self.pd.ndim != 3 or self.log_sd.shape[0] != 3:
            raise ValueError("maps of different sizes")
        if self.residual.shape[1:] != self.pd.shape or self.residual.dtype != np.int8:
            raise ValueError("residual maps do not fit")

    @cached_property
    def _shows_tissue(self) -> np.ndarray:
        return self.pd > 0.05 * np.percentile(self.pd, 99.5)

    def _gains(self, acquisition: Acquisition) -> np.ndarray | None:
        # Before the threads, so that a missing parameter is told once.
        signal(1.0, 1000.0, 80.0, acquisition)
        if self.gain is None or not len(self.residual):
            return None
        return self.gain(acquisition) * np.float32(self.greatest_residual / _RESIDUAL_STEPS)


def stored_residual(residual: np.ndarray, greatest: float) -> np.ndarray:
    """Residual maps, at most ``greatest`` in size, as an encoding holds them."""
    return np.rint(residual * (_RESIDUAL_STEPS / greatest)).astype(np.int8)


def _weighted(residual: np.ndarray, gains: np.ndarray, part: tuple[slice, ...]) -> np.ndarray:
    total = gains[0] * residual[0][part]
    for gain, values in zip(gains[1:], residual[1:], strict=True):
        total += gain * values[part]
    return total


def _in_chunks(
    compute: Callable[[tuple[slice, ...]], np.ndarray], shape: tuple[int, ...], out: np.ndarray | None
) -> np.ndarray:
    """``compute`` of every part of an array of ``shape``, on all cores; numpy leaves the interpreter's lock meanwhile."""
    out = np.empty(shape, np.float32) if out is None else out

    def run(part: tuple[slice, ...]) -> None:
        out[part] = compute(part)

    parts = list(_parts(shape))
    if len(parts) == 1:
        run(parts[0])
        return out
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(run, parts))
    return out


def _parts(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Blocks of whole rows, each of about ``_CHUNK_VOXELS``."""
    planes, rows, columns = shape
    rows_at_once = max(1, min(rows, _CHUNK_VOXELS // max(1, columns)))
    planes_at_once = max(1, _CHUNK_VOXELS // max(1, rows_at_once * columns)) if rows_at_once == rows else 1
    for plane in range(0, planes, planes_at_once):
        for row in range(0, rows, rows_at_once):
            yield slice(plane, plane + planes_at_once), slice(row, row + rows_at_once), slice(None)
