"""What the answering worker of `harmonize_panel_helpers` writes: images, maps and surfaces with known values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import SimpleITK

GAIN, CHANGE_MM = 1.5, 0.04
FLICKER_RATIO = 1.02
REGIONS = ("frontal", "parietal", "temporal", "occipital", "insula")
SITES = ("sim-1.5T-spgr", "sim-3T-mprage")


def harmonize(job: dict, case: dict) -> dict:
    """The image brighter by `GAIN`; one whose sidecar tells of a contrast agent is refused."""
    own_sidecar = Path(case["volume"]).with_suffix(".json")
    if own_sidecar.exists() and "GADOLINIUM" in own_sidecar.read_text(encoding="utf-8"):
        raise ValueError(f"{case['name']} was taken with gadolinium; the model takes T1 without.")
    image = SimpleITK.Cast(SimpleITK.ReadImage(case["volume"]), SimpleITK.sitkFloat32) * GAIN
    SimpleITK.WriteImage(image, case["output"])
    history = {
        "model_id": "tiny-sites",
        "model_version": "1.2.3",
        "target": job["target"],
        "preparation": job["preparation"],
    }
    sidecar = Path(case["output"]).with_suffix(".json")
    sidecar.write_text(json.dumps(history), encoding="utf-8")
    return {
        "image": case["output"],
        "history": str(sidecar),
        "mask": None,
        "flicker_ratio": FLICKER_RATIO,
        "notes": [],
    }


def sites(_job: dict, case: dict) -> dict:
    """The first site for files before, the second one for files after."""
    after = case["volume"].endswith("_after.nrrd")
    probabilities = dict(zip(SITES, (0.12, 0.88) if after else (0.97, 0.03), strict=True))
    return {"site": SITES[after], "probabilities": probabilities, "notes": []}


def thickness(_job: dict, case: dict) -> dict:
    """A rind around what is bright as cortex, 2.5 mm, and thicker by `CHANGE_MM` after."""
    folder = Path(case["folder"])
    folder.mkdir()
    image = SimpleITK.ReadImage(case["volume"])
    if SimpleITK.GetArrayViewFromImage(image).max() < 5:
        raise ValueError(f"{case['name']} shows no cortex.")
    head = SimpleITK.BinaryFillhole(SimpleITK.OtsuThreshold(image, 0, 1))
    rind = SimpleITK.Cast(head - SimpleITK.BinaryErode(head, [2] * 3), SimpleITK.sitkFloat32)
    written = {}
    for when, value_mm in (("before", 2.5), ("after", 2.5 + CHANGE_MM), ("difference", CHANGE_MM)):
        SimpleITK.WriteImage(rind * value_mm, str(folder / f"{when}.nii.gz"))
        array = "difference_mm" if when == "difference" else "thickness_mm"
        _write_surface(head, folder / f"{when}.vtp", array, value_mm)
        written[when] = {
            "thickness": str(folder / f"{when}.nii.gz"),
            "surface": str(folder / f"{when}.vtp"),
            "regions": str(folder / f"{when}.json"),
            "mean_mm": value_mm,
        }
    regions = [
        {
            "region": name,
            "hemisphere": side,
            "before_mm": 2.0 + 0.2 * number,
            "after_mm": 2.0 + 0.2 * number + CHANGE_MM * (1 if side == "left" else -1),
        }
        for number, name in enumerate(REGIONS)
        for side in ("left", "right")
    ]
    return {
        **written["before"],
        "compare": written["after"],
        "difference": written["difference"]["thickness"],
        "difference_surface": written["difference"]["surface"],
        "agreement": {
            "icc": 0.96,
            "icc_low": 0.91,
            "icc_high": 0.98,
            "mean_absolute_difference_mm": CHANGE_MM,
            "bias_mm": 0.0,
            "regions": regions,
        },
    }


def _write_surface(head, path: Path, array_name: str, value_mm: float) -> None:
    """The outline of the head in RAS mm; values vary by a tenth from front to back."""
    # Here, because they take their time to load.
    from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D, vtkPolyDataNormals
    from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter

    array = SimpleITK.GetArrayFromImage(head).astype(np.uint8)
    grid = vtkImageData()
    grid.SetDimensions(*array.shape[::-1])
    grid.GetPointData().SetScalars(numpy_to_vtk(array.ravel(), deep=True))
    contour = vtkFlyingEdges3D()
    contour.SetInputData(grid)
    contour.SetValue(0, 0.5)
    normals = vtkPolyDataNormals()
    normals.SetInputConnection(contour.GetOutputPort())
    normals.Update()
    surface = normals.GetOutput()
    index = vtk_to_numpy(surface.GetPoints().GetData()).astype(float)
    direction = np.array(head.GetDirection()).reshape(3, 3)
    lps = index @ (direction * head.GetSpacing()).T + head.GetOrigin()
    ras = lps * (-1, -1, 1)
    points = vtkPoints()
    points.SetData(numpy_to_vtk(ras, deep=True))
    surface.SetPoints(points)
    along = (ras[:, 1] - ras[:, 1].min()) / max(np.ptp(ras[:, 1]), 1e-6)
    values = numpy_to_vtk(value_mm * (1 + 0.1 * (along - 0.5)), deep=True)
    values.SetName(array_name)
    surface.GetPointData().AddArray(values)
    writer = vtkXMLPolyDataWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(surface)
    writer.Write()
