"""Thickness by DiReCT: closed forms, and a digital head from file to table."""

import subprocess
import time

import numpy as np
import pytest
from thickness_fixtures import shell

from mrstyle.acquisition import Acquisition
from mrstyle.errors import Cancelled, InputError
from mrstyle.physics.phantom import head_phantom
from mrstyle.qa import thickness_process
from mrstyle.qa.thickness import measure_thickness
from mrstyle.volume import Volume

pytest.importorskip("ants", reason="antspyx is not installed (extra qa)")
pytest.importorskip("vtk", reason="vtk is not installed (extra qa)")

MPRAGE = Acquisition("mprage", 2300, 2.98, 900, 9, 3.0)


@pytest.mark.parametrize("thickness_mm", [2.0, 3.0])
def test_thickness_of_a_spherical_shell(thickness_mm: float) -> None:
    from mrstyle.qa.thickness_direct import direct_thickness

    gray, white = shell(thickness_mm, inner_mm=7.0, size=28)
    found = direct_thickness(gray, white, (1.0, 1.0, 1.0))
    assert found.shape == gray.shape
    assert found[found > 0].mean() == pytest.approx(thickness_mm, abs=0.25)
    assert found[gray < 0.01].max() == 0


def test_no_cortex_without_white_matter() -> None:
    from mrstyle.qa.thickness_direct import direct_thickness

    gray = np.zeros((12, 12, 12), np.float32)
    gray[4:8, 4:8, 4:8] = 1
    with pytest.raises(InputError, match="No cortex was found"):
        direct_thickness(gray, np.zeros_like(gray), (1.0, 1.0, 1.0))


def test_head_from_scan_to_table() -> None:
    phantom = head_phantom(3, (62, 78, 62), 2.5)
    scan = phantom.render(MPRAGE, skull=False)
    told: list[tuple[str, float]] = []
    found = measure_thickness(
        scan, device="cpu", progress=lambda each: told.append((each.stage, each.fraction))
    )
    assert found.image.has_grid_of(scan)
    cortex = found.image.array > 0
    assert 1.5 < found.mean_mm < 4.5
    hindbrain = phantom.mask("cerebellar_gray_matter", "brainstem")
    inner = phantom.mask("thalamus", "pallidum", "ventricle")
    assert cortex[phantom.mask("gray_matter")].mean() > 0.5
    # Voxels of 2.5 mm blur what is between these and the cortex.
    assert cortex[hindbrain].mean() < 0.12
    assert cortex[inner].mean() < 0.2
    sides = {row.hemisphere for row in found.regions}
    assert sides == {"left", "right"}
    assert len(found.regions) >= 12
    values = found.surface.values["thickness_mm"]
    assert np.isfinite(values).mean() > 0.7
    # Where the cortex is thick there are more voxels, but not more surface.
    assert 0.7 < np.nanmean(values) / found.mean_mm < 1.05
    places = np.argwhere(cortex)[:, ::-1] @ scan.affine[:3, :3].T + scan.affine[:3, 3]
    assert np.abs(found.surface.points.mean(axis=0) - places.mean(axis=0)).max() < 8
    fractions = [fraction for _, fraction in told if fraction]
    assert fractions == sorted(fractions)
    assert any(stage == "measuring the thickness" and 0.4 < share < 0.95 for stage, share in told)
    assert "2.5 x 2.5 x 2.5 mm" in found.notes[0]


def test_what_is_no_head_has_no_cortex() -> None:
    """A bright ball in air, as a phantom bottle or a knee would be."""
    x = np.arange(64) - 31.5
    radius = np.sqrt(x[:, None, None] ** 2 + x[None, :, None] ** 2 + x[None, None] ** 2)
    ball = Volume(np.where(radius < 28, 500.0, 0.0), np.diag([2.0, 2.0, 2.0, 1.0]), "bottle")
    ball = ball.with_array(
        ball.array + np.where(radius < 28, np.random.default_rng(0).normal(0, 5, radius.shape), 0)
    )
    with pytest.raises(InputError, match=r"bottle.*No cortex"):
        measure_thickness(ball, device="cpu")


def test_empty_mask_is_refused() -> None:
    scan = Volume(np.random.default_rng(0).random((32, 32, 32)), np.eye(4), "scan")
    with pytest.raises(InputError, match=r"Thickness of scan: No cortex was found"):
        measure_thickness(scan, mask=scan.with_array(np.zeros(scan.shape)))


def test_cancel_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen] = []
    real = subprocess.Popen

    def start(*args: object, **options: object) -> subprocess.Popen:
        started.append(real(*args, **options))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(thickness_process.subprocess, "Popen", start)
    scan = head_phantom(0, (50, 64, 50), 3.0).render(MPRAGE, skull=False)
    begun = time.monotonic()
    with pytest.raises(Cancelled):
        measure_thickness(scan, device="cpu", cancel=lambda: bool(started) and time.monotonic() - begun > 0.5)
    assert started[0].poll() is not None
