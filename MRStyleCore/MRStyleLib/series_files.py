"""Dynamic series that are not sequences yet: 4D files, folders with one file a frame, and multi-volumes in the scene."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from .images import read_4d, volume_of
from .results import place_beside
from .sequences import add_sequence
from .unpacking import unpacked
from .volume_inputs import SUFFIXES, name_of_file
from .volumes import has_grid_of, ijk_to_ras

_LABELS = "MultiVolume.FrameLabels"
_NIFTI_HEADER = 348  # bytes, which is also its first number
# In the header of NIfTI, bits 3 to 5 of the units.
_NIFTI_UNITS = {8: "sec", 16: "msec", 24: "usec"}


def load_series(
    scene, path: Path, temporary: Path, interval_s: float | None = None
) -> Generator[None, None, Any]:
    """Bring a 4D file (.nii, .nii.gz, .nrrd) or a folder of frames into the scene as a sequence, in short pieces.

    Args:
        scene: the scene to add to; it changes only at the end.
        path: the file or folder.
        temporary: a folder for what is unpacked.
        interval_s: between frames; needed where neither a sidecar nor the header tells their times.

    Returns:
        The volume in the scene that shows the first frame.

    Raises:
        TimesUnknown: nothing tells the times.
        ValueError: it is damaged or no series, its frames differ in their grid, or its times cannot be.
        OSError: it cannot be read.
    """
    from mrstyle.errors import InputError
    from mrstyle.series_times import TimesUnknown, frame_times

    frames, header_s = yield from (_of_folder if path.is_dir() else _of_file)(path, temporary)
    try:
        times_s = frame_times(path, len(frames), header_s, interval_s)
    except TimesUnknown:
        raise
    except InputError as error:
        raise ValueError(str(error)) from error
    name = path.name if path.is_dir() else name_of_file(path).removesuffix(".seq")
    timed = zip(map(_index_value, times_s), frames, strict=True)
    return add_sequence(scene, name, timed, "time", "s")


def is_multi_volume(node) -> bool:
    """Whether a node is a series of the module MultiVolumeExplorer, which not every Slicer has."""
    image = node.GetImageData() if node is not None and hasattr(node, "GetImageData") else None
    return (
        image is not None
        and image.GetNumberOfScalarComponents() > 1
        and (node.GetClassName() == "vtkMRMLMultiVolumeNode" or node.GetAttribute(_LABELS) is not None)
    )


def sequence_of_multi_volume(scene, node) -> Generator[None, None, Any]:
    """Add the frames of a multi-volume as a sequence beside it, in short pieces; it stays as it is.

    Returns:
        The volume in the scene that shows the first frame.

    Raises:
        ValueError: it does not tell the times of its frames.
    """
    from mrstyle.series_times import slicer_times

    voxels, affine = slicer.util.arrayFromVolume(node), ijk_to_ras(node)
    count = voxels.shape[-1]
    keys = {name: node.GetAttribute(name) for name in node.GetAttributeNames()}
    times_s = slicer_times(keys)
    if times_s is None or len(times_s) != count or (np.diff(times_s) <= 0).any():
        text = _("{name} does not tell the times of its frames; load the series again.")
        raise ValueError(text.format(name=node.GetName()))
    frames = []
    for number in range(count):
        frames.append((_index_value(times_s[number]), volume_of(voxels[..., number], affine)))
        yield
    proxy = add_sequence(scene, node.GetName(), frames, "time", "s")
    place_beside(scene, proxy, node)
    return proxy


def _index_value(time_s: float) -> str:
    return f"{time_s:.6g}"


def _of_file(path: Path, temporary: Path) -> Generator[None, None, tuple[list, np.ndarray | None]]:
    from mrstyle.series_times import nifti_times, slicer_times

    if not path.name.lower().endswith(SUFFIXES):
        text = _("{path} is no series; choose a 4D .nii.gz, a .nrrd of 3D Slicer, or a folder of frames.")
        raise ValueError(text.format(path=path))
    uncompressed = yield from unpacked(path, temporary)
    voxels, affine, keys = read_4d(uncompressed)
    yield
    frames = []
    for frame in voxels:
        frames.append(volume_of(frame, affine))
        yield
    if uncompressed.suffix.lower() == ".nii":
        return frames, nifti_times(*_nifti_step(uncompressed), len(frames))
    return frames, slicer_times(keys)


def _nifti_step(path: Path) -> tuple[float, str]:
    """Time between frames and its unit from a NIfTI-1 header; ITK makes 1 of a step that is not known."""
    with path.open("rb") as file:
        header = file.read(_NIFTI_HEADER)
    order = next(
        (order for order in "<>" if struct.unpack_from(f"{order}i", header)[0] == _NIFTI_HEADER), None
    )
    if order is None:
        return 0.0, ""
    return struct.unpack_from(f"{order}f", header, 92)[0], _NIFTI_UNITS.get(header[123] & 0x38, "")


def _of_folder(path: Path, temporary: Path) -> Generator[None, None, tuple[list, None]]:
    from mrstyle.files import natural_order

    files = [
        file
        for file in sorted(path.iterdir(), key=natural_order)
        if file.name.lower().endswith(SUFFIXES) and not file.name.startswith(".")
    ]
    if not files:
        text = _("{path} has no images ({suffixes}); choose a folder with one file a frame.")
        raise ValueError(text.format(path=path, suffixes=", ".join(SUFFIXES)))
    frames = []
    for frame in _read_all(files):
        if frames and not has_grid_of(frame, frames[0]):
            text = _("{file} has another grid than {first}; the frames of a series share one.")
            raise ValueError(text.format(file=files[len(frames)], first=files[0].name))
        frames.append(frame)
        yield
    return frames, None


def _read_all(files: list[Path]) -> Iterator[Any]:
    for file in files:
        node = slicer.vtkMRMLScalarVolumeNode()
        storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
        storage.SetSingleFile(True)
        storage.SetFileName(str(file))
        if not storage.ReadData(node) or node.GetImageData() is None:
            raise ValueError(_("{path} cannot be read as a volume; check the file.").format(path=file))
        yield node
