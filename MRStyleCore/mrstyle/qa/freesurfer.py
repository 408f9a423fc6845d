"""What FreeSurfer or FastSurfer found about a subject's cortex, read from the subject's folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from scipy.spatial import cKDTree

from ..errors import InputError
from ..volume import Volume, read_volume
from .surfaces import Surface
from .thickness import SURFACE_ARRAY, Region, Thickness

HEMISPHERES = {"lh": "left", "rh": "right"}
_VOLUMES = ("orig.mgz", "T1.mgz", "brain.mgz", "norm.mgz", "orig_nu.mgz")
_ANNOTATIONS = ("aparc.annot", "aparc.DKTatlas.annot", "aparc.DKTatlas.mapped.annot")
_STATISTICS = ("aparc.stats", "aparc.DKTatlas.stats", "aparc.DKTatlas.mapped.stats")
_SEGMENTATIONS = ("aparc+aseg.mgz", "aparc.DKTatlas+aseg.mgz", "aparc.DKTatlas+aseg.mapped.mgz")
_FIRST_LABEL = {"lh": 1000, "rh": 2000}  # of the cortex in a segmentation
_REACH_MM = 2.5
_THICKEST_MM = 5.0  # as FreeSurfer limits it
_STEPS = 9
# By their numbers in aparc+aseg less 1000 or 2000: the regions of Desikan et al., NeuroImage 31:968 (2006).
REGION_NAMES = """
unknown bankssts caudalanteriorcingulate caudalmiddlefrontal corpuscallosum cuneus entorhinal fusiform inferiorparietal
inferiortemporal isthmuscingulate lateraloccipital lateralorbitofrontal lingual medialorbitofrontal middletemporal
parahippocampal paracentral parsopercularis parsorbitalis parstriangularis pericalcarine postcentral posteriorcingulate
precentral precuneus rostralanteriorcingulate rostralmiddlefrontal superiorfrontal superiorparietal superiortemporal
supramarginal frontalpole temporalpole transversetemporal insula
""".split()  # noqa: SIM905
_NO_REGION = ("unknown", "corpuscallosum", "medial_wall", "Unknown", "???")


@dataclass(frozen=True)
class Hemisphere:
    """One half of a cortex.

    Attributes:
        white: float64 (n, 3), the white surface in RAS mm of the scanner.
        pial: of that shape, the outer surface.
        triangles: (m, 3).
        thickness_mm: (n,).
        region: (n,) names, "" where there is no cortex.
    """

    white: np.ndarray
    pial: np.ndarray
    triangles: np.ndarray
    thickness_mm: np.ndarray
    region: np.ndarray


def read_subject(folder: str | Path, scan: Volume | None = None) -> Thickness:
    """Thickness, surfaces and regions of a subject.

    Where ``lh.thickness`` is missing, thickness is what FreeSurfer defines it to be (Fischl & Dale, PNAS 97:11050, 2000):
    the mean of the shortest ways from white to pial surface and back, at most 5 mm. Regions are those of the annotation,
    else of the segmentation, else the means that ``stats`` tells.

    Args:
        folder: has ``surf`` and ``mri``.
        scan: whose grid the thickness volume gets; the subject's own when None.

    Raises:
        InputError: the folder is not such a subject, or a file in it is damaged.
    """
    folder = Path(folder)
    own = _own_volume(folder)
    halves = {side: read_hemisphere(folder, side) for side in HEMISPHERES}
    if scan is not None and not _overlaps(halves, scan):
        raise InputError(
            f"The subject {folder} is elsewhere than {scan.name}; name the subject that was made of this scan."
        )
    image = _painted(halves, scan or own)
    name = scan.name if scan is not None else folder.name
    cortex = [half.thickness_mm[half.region != ""] for half in halves.values()]
    values = [np.where(half.region != "", half.thickness_mm, np.nan) for half in halves.values()]
    first = len(halves["lh"].white)
    surface = Surface(
        np.concatenate([half.white for half in halves.values()]).astype(np.float32),
        np.concatenate([halves["lh"].triangles, halves["rh"].triangles + first]),
        {SURFACE_ARRAY: np.concatenate(values).astype(np.float32)},
    )
    return Thickness(
        image=image.with_array(image.array, f"Thickness of {name}"),
        surface=surface,
        regions=_regions(folder, halves),
        mean_mm=float(np.concatenate(cortex).mean()),
        method=f"read from the FreeSurfer or FastSurfer subject {folder.name}",
        notes=[],
    )


def read_hemisphere(folder: Path, side: str) -> Hemisphere:
    """The surfaces, thickness and regions of ``side`` ("lh" or "rh").

    Raises:
        InputError: a surface is missing or damaged.
    """
    white, triangles, offset = _surface(folder / "surf" / f"{side}.white")
    pial, _, _ = _surface(folder / "surf" / f"{side}.pial")
    if white.shape != pial.shape:
        raise InputError(f"{folder / 'surf'}: {side}.white and {side}.pial are not of one subject.")
    offset = _center(folder) if offset is None else offset
    file = folder / "surf" / f"{side}.thickness"
    thickness = _read(nib.freesurfer.read_morph_data, file) if file.exists() else _between(white, pial)
    if len(thickness) != len(white):
        raise InputError(
            f"{file} has {len(thickness)} values for {len(white)} points; it is of another subject."
        )
    region = _vertex_regions(folder, side, (white + pial) / 2 + offset, len(white), np.asarray(thickness))
    return Hemisphere(
        white + offset, pial + offset, triangles.astype(np.int64), np.asarray(thickness, np.float64), region
    )


def _surface(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Points in the surface's own coordinates, triangles, and what brings the points to the scanner's."""
    if not path.exists():
        raise InputError(
            f"{path} does not exist; name the folder of a finished FreeSurfer or FastSurfer subject."
        )
    points, triangles, facts = _read(
        lambda file: nib.freesurfer.read_geometry(file, read_metadata=True), path
    )
    return points, triangles, np.asarray(facts["cras"]) if "cras" in facts else None


