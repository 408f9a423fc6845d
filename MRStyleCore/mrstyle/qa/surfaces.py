"""Surfaces with values at their points: made of a mask by VTK, and written for 3D Slicer and ParaView (.vtp)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from ..errors import InputError
from ..files import atomic_path

_SMOOTHING_ITERATIONS = 20
_PASS_BAND = 0.08
_REACH_MM = 3.0


@dataclass(frozen=True)
class Surface:
    """A mesh of triangles.

    Attributes:
        points: float32 (n, 3), RAS mm.
        triangles: int (m, 3), point numbers.
        values: by name, float32 (n,); NaN where a point has none.
    """

    points: np.ndarray
    triangles: np.ndarray
    values: dict[str, np.ndarray]


def require_vtk() -> None:
    """Refuse to work without VTK.

    Raises:
        InputError: it is not installed.
    """
    try:
        import vtk  # noqa: F401
    except ImportError as error:
        raise InputError('Surfaces need VTK; install it: pip install "mrstyle[qa]".') from error


def boundary(probability: np.ndarray, affine: np.ndarray) -> Surface:
    """The smoothed boundary at one half of a probability (k, j, i), 0 to 1; ``affine`` is (i, j, k) to RAS mm.

    Marching cubes, then windowed-sinc smoothing (Taubin et al., ECCV 1996), which does not shrink.
    """
    require_vtk()
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

    # A frame of zeros closes the surface where the mask touches the border.
    padded = np.pad(probability.astype(np.float32), 1)
    image = vtk.vtkImageData()
    image.SetDimensions(*padded.shape[::-1])
    image.SetOrigin(-1.0, -1.0, -1.0)
    image.GetPointData().SetScalars(numpy_to_vtk(padded.ravel(), deep=True))
    cubes = vtk.vtkFlyingEdges3D()
    cubes.SetInputData(image)
    cubes.SetValue(0, 0.5)
    cubes.ComputeNormalsOff()
    largest = vtk.vtkPolyDataConnectivityFilter()
    largest.SetInputConnection(cubes.GetOutputPort())
    largest.SetExtractionModeToLargestRegion()
    smooth = vtk.vtkWindowedSincPolyDataFilter()
    smooth.SetInputConnection(largest.GetOutputPort())
    smooth.SetNumberOfIterations(_SMOOTHING_ITERATIONS)
    smooth.SetPassBand(_PASS_BAND)
    smooth.BoundarySmoothingOff()
    smooth.NonManifoldSmoothingOn()
    smooth.NormalizeCoordinatesOn()
    clean = vtk.vtkCleanPolyData()
    clean.SetInputConnection(smooth.GetOutputPort())
    clean.Update()
    mesh = clean.GetOutput()
    ijk = vtk_to_numpy(mesh.GetPoints().GetData())
    points = (ijk @ affine[:3, :3].T + affine[:3, 3]).astype(np.float32)
    triangles = vtk_to_numpy(mesh.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    if np.linalg.det(affine[:3, :3]) < 0:
        triangles = triangles[:, ::-1]
    return Surface(points, triangles.astype(np.int64), {})


def nearest_values(points: np.ndarray, sources: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each point (n, 3) the mean over the three nearest sources (m, 3; same mm) within 3 mm, weighted by 1 / distance;
    NaN where there is none. Sources whose value is NaN do not count.
    """
    known = np.isfinite(values)
    found = np.full(len(points), np.nan, np.float32)
    if known.sum() < 3:
        return found
    distances, indices = cKDTree(sources[known]).query(points, k=3, distance_upper_bound=_REACH_MM)
    near = np.isfinite(distances)
    weights = np.where(near, 1 / (distances + 0.1), 0)
    padded = np.append(values[known], 0)
    some = near.any(axis=1)
    found[some] = (weights * padded[indices]).sum(axis=1)[some] / weights.sum(axis=1)[some]
    return found


def write_vtp(surface: Surface, path: str | Path) -> None:
    """Write a surface as VTK XML, whole or not at all.

    The field data tell the coordinate system as 3D Slicer does, SPACE = RAS, and the unit, UNITS = mm.

    Raises:
        InputError: VTK is missing, or the file cannot be written.
    """
    require_vtk()
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray

    mesh = vtk.vtkPolyData()
    points = vtk.vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(surface.points, np.float32), deep=True))
    mesh.SetPoints(points)
    offsets = np.arange(0, 3 * len(surface.triangles) + 1, 3, dtype=np.int64)
    cells = vtk.vtkCellArray()
    cells.SetData(
        numpy_to_vtkIdTypeArray(offsets, deep=True),
        numpy_to_vtkIdTypeArray(np.ascontiguousarray(surface.triangles, np.int64).ravel(), deep=True),
    )
    mesh.SetPolys(cells)
    for name, values in surface.values.items():
        array = numpy_to_vtk(np.ascontiguousarray(values, np.float32), deep=True)
        array.SetName(name)
        mesh.GetPointData().AddArray(array)
        mesh.GetPointData().SetActiveScalars(name)
    for name, text in (("SPACE", "RAS"), ("UNITS", "mm")):
        told = vtk.vtkStringArray()
        told.SetName(name)
        told.InsertNextValue(text)
        mesh.GetFieldData().AddArray(told)
    path = Path(path)
    with atomic_path(path) as temporary:
        writer = vtk.vtkXMLPolyDataWriter()
        writer.SetFileName(str(temporary))
        writer.SetInputData(mesh)
        if not writer.Write():
            raise InputError(f"Cannot write {path}; choose a folder you can write to.")


def read_vtp(path: str | Path) -> Surface:
    """Read what `write_vtp` wrote.

    Raises:
        InputError: VTK is missing, or the file is not a surface.
    """
    require_vtk()
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    reader = vtk.vtkXMLPolyDataReader()
    if not reader.CanReadFile(str(path)):
        raise InputError(f"{path} is not a surface in VTK's XML format (.vtp).")
    reader.SetFileName(str(path))
    reader.Update()
    mesh = reader.GetOutput()
    data = mesh.GetPointData()
    values = {data.GetArrayName(i): vtk_to_numpy(data.GetArray(i)) for i in range(data.GetNumberOfArrays())}
    triangles = vtk_to_numpy(mesh.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    return Surface(vtk_to_numpy(mesh.GetPoints().GetData()), triangles, values)
