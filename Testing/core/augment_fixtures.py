"""What the tests of labelled cases share: labels as files, and the files of a data set as those read it who train on it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813

from mrstyle.volume import Volume, to_sitk


def save_labels(array: np.ndarray, grid: Volume, path: Path) -> Path:
    """NIfTI labels (k, j, i) on a grid, as another program writes them: with a description of its own."""
    image = nib.Nifti1Image(array.T, grid.affine)
    image.header["descrip"] = b"drawn by hand"
    nib.save(image, path)
    return path


def save_segmentation(array: np.ndarray, grid: Volume, path: Path, names: dict[int, str]) -> Path:
    """A segmentation as 3D Slicer writes it."""
    image = sitk.Cast(to_sitk(grid.with_array(array)), sitk.sitkUInt8)
    for index, (value, name) in enumerate(names.items()):
        image.SetMetaData(f"Segment{index}_LabelValue", str(value))
        image.SetMetaData(f"Segment{index}_Layer", "0")
        image.SetMetaData(f"Segment{index}_Name", name)
    sitk.WriteImage(image, str(path), True)
    return path


def nnunet_cases(folder: Path) -> dict[str, tuple[list[Path], Path]]:
    """The cases of raw data that nnU-Net v2 finds, by identifier, after the checks that it makes before it plans."""
    told = json.loads((folder / "dataset.json").read_text())
    assert {"labels", "channel_names", "numTraining", "file_ending"} <= told.keys()
    assert re.fullmatch(r"Dataset\d{3}_.+", folder.name)
    ending, channels = told["file_ending"], len(told["channel_names"])
    files = sorted(path.name for path in (folder / "imagesTr").iterdir() if path.name.endswith(ending))
    identifiers = sorted({name[: -len(ending) - 5] for name in files})
    assert len(identifiers) == told["numTraining"]
    values = sorted(told["labels"].values())
    assert values == list(range(len(values)))
    assert told["labels"]["background"] == 0
    cases = {}
    for each in identifiers:
        images = [folder / "imagesTr" / f"{each}_{channel:04d}{ending}" for channel in range(channels)]
        label = folder / "labelsTr" / f"{each}{ending}"
        drawn = sitk.ReadImage(str(label))
        assert set(np.unique(sitk.GetArrayFromImage(drawn))) <= set(values)
        for path in images:
            image = sitk.ReadImage(str(path))
            assert image.GetSize() == drawn.GetSize()
            for one, other in (
                (image.GetSpacing(), drawn.GetSpacing()),
                (image.GetOrigin(), drawn.GetOrigin()),
                (image.GetDirection(), drawn.GetDirection()),
            ):
                np.testing.assert_allclose(one, other, atol=1e-4)
        cases[each] = (images, label)
    return cases


def decathlon_cases(folder: Path) -> list[tuple[list[Path], Path]]:
    """The training list that MONAI's ``load_decathlon_datalist`` reads; its files exist."""
    told = json.loads((folder / "dataset.json").read_text())
    keys = {"name", "description", "reference", "licence", "tensorImageSize", "modality", "labels"}
    assert keys | {"numTraining", "numTest"} <= told.keys()
    assert told["numTraining"] == len(told["training"])
    cases = []
    for item in told["training"]:
        images = item["image"] if isinstance(item["image"], list) else [item["image"]]
        assert len(images) == len(told["modality"])
        cases.append(([folder / each for each in images], folder / item["label"]))
        assert all(path.is_file() for path in (*cases[-1][0], cases[-1][1]))
    return cases
