"""The phantom of the tutorial in Slicer's Sample Data module: one digital head, and its real T2-weighted image."""

from __future__ import annotations

from pathlib import Path

import slicer
from slicer.i18n import tr as _

_CATEGORY = "MRStyle"
_FILES = {
    "MRStyleHead_T1w": "MRStyleHead_T1w.nii.gz",
    "MRStyleHead_T2w": "MRStyleHead_T2w.nii.gz",
}


def register_sample_data(resources: Path) -> None:
    """List the head under Sample Data; nothing is read before the user clicks it."""
    import SampleData

    logic = SampleData.SampleDataLogic
    if hasattr(logic, "registerCustomSampleDataCategory"):  # since Slicer 5.12
        logic.registerCustomSampleDataCategory(_CATEGORY, title="MRStyle")
    paths = [resources / "SampleData" / file for file in _FILES.values()]
    logic.registerCustomSampleDataSource(
        category=_CATEGORY,
        sampleName="MRStyleHead",
        uris=[path.as_uri() for path in paths],
        fileNames=list(_FILES.values()),
        nodeNames=list(_FILES),
        thumbnailFileName=str(resources / "SampleData" / "MRStyleHead.png"),
        customDownloader=lambda _source: load_head(resources),
    )


def load_head(resources: Path) -> list:
    """Load two sequences of one digital head on one grid; the sidecar beside each file says how it was taken.

    Raises:
        RuntimeError: a file is missing; the extension must be installed again.
    """
    nodes = []
    for name, file in _FILES.items():
        path = resources / "SampleData" / file
        if not path.is_file():
            raise RuntimeError(_("{path} is missing; install the extension again.").format(path=path))
        nodes.append(slicer.util.loadVolume(str(path), {"name": name}))
    return nodes
