"""DICOM headers as scanners write them, for the tests of what is read from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

SIEMENS = {"Manufacturer": "SIEMENS", "MagneticFieldStrength": 3}
GE = {"Manufacturer": "GE MEDICAL SYSTEMS", "MagneticFieldStrength": 1.5}
PHILIPS = {"Manufacturer": "Philips Medical Systems", "MagneticFieldStrength": 3}
UIH = {"Manufacturer": "UIH", "MagneticFieldStrength": 3}
CANON = {"Manufacturer": "CANON_MEC", "MagneticFieldStrength": 1.5}

_SERIES = generate_uid()
# (group, creator): element -> what the keyword stands for in the tables of the tests.
_PRIVATE = {
    "ge_name": (0x0019, "GEMS_ACQU_01", 0x9C),
    "ge_internal_name": (0x0019, "GEMS_ACQU_01", 0x9E),
    "philips_technique": (0x2001, "Philips Imaging DD 001", 0x20),
}
_GROUPS = {
    "RepetitionTime": "MRTimingAndRelatedParametersSequence",
    "FlipAngle": "MRTimingAndRelatedParametersSequence",
    "InversionRecovery": "MRModifierSequence",
    "InversionTimes": "MRModifierSequence",
    "Spoiling": "MRModifierSequence",
    "MagnetizationTransfer": "MRModifierSequence",
}


def dataset(**tags: Any) -> Dataset:
    """A data set of keywords, or of private names as `_PRIVATE` has them; code strings as the scanner prints them."""
    result = Dataset()
    for keyword, value in tags.items():
        if keyword in _PRIVATE:
            group, creator, element = _PRIVATE[keyword]
            result.private_block(group, creator, create=True).add_new(element, "LO", value)
        else:
            setattr(result, keyword, value.split("\\") if isinstance(value, str) and "\\" in value else value)
    return result


def enhanced(echo_times_ms: tuple[float, ...] = (), **tags: Any) -> Dataset:
    """A multi-frame header: what belongs into a functional group goes there, the echo times to the frames."""
    groups: dict[str, dict[str, Any]] = {}
    for keyword in [keyword for keyword in tags if keyword in _GROUPS]:
        groups.setdefault(_GROUPS[keyword], {})[keyword] = tags.pop(keyword)
    shared = dataset(**{name: [dataset(**values)] for name, values in groups.items()})
    frames = [dataset(MREchoSequence=[dataset(EffectiveEchoTime=echo)]) for echo in echo_times_ms]
    return dataset(SharedFunctionalGroupsSequence=[shared], PerFrameFunctionalGroupsSequence=frames, **tags)


def save(header: Dataset, path: Path) -> Path:
    """Write a header as an image file without pixels."""
    is_enhanced = "SharedFunctionalGroupsSequence" in header
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SOPClassUID = EnhancedMRImageStorage if is_enhanced else MRImageStorage
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    header.setdefault("SeriesInstanceUID", _SERIES)
    header.setdefault("Modality", "MR")
    header.Rows = header.Columns = 4
    header.save_as(path, enforce_file_format=True)
    return path


def times(tr: float, te: float, ti: float | None = None, flip: float = 90) -> dict[str, Any]:
    """Repetition, echo and inversion time in ms and the flip angle in degrees, as text, which DICOM has them as."""
    tags = {"RepetitionTime": str(tr), "EchoTime": str(te), "FlipAngle": str(flip)}
    return tags if ti is None else tags | {"InversionTime": str(ti)}


def kind(sequence: str, variant: str = "NONE", **tags: Any) -> dict[str, Any]:
    """The code strings of a 2D sequence."""
    return {"ScanningSequence": sequence, "SequenceVariant": variant, "MRAcquisitionType": "2D", **tags}


def kind_3d(sequence: str, variant: str = "NONE", **tags: Any) -> dict[str, Any]:
    """The code strings of a 3D sequence."""
    return kind(sequence, variant, **tags) | {"MRAcquisitionType": "3D"}
