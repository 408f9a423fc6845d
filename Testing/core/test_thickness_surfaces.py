"""Surfaces: place, shape, values and file."""

from pathlib import Path

import numpy as np
import pytest
from thickness_fixtures import ball_mesh, shell

from mrstyle.errors import InputError
from mrstyle.qa.surfaces import Surface, boundary, nearest_values, read_vtp, write_vtp

vtk = pytest.importorskip("vtk", reason="vtk is not installed (extra qa)")


@pytest.mark.parametrize("flip", [1, -1])
def test_boundary_is_where_the_ball_is(flip: int) -> None:
    _, white = shell(1.0, inner_mm=9.0, size=26)
    affine = np.diag([flip * 1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = (40, -7, 3)
    center = affine[:3, :3] @ np.full(3, 12.5) + affine[:3, 3]
    surface = boundary(white, affine)
    distance = np.linalg.norm(surface.points - center, axis=1)
    assert distance == pytest.approx(9.0, abs=0.3)
    a, b, c = (surface.points[surface.triangles[:, corner]] - center for corner in range(3))
    # Triangles that all look outward enclose the volume of the ball.
    assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6 == pytest.approx(4 / 3 * np.pi * 9**3, rel=0.05)


def test_file_keeps_points_values_and_tells_ras(tmp_path: Path) -> None:
    points, triangles = ball_mesh(10.0, (1, 2, 3))
    values = np.linspace(1, 4, len(points)).astype(np.float32)
    values[0] = np.nan
    write_vtp(Surface(points, triangles, {"thickness_mm": values}), tmp_path / "a.vtp")
    read = read_vtp(tmp_path / "a.vtp")
    np.testing.assert_allclose(read.points, points, atol=1e-5)
    np.testing.assert_array_equal(read.triangles, triangles)
    np.testing.assert_array_equal(read.values["thickness_mm"], values)
    reader = vtk.vtkXMLPolyDataReader()
    reader.SetFileName(str(tmp_path / "a.vtp"))
    reader.Update()
    assert reader.GetOutput().GetFieldData().GetAbstractArray("SPACE").GetValue(0) == "RAS"
    assert [path.name for path in tmp_path.iterdir()] == ["a.vtp"]


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.vtp").write_text("no surface")
    with pytest.raises(InputError, match="not a surface"):
        read_vtp(tmp_path / "a.vtp")


def test_points_far_from_any_value_have_none() -> None:
    sources = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    values = np.array([2.0, 2.0, 2.0, np.nan])
    found = nearest_values(np.array([[0.2, 0.2, 0], [9, 9, 9]]), sources, values)
    assert found[0] == pytest.approx(2.0)
    assert np.isnan(found[1])
