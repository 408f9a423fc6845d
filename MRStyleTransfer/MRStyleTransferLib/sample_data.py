"""The phantom pair of the tutorial in Slicer's Sample Data module."""

from __future__ import annotations

from pathlib import Path

import slicer
from slicer.i18n import tr as _

_CATEGORY = "MRStyle"
_FILES = {
    "MRStylePhantom_T1w": "MRStylePhantom_T1w.nii.gz",
    "MRStylePhantom_T2w": "MRStylePhantom_T2w.nii.gz",
}


def register_sample_data(resources: Path) -> None:
    """List the pair under Sample Data; nothing is read before the user clicks it.

    The files come with the module (2 MB), so that they load without a network and before torch is installed.
    """
    import SampleData

    logic = SampleData.SampleDataLogic
    if hasattr(logic, "registerCustomSampleDataCategory"):  # since Slicer 5.12
        logic.registerCustomSampleDataCategory(_CATEGORY, title="MRStyle")
    paths = [resources / "SampleData" / file for file in _FILES.values()]
    logic.registerCustomSampleDataSource(
        category=_CATEGORY,
        sampleName="MRStylePhantomPair",
        uris=[path.as_uri() for path in paths],
        fileNames=list(_FILES.values()),
        nodeNames=list(_FILES),
        thumbnailFileName=str(resources / "SampleData" / "MRStylePhantomPair.png"),
        customDownloader=lambda _source: load_phantom_pair(resources),
    )


def load_phantom_pair(resources: Path) -> list:
    """Load a T1-weighted and a T2-weighted volume of two digital heads.

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
