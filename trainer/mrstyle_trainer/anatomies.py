"""Label maps to simulate from: folders of files with a table that names each label's tissue, or phantoms made by code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import yaml
from mrstyle.errors import InputError
from mrstyle.physics.phantom import HeadPhantom, head_phantom
from mrstyle.physics.tissues import TISSUES


@dataclass(frozen=True)
class Anatomy:
    """A head as classes: uint8 (k, j, i) at 1 mm, axes toward superior, anterior, right, and their table."""

    name: str
    classes: np.ndarray
    table: LabelTable


@dataclass(frozen=True)
class LabelTable:
    """What each label value is made of.

    A class is a set of labels that share their tissue values, such as left and right thalamus. Class 0 is background.
    ``tissues`` are the two tissues that mix in patches in each class (most often twice the same), ``brain`` says which
    classes a brain extraction keeps for sure and ``fluid`` which it keeps close to those.
    """

    class_of_label: dict[int, int]
    tissues: tuple[tuple[str, str], ...]
    brain: np.ndarray
    fluid: np.ndarray

    @classmethod
    def read(cls, path: str | Path) -> LabelTable:
        """Read a YAML table: class name -> {labels: [..], tissue: name or [name, name], inside: brain|fluid|none}.

        Raises:
            InputError: the file is missing or not such a table, or it names an unknown tissue.
        """
        try:
            entries = yaml.safe_load(Path(path).read_text())
        except (OSError, yaml.YAMLError) as error:
            raise InputError(f"Cannot read the label table {path}: {error}.") from error
        if not isinstance(entries, dict) or not all(
            isinstance(entry, dict) and {"labels", "tissue"} <= entry.keys() for entry in entries.values()
        ):
            raise InputError(f"The label table {path} must map each class to its labels and tissue; see the README.")
        class_of_label = {0: 0}
        tissues = [("background", "background")]
        inside = ["none"]
        for entry in entries.values():
            tissue = entry["tissue"] if isinstance(entry["tissue"], list) else [entry["tissue"]]
            unknown = [name for name in tissue if name not in TISSUES]
            if unknown or not 1 <= len(tissue) <= 2:
                raise InputError(f"The label table {path} names {tissue}; one or two of {', '.join(TISSUES)} are known.")
            class_of_label.update((int(label), len(tissues)) for label in entry["labels"])
            tissues.append((tissue[0], tissue[-1]))
            inside.append(entry.get("inside", "none"))
        return cls(
            class_of_label,
            tuple(tissues),
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
        unknown = [int(value) for value in values if int(value) not in self.class_of_label]
        if unknown:
            raise InputError(f"{name} has labels {unknown} that the label table does not name; add them to the table.")
        lookup = np.zeros(int(values.max()) + 1, np.uint8)
        for value in values:
            lookup[int(value)] = self.class_of_label[int(value)]
        return lookup[labels.astype(np.int64)]


def read_label_map(path: str | Path, table: LabelTable) -> Anatomy:
    """Read a label map, turn it to axes superior, anterior, right at 1 mm, and cut it to the head.

    Raises:
        InputError: not an image, or a label is not in the table.
    """
    try:
        image = sitk.DICOMOrient(sitk.ReadImage(str(path)), "RAS")
    except RuntimeError as error:
        raise InputError(f"Cannot read the label map {path}; give a NIfTI, NRRD or MHA file.") from error
    if any(abs(spacing - 1.0) > 0.01 for spacing in image.GetSpacing()):
        size = [round(n * s) for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)]
        image = sitk.Resample(
            image,
            size,
            sitk.Transform(),
            sitk.sitkNearestNeighbor,
            image.GetOrigin(),
            (1.0, 1.0, 1.0),
            image.GetDirection(),
        )
    classes = table.classes(sitk.GetArrayFromImage(image), Path(path).name)
    inside = [np.flatnonzero(classes.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    box = tuple(slice(found[0], found[-1] + 1) for found in inside)
    return Anatomy(Path(path).name, np.ascontiguousarray(classes[box]), table)


def phantom_anatomy(seed: int) -> Anatomy:
    """The digital head phantom of that seed."""
    phantom = head_phantom(seed)
    return Anatomy(f"phantom {seed}", phantom.labels, LabelTable.of_phantom(phantom))
