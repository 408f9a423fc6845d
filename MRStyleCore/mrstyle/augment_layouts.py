"""How data sets of labelled cases are laid out for those who train on them: nnU-Net, MONAI (Decathlon), BIDS."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from .cohort_bids import DESCRIPTION, derivative, write_json
from .files import atomic_path
from .labels import BACKGROUND
from .participants import participant_of

_ENDING = ".nii.gz"
_NNUNET_NAME = re.compile(r"Dataset\d{3}_[A-Za-z0-9_-]+")
_FOLDS = 5
_NNUNET_NUMBER = 501  # up to 500 are those of nnU-Net's authors
_ENTITIES = re.compile(
    r"(?P<sub>sub-[A-Za-z0-9]+)(?P<others>(?:_[A-Za-z0-9]+-[A-Za-z0-9]+)*)(?:_[A-Za-z0-9]+)?"
)


class CaseName(NamedTuple):
    """A case: what it was made of, and which of those that were; letters, digits, "-" and "_"."""

    source: str
    variant: str


@dataclass(frozen=True)
class CasePaths:
    """Where the files of a case are in their data set, with slashes, and whom they show."""

    person: str
    images: tuple[str, ...]
    labels: str
    sidecar: str


@dataclass(frozen=True)
class Contents:
    """All that a data set holds; ``labels`` are the names of the values but 0."""

    title: str
    contrasts: Sequence[str]
    labels: Mapping[int, str]
    cases: Sequence[CasePaths]

    def folds(self) -> list[int]:
        """Of the cases, 0 to 4: those of one person are in one fold, or validation would see what training saw."""
        people = list(dict.fromkeys(case.person for case in self.cases))
        return [people.index(case.person) % _FOLDS for case in self.cases]


class Layout(Protocol):
    """One way to lay out a data set."""

    def home(self, name: str) -> str:
        """Where the data set is in the folder ``name`` that the user asked for; "" for that folder itself."""
        ...

    def paths(self, case: CaseName, contrasts: Sequence[str]) -> CasePaths:
        """Where the files of a case go."""
        ...

    def finish(self, folder: Path, contents: Contents) -> None:
        """Write what describes the data set."""
        ...


def _person(case: CaseName) -> str:
    return participant_of(case.source) or case.source


class NnUNet:
    """Raw data of nnU-Net v2: ``DatasetXXX_Name`` with a file for each channel of a case.

    ``splits_final.json`` belongs into the folder of that name that nnU-Net makes of it (nnUNet_preprocessed).
    """

    def home(self, name: str) -> str:
        if _NNUNET_NAME.fullmatch(name):
            return ""
        return f"Dataset{_NNUNET_NUMBER}_{re.sub(r'[^A-Za-z0-9_-]+', '-', name)}"

    def paths(self, case: CaseName, contrasts: Sequence[str]) -> CasePaths:
        name = "_".join(case)
        images = tuple(f"imagesTr/{name}_{channel:04d}{_ENDING}" for channel in range(len(contrasts)))
        return CasePaths(_person(case), images, f"labelsTr/{name}{_ENDING}", f"provenance/{name}.json")

    def finish(self, folder: Path, contents: Contents) -> None:
        # nnU-Net refuses values that leave one out; voxels stay as they are, so the table fills the gap.
        values = range(1, max(contents.labels, default=0) + 1)
        named = {contents.labels.get(value, f"unused_{value}"): value for value in values}
        write_json(
            folder / "dataset.json",
            {
                "channel_names": {str(channel): name for channel, name in enumerate(contents.contrasts)},
                "labels": {BACKGROUND: 0} | named,
                "numTraining": len(contents.cases),
                "file_ending": _ENDING,
                "name": contents.title,
            },
        )
        names = [Path(case.labels).name.removesuffix(_ENDING) for case in contents.cases]
        folds = contents.folds()
        splits = [
            {
                "train": [name for name, other in zip(names, folds, strict=True) if other != fold],
                "val": [name for name, other in zip(names, folds, strict=True) if other == fold],
            }
            for fold in range(max(folds) + 1)
        ]
        if len(splits) > 1:
            with atomic_path(folder / "splits_final.json") as temporary:
                temporary.write_text(json.dumps(splits, indent=2) + "\n", encoding="utf-8")


class Decathlon:
    """A data list of the Medical Segmentation Decathlon, as MONAI reads it."""

    def home(self, name: str) -> str:
        return ""

    def paths(self, case: CaseName, contrasts: Sequence[str]) -> CasePaths:
        name = "_".join(case)
        alone = len(contrasts) == 1
        images = tuple(f"imagesTr/{name}{'' if alone else f'_{each}'}{_ENDING}" for each in contrasts)
        return CasePaths(_person(case), images, f"labelsTr/{name}{_ENDING}", f"provenance/{name}.json")

    def finish(self, folder: Path, contents: Contents) -> None:
        training = [
            {
                "image": f"./{case.images[0]}"
                if len(case.images) == 1
                else [f"./{path}" for path in case.images],
                "label": f"./{case.labels}",
                "fold": fold,
            }
            for case, fold in zip(contents.cases, contents.folds(), strict=True)
        ]
        write_json(
            folder / "dataset.json",
            {
                "name": contents.title,
                "description": "Labelled cases, synthesized by MRStyle.",
                "reference": "",
                "licence": "",
                "release": "",
                "tensorImageSize": "3D",
                "modality": {str(channel): name for channel, name in enumerate(contents.contrasts)},
                "labels": {"0": BACKGROUND} | {str(value): name for value, name in contents.labels.items()},
                "numTraining": len(training),
                "numTest": 0,
                "training": training,
                "test": [],
            },
        )


class Bids:
    """Derivatives of BIDS: images and discrete segmentations in ``anat``, the names of the labels in ``dseg.tsv``."""

    def home(self, name: str) -> str:
        return ""

    def paths(self, case: CaseName, contrasts: Sequence[str]) -> CasePaths:
        found = _ENTITIES.fullmatch(case.source)
        person = found["sub"] if found else f"sub-{re.sub('[^A-Za-z0-9]', '', case.source)}"
        others = [each for each in (found["others"] if found else "").split("_") if each]
        session = next((f"{each}/" for each in others if each.startswith("ses-")), "")
        kept = [person, *(each for each in others if not each.startswith("desc-")), f"desc-{case.variant}"]
        stem = f"{person}/{session}anat/{'_'.join(kept)}"
        images = tuple(f"{stem}_{each}{_ENDING}" for each in contrasts)
        return CasePaths(person, images, f"{stem}_dseg{_ENDING}", f"{stem}_{contrasts[0]}.json")

    def finish(self, folder: Path, contents: Contents) -> None:
        write_json(folder / DESCRIPTION, derivative(contents.title, "mrstyle augment"))
        rows = [f"{value}\t{name}\n" for value, name in ({0: BACKGROUND} | dict(contents.labels)).items()]
        with atomic_path(folder / "dseg.tsv") as temporary:
            temporary.write_text("index\tname\n" + "".join(rows), encoding="utf-8")


LAYOUTS: dict[str, Layout] = {"nnunet": NnUNet(), "decathlon": Decathlon(), "bids": Bids()}
