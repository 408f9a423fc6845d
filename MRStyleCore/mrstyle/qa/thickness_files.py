"""The files of a thickness check, as one folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..outputs import Outputs
from ..volume import write_volume
from .surfaces import write_vtp

if TYPE_CHECKING:
    from .thickness import Thickness
    from .thickness_compare import Comparison

_NAMES = {"thickness": "thickness.nii.gz", "surface": "surface.vtp", "regions": "regions.json"}
_AFTER = "after_"
_COMPARISON = {
    "difference": "difference.nii.gz",
    "difference_surface": "difference_surface.vtp",
    "agreement": "agreement.json",
}


def thickness_paths(folder: Path, *, compared: bool) -> list[Path]:
    """All that is written into the folder."""
    names = list(_NAMES.values())
    if compared:
        names += [_AFTER + name for name in _NAMES.values()] + list(_COMPARISON.values())
    return [folder / name for name in names]


def planned_outputs(folder: Path, inputs: list[Path], *, compared: bool) -> Outputs:
    """What is going to be written, checked before any work.

    Raises:
        InputError: a file would replace an input, or cannot be put into the folder.
    """
    outputs = Outputs(inputs)
    outputs.add_folder(folder)
    for path in thickness_paths(folder, compared=compared):
        if path.name.endswith(".nii.gz"):
            outputs.add_volume(path, new_folder=True)
    return outputs


def write_thickness(
    folder: Path,
    measured: Thickness,
    after: Thickness | None,
    comparison: Comparison | None,
    place: Callable[[Path], Path],
) -> dict[str, Any]:
    """Write what was found and tell where, as the worker's result line has it.

    Args:
        folder: where the files go.
        measured: of the scan.
        after: of the scan that it is compared with.
        comparison: of the two.
        place: from a file's place to where it is written for now (`Outputs.staged`).
    """
    told = _write(folder, "", measured, place)
    if after is None or comparison is None:
        return told
    told["compare"] = _write(folder, _AFTER, after, place)
    paths = {kind: folder / name for kind, name in _COMPARISON.items()}
    write_volume(comparison.difference, place(paths["difference"]), _header(measured.method))
    write_vtp(comparison.surface, place(paths["difference_surface"]))
    agreement = comparison.agreement()
    _write_json(place(paths["agreement"]), agreement)
    return told | {
        "difference": str(paths["difference"]),
        "difference_surface": str(paths["difference_surface"]),
        "agreement": agreement,
    }


def _write(folder: Path, prefix: str, thickness: Thickness, place: Callable[[Path], Path]) -> dict[str, Any]:
    paths = {kind: folder / (prefix + name) for kind, name in _NAMES.items()}
    write_volume(thickness.image, place(paths["thickness"]), _header(thickness.method))
    write_vtp(thickness.surface, place(paths["surface"]))
    _write_json(place(paths["regions"]), [asdict(row) for row in thickness.regions])
    return {kind: str(path) for kind, path in paths.items()} | {"mean_mm": thickness.mean_mm}


def _header(method: str) -> str:
    return json.dumps({"Units": "mm", "method": method, "mrstyle": __version__})


def _write_json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=2, allow_nan=False) + "\n", encoding="utf-8")
