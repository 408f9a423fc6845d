"""Heads to simulate from: label maps with a table that names each label's tissue, or phantoms made by code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import SimpleITK as sitk  # noqa: N813
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from mrstyle.errors import InputError
from mrstyle.physics.phantom import HeadPhantom, head_phantom
from mrstyle.physics.tissues import TISSUES

from .yaml_files import read_yaml


@dataclass(frozen=True)
class Anatomy:
    """A head as classes: uint8 (k, j, i) at 1 mm, axes toward superior, anterior, right, and their table."""

    name: str
    classes: np.ndarray
    table: LabelTable


class LabelClass(BaseModel):
    """One entry of a label table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: list[int] = Field(min_length=1)
    tissue: str | list[str] = Field(description="one tissue, or two that mix in patches")
    inside: Literal["brain", "fluid", "none"] = "none"

    @field_validator("tissue")
    @classmethod
    def _is_known(cls, tissue: str | list[str]) -> str | list[str]:
        names = [tissue] if isinstance(tissue, str) else tissue
        unknown = [name for name in names if name not in TISSUES]
        if unknown or not 1 <= len(names) <= 2:
            raise ValueError(f"give one or two of {', '.join(TISSUES)}, not {', '.join(names) or 'none'}")
        return tissue


@dataclass(frozen=True)
class LabelTable:
    """What each label value is made of.

    A class is a set of labels that share their tissue values, such as left and right thalamus. Class 0 is
    background. ``tissues`` are the two tissues that mix in patches in each class (most often twice the same),
    ``brain`` says which classes a brain extraction keeps for sure and ``fluid`` which it keeps close to those.
    """

    class_of_label: dict[int, int]
    tissues: tuple[tuple[str, str], ...]
    brain: np.ndarray
    fluid: np.ndarray

    @classmethod
    def read(cls, path: str | Path) -> LabelTable:
        """Read a YAML table: class name -> ``LabelClass``.

        Raises:
            InputError: the file is missing or not such a table, it names an unknown tissue, or a label twice.
        """
        entries = read_yaml(path, TypeAdapter(dict[str, LabelClass]), "label table")
        class_of_label = {0: 0}
        for index, (name, entry) in enumerate(entries.items(), start=1):
            for label in entry.labels:
                if label in class_of_label:
                    raise InputError(
                        f"The label table {path} gives label {label} to {name}, but it is taken; list it once."
                    )
                class_of_label[label] = index
        pairs = [[e.tissue] if isinstance(e.tissue, str) else e.tissue for e in entries.values()]
        inside = ["none", *(entry.inside for entry in entries.values())]
        return cls(
            class_of_label,
            (("background", "background"), *((pair[0], pair[-1]) for pair in pairs)),
            np.array([where == "brain" for where in inside]),
            np.array([where == "fluid" for where in inside]),
        )

    @classmethod
    def of_phantom(cls, phantom: HeadPhantom) -> LabelTable:
        """The table of a digital head phantom, whose labels are 0, 1, … with background first."""
        brain = np.zeros(len(phantom.names), bool)
        brain[np.unique(phantom.labels[phantom.brain_mask()])] = True
        return cls(
            {label: label for label in range(len(phantom.names))},
            tuple((tissue, tissue) for tissue in phantom.tissues),
            brain,
            np.array([name == "csf" for name in phantom.names]),
        )

    def classes(self, labels: np.ndarray, name: str) -> np.ndarray:
        """Label values to uint8 classes.

        Raises:
            InputError: the label map has a value that the table does not name.
        """
        values = np.unique(labels)
        unknown = [f"{value:g}" for value in values if float(value) not in self.class_of_label]
        if unknown:
            raise InputError(
                f"{name} has labels that the label table does not name: {', '.join(unknown[:8])}"
                f"{', …' if len(unknown) > 8 else ''}; add them to the table."
            )
        found = np.array([self.class_of_label[int(value)] for value in values], np.uint8)
        return found[np.searchsorted(values, labels)]


def read_label_map(path: str | Path, table: LabelTable) -> Anatomy:
    """Read a label map, turn it to axes superior, anterior, right at 1 mm, and cut it to the head.

    Raises:
        InputError: not a 3D image, a label is not in the table, or no label is brain.
    """
    path = Path(path)
    try:
        image = sitk.DICOMOrient(sitk.ReadImage(str(path)), "RAS")
    except RuntimeError as error:
        raise InputError(f"Cannot read the label map {path}; give a 3D NIfTI, NRRD or MHA file.") from error
    if any(abs(spacing - 1.0) > 0.01 for spacing in image.GetSpacing()):
        image = _at_one_millimeter(image)
    classes = table.classes(sitk.GetArrayFromImage(image), path.name)
    if not table.brain[classes].any():
        raise InputError(f"{path.name} shows no brain: no label in it is `inside: brain` in the label table.")
    inside = [np.flatnonzero(classes.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    box = tuple(slice(found[0], found[-1] + 1) for found in inside)
    return Anatomy(path.name, np.ascontiguousarray(classes[box]), table)


def _at_one_millimeter(image: sitk.Image) -> sitk.Image:
    size = [round(n * s) for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    grid = (image.GetOrigin(), (1.0, 1.0, 1.0), image.GetDirection())
    return sitk.Resample(image, size, sitk.Transform(), sitk.sitkNearestNeighbor, *grid)


def phantom_anatomy(seed: int) -> Anatomy:
    """The digital head phantom of that seed."""
    phantom = head_phantom(seed)
    return Anatomy(f"phantom {seed}", phantom.labels, LabelTable.of_phantom(phantom))
