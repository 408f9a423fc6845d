"""The times of the frames of a series, as scanners, converters and 3D Slicer write them; panels use it, too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from .errors import InputError
from .files import sidecar_path

FOLDER_SIDECAR = "series.json"
"""Of a series that is a folder with one file a frame."""
_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "ms": 1e-3, "s": 1.0}


class TimesUnknown(InputError):
    """Nothing tells the times of the frames."""


def seconds_per(unit: str) -> float | None:
    """How long a unit of time is, by the names that NIfTI and 3D Slicer give it; None for what is no time."""
    return _SECONDS.get(unit)


def frame_times(
    path: Path, count: int, header_s: np.ndarray | None, interval_s: float | None = None
) -> np.ndarray:
    """The times of the ``count`` frames of a file or folder, in s.

    Args:
        path: of the series; its sidecar may have the times (VolumeTiming, in s), and then wins over the header.
        count: of frames.
        header_s: what its header tells, None for nothing.
        interval_s: between frames; it wins over all where it is given.

    Raises:
        TimesUnknown: nothing tells the times.
        InputError: the sidecar is damaged, the times do not rise, or there are more or fewer than frames.
    """
    if interval_s is not None:
        times_s: np.ndarray | None = interval_s * np.arange(count)
    elif (times_s := _sidecar_times(path, count)) is None:
        times_s = header_s
    if times_s is None:
        raise TimesUnknown(
            f"Nothing tells the times of the frames of {path}; give the seconds between them (--interval)."
        )
    times_s = np.asarray(times_s, np.float64)
    if len(times_s) != count:
        raise InputError(
            f"{path} has {count} frames and {len(times_s)} times; correct its header or sidecar."
        )
    if not (np.diff(times_s) > 0).all():
        raise InputError(f"The times of the frames of {path} do not rise; correct its header or sidecar.")
    return times_s


def nifti_times(step: float, unit: str, count: int) -> np.ndarray | None:
    """Of a 4D NIfTI file by its fourth voxel size, in s; None where that is no time."""
    step_s = step * _SECONDS.get(unit, 0.0)
    return step_s * np.arange(count) if step_s > 0 else None


def slicer_times(keys: Mapping[str, str]) -> np.ndarray | None:
    """Of a multi-volume (frame labels) or a sequence (index values) by the keys of its NRRD header, in s."""
    labels = keys.get("MultiVolume.FrameLabels")
    unit = keys.get("MultiVolume.FrameIdentifyingDICOMTagUnits", "ms")
    if labels is None:
        labels = next(
            (unquote(text).replace(" ", ",") for key, text in keys.items() if "index values" in key), None
        )
        unit = next((text for key, text in keys.items() if "index unit" in key), "s")
    if labels is None:
        return None
    try:
        values = [float(text) for text in labels.split(",") if text.strip()]
    except ValueError:
        return None
    return np.array(values) * _SECONDS.get(unit, 1.0)


def _sidecar_times(path: Path, count: int) -> np.ndarray | None:
    """VolumeTiming of the sidecar, where there is one."""
    sidecar = path / FOLDER_SIDECAR if path.is_dir() else sidecar_path(path)
    if not sidecar.is_file():
        return None
    try:
        known = json.loads(sidecar.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{sidecar} is not valid JSON; correct or remove it.") from error
    timing = known.get("VolumeTiming") or known.get("FrameTimesStart")
    if timing is None and isinstance(known.get("TemporalResolution"), int | float):
        return np.arange(count) * float(known["TemporalResolution"])
    return None if timing is None else np.array(timing, np.float64)
