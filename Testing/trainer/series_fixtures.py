"""Folders of dynamic series, made by code: digital kidneys under contrast agent."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from mrstyle.physics.dce_phantom import Protocol, dce_phantom
from mrstyle.series import Series, write_series
from mrstyle.volume import Volume, write_volume

TIMES_S = np.arange(0.0, 70.0, 6.0)
NETWORK = {
    "width": 4,
    "max_width": 8,
    "residual_blocks": 1,
    "style_width": 4,
    "style_max_width": 8,
    "pixel_range_mm": [0.5, 8.0],
}


def kidney(seed: int, times_s: np.ndarray = TIMES_S) -> Series:
    """A coronal series of one slice in the units of a scanner, from before the bolus on."""
    body = dce_phantom("kidney", seed, (56, 1, 56), 6.2)
    frames = 500 * body.series(Protocol(times_s, breathing_mm=0.0)).frames
    return Series(frames, Volume(frames[0], body.affine, f"kidney {seed}"), times_s, f"kidney {seed}")


def prostate(seed: int) -> Series:
    """An axial series of eight slices."""
    body = dce_phantom("prostate", seed, (8, 60, 60), 3.2)
    frames = 500 * body.series(Protocol(TIMES_S, breathing_mm=0.0)).frames
    return Series(frames, Volume(frames[0], body.affine, f"prostate {seed}"), TIMES_S, f"prostate {seed}")


def write(series: Series, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_series(series, path, {})


def write_frames(series: Series, folder: Path) -> None:
    """A file a frame, and the times."""
    folder.mkdir(parents=True)
    for index in range(len(series.frames)):
        write_volume(series.frame(index), folder / f"frame-{index}.nii.gz")
    times_s = [float(each) for each in series.times_s]
    (folder / "series.json").write_text(json.dumps({"VolumeTiming": times_s}))


def write_people(folder: Path) -> Path:
    """Four people, each in another layout: BIDS with and without sessions, a file, a folder of frames."""
    write(kidney(1), folder / "sub-01" / "perf" / "sub-01_dce.nii.gz")
    write(kidney(2), folder / "sub-02" / "ses-1" / "dce" / "sub-02_ses-1_dce.nii.gz")
    write_volume(kidney(2).frame(0), folder / "sub-02" / "ses-1" / "dce" / "sub-02_ses-1_mask.nii.gz")
    write(kidney(3), folder / "anna.nii.gz")
    write_frames(kidney(4), folder / "bert")
    (folder / "notes.txt").write_text("No series.")
    return folder


def write_unusable(folder: Path) -> None:
    """One of each kind that cannot be learned from."""
    write(kidney(5, TIMES_S[:4]), folder / "short.nii.gz")
    write(kidney(6, np.arange(50.0, 300.0, 12.0)), folder / "late.nii.gz")
    flat = kidney(8)
    write(
        flat.with_frames(np.repeat(flat.frames[:1], len(flat.frames), axis=0), "flat"), folder / "flat.nii.gz"
    )
    write_frames(kidney(9), folder / "untimed")
    (folder / "untimed" / "series.json").unlink()
    write_frames(kidney(10), folder / "moved")
    other = kidney(10).frame(3)
    affine = other.affine.copy()
    affine[0, 3] += 9
    write_volume(Volume(other.array, affine, "moved"), folder / "moved" / "frame-3.nii.gz")
    (folder / "damaged.nii.gz").write_bytes(b"no image")
