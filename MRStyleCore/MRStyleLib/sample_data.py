"""Volumes of the tutorials in Slicer's Sample Data module. They come with the panels, so that they load without a network."""

from __future__ import annotations

from pathlib import Path

import slicer
from slicer.i18n import tr as _

_CATEGORY = "MRStyle"


def register(folder: Path, sample: str, names: tuple[str, ...]) -> None:
    """List ``sample`` under Sample Data; nothing is read before the user clicks it.

    Args:
        folder: holds ``name.nii.gz`` of each of ``names`` and ``sample.png``.
        sample: its name.
        names: of its volumes.
    """
    import SampleData

    logic = SampleData.SampleDataLogic
    if hasattr(logic, "registerCustomSampleDataCategory"):  # since Slicer 5.12
        logic.registerCustomSampleDataCategory(_CATEGORY, title="MRStyle")
    files = [f"{name}.nii.gz" for name in names]
    logic.registerCustomSampleDataSource(
        category=_CATEGORY,
        sampleName=sample,
        uris=[(folder / file).as_uri() for file in files],
        fileNames=files,
        nodeNames=list(names),
        thumbnailFileName=str(folder / f"{sample}.png"),
        customDownloader=lambda _source: load(folder, names),
    )


def load(folder: Path, names: tuple[str, ...]) -> list:
    """Load the volumes into the scene.

    Raises:
        RuntimeError: a file is missing; the extension must be installed again.
    """
    nodes = []
    for name in names:
        path = folder / f"{name}.nii.gz"
        if not path.is_file():
            raise RuntimeError(_("{path} is missing; install the extension again.").format(path=path))
        nodes.append(slicer.util.loadVolume(str(path), {"name": name}))
    return nodes