def _center(folder: Path) -> np.ndarray:
    volume = _own_volume(folder)
    middle = np.array(volume.shape[::-1]) / 2
    return volume.affine[:3, :3] @ middle + volume.affine[:3, 3]


def _own_volume(folder: Path) -> Volume:
    for name in (*_VOLUMES, *_SEGMENTATIONS):
        if (folder / "mri" / name).exists():
            return read_volume(folder / "mri" / name)
    raise InputError(
        f"{folder / 'mri'} has no {_VOLUMES[0]}; name the folder of a FreeSurfer or FastSurfer subject."
    )


def _between(white: np.ndarray, pial: np.ndarray) -> np.ndarray:
    out, _ = cKDTree(pial).query(white)
    back, _ = cKDTree(white).query(pial)
    return np.minimum((out + back) / 2, _THICKEST_MM)


def _vertex_regions(
    folder: Path, side: str, middle: np.ndarray, count: int, thickness: np.ndarray
) -> np.ndarray:
    for name in _ANNOTATIONS:
        file = folder / "label" / f"{side}.{name}"
        if file.exists():
            labels, _, names = _read(nib.freesurfer.read_annot, file)
            if len(labels) != count:
                raise InputError(f"{file} has {len(labels)} points, not {count}; it is of another subject.")
            known = [name.decode() for name in names] + [""]
            region = np.array(known)[labels]  # -1, no label, is the last one
            return np.where(np.isin(region, _NO_REGION), "", region)
    for name in _SEGMENTATIONS:
        if (folder / "mri" / name).exists():
            return _sampled(read_volume(folder / "mri" / name), side, middle)
    return np.where(thickness > 0, "cortex", "")


def _sampled(segmentation: Volume, side: str, middle: np.ndarray) -> np.ndarray:
    """The nearest label of the cortex within 2.5 mm of each point."""
    labels = segmentation.array.astype(int)
    first = _FIRST_LABEL[side]
    cortex = np.argwhere((labels > first) & (labels < first + 100))
    places = cortex[:, ::-1] @ segmentation.affine[:3, :3].T + segmentation.affine[:3, 3]
    distance, nearest = cKDTree(places).query(middle)
    found = labels[tuple(cortex.T)][nearest] - first
    names = np.array([*REGION_NAMES, *(f"region {number}" for number in range(len(REGION_NAMES), 100))])
    region = np.where(distance <= _REACH_MM, names[found], "")
    return np.where(np.isin(region, _NO_REGION), "", region)


def _regions(folder: Path, halves: dict[str, Hemisphere]) -> list[Region]:
    rows = []
    for side, half in halves.items():
        names = sorted(set(half.region) - {""})
        if names == ["cortex"] and (told := list(_statistics(folder, side))):
            rows += told
            continue
        for name in names:
            inside = half.thickness_mm[half.region == name]
            rows.append(Region(str(name), HEMISPHERES[side], float(inside.mean()), len(inside)))
    return rows


def _statistics(folder: Path, side: str) -> Iterator[Region]:
    for name in _STATISTICS:
        file = folder / "stats" / f"{side}.{name}"
        if not file.exists():
            continue
        try:
            for line in file.read_text(encoding="utf-8").splitlines():
                if line.strip() and not line.startswith("#"):
                    # StructName NumVert SurfArea GrayVol ThickAvg ...
                    cells = line.split()
                    yield Region(cells[0], HEMISPHERES[side], float(cells[4]), int(cells[1]))
        except (ValueError, IndexError, UnicodeDecodeError) as error:
            raise InputError(f"{file} is not a table of FreeSurfer; make it again.") from error
        return


def _painted(halves: dict[str, Hemisphere], grid: Volume) -> Volume:
    """The mean thickness of the vertices whose ways from white to pial surface cross a voxel."""
    total, count = np.zeros(grid.shape), np.zeros(grid.shape)
    to_index = np.linalg.inv(grid.affine)
    for half in halves.values():
        inside = half.region != ""
        white, pial, thickness = half.white[inside], half.pial[inside], half.thickness_mm[inside]
        for share in np.linspace(0.05, 0.95, _STEPS):
            points = white + share * (pial - white)
            kji = np.rint(points @ to_index[:3, :3].T + to_index[:3, 3]).astype(int)[:, ::-1]
            ok = ((kji >= 0) & (kji < grid.shape)).all(axis=1)
            places = tuple(kji[ok].T)
            np.add.at(total, places, thickness[ok])
            np.add.at(count, places, 1)
    return grid.with_array(np.divide(total, count, out=np.zeros(grid.shape), where=count > 0))


def _overlaps(halves: dict[str, Hemisphere], scan: Volume) -> bool:
    """Whether most of the surfaces are within the volume."""
    points = np.concatenate([half.white for half in halves.values()])
    to_index = np.linalg.inv(scan.affine)
    ijk = points @ to_index[:3, :3].T + to_index[:3, 3]
    return bool(((ijk > -0.5) & (ijk < np.array(scan.shape[::-1]) - 0.5)).all(axis=1).mean() > 0.5)


def _read(reader: Callable[[str], Any], path: Path) -> Any:
    try:
        return reader(str(path))
    except (OSError, ValueError, IndexError, KeyError, TypeError, EOFError) as error:
        raise InputError(f"{path} is damaged or no file of FreeSurfer; copy it again.") from error
