"""Volumes of the tutorials in Slicer's Sample Data module. They come with the panels, so that they load without a network."""

from __future__ import annotations

from pathlib import Path

import slicer
from slicer.i18n import tr as _

from .scene_nodes import nodes_of_class

_CATEGORY = "MRStyle"
_VOLUME, SEQUENCE = ".nii.gz", ".seq.nrrd"


def register(folder: Path, sample: str, names: tuple[str, ...], suffix: str = _VOLUME) -> None:
    """List ``sample`` under Sample Data; nothing is read before the user clicks it.

    Args:
        folder: holds the file of each of ``names`` and ``sample.png``.
        sample: its name.
        names: of its volumes.
        suffix: of the files; `SEQUENCE` for volumes over time.
    """
    import SampleData

    logic = SampleData.SampleDataLogic
    if hasattr(logic, "registerCustomSampleDataCategory"):  # since Slicer 5.12
        logic.registerCustomSampleDataCategory(_CATEGORY, title="MRStyle")
    files = [name + suffix for name in names]
    logic.registerCustomSampleDataSource(
        category=_CATEGORY,
        sampleName=sample,
        uris=[(folder / file).as_uri() for file in files],
        fileNames=files,
        nodeNames=list(names),
        thumbnailFileName=str(folder / f"{sample}.png"),
        customDownloader=lambda _source: load(folder, names, suffix),
    )


def load(folder: Path, names: tuple[str, ...], suffix: str = _VOLUME) -> list:
    """Load the volumes into the scene; of a sequence, the volume that shows its first frame.

    Raises:
        RuntimeError: a file is missing; the extension must be installed again.
    """
    nodes = []
    for name in names:
        path = folder / f"{name}{suffix}"
        if not path.is_file():
            raise RuntimeError(_("{path} is missing; install the extension again.").format(path=path))
        if suffix == SEQUENCE:
            nodes.append(_shown(slicer.util.loadSequence(str(path), {"name": name})))
        else:
            nodes.append(slicer.util.loadVolume(str(path), {"name": name}))
    return nodes


def _shown(sequence):
    """The volume that shows a frame of a sequence, in the slice views."""
    browsers = nodes_of_class(sequence.GetScene(), "vtkMRMLSequenceBrowserNode")
    proxy = next(filter(None, (browser.GetProxyNode(sequence) for browser in browsers)))
    slicer.util.setSliceViewerLayers(background=proxy, fit=True)
    return proxy
