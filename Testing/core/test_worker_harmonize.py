"""Jobs of task "harmonize": what is written, what the lines tell, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from worker_fixtures import Parent, folder, kinds, model, of_kind, parent  # noqa: F401

from mrstyle.history import read_history
from mrstyle.volume import Volume, read_volume


def harmonize(parent: Parent, *cases: dict[str, Any], **changes: Any) -> tuple[int, list[dict[str, Any]]]:  # noqa: F811
    path = parent.folder / "job.json"
    job = {
        "task": "harmonize",
        "model": str(parent.model),
        "target": {"reference": str(parent.folder / "style.nii.gz")},
        "device": "cpu",
        "cases": cases,
    }
    path.write_text(json.dumps(job | changes))
    return parent.run_file(path)


def case(folder: Path, **changes: Any) -> dict[str, Any]:  # noqa: F811
    return {
        "volume": str(folder / "content.nii.gz"),
        "output": str(folder / "out.nii.gz"),
        "name": "A",
    } | changes


def test_a_scan_gets_the_intensities_of_the_reference_on_its_own_grid(parent: Parent) -> None:  # noqa: F811
    code, lines = harmonize(parent, case(parent.folder))
    assert code == 0
    assert kinds(lines) == ["hello", "result"]
    outputs = lines[-1]["outputs"]
    image, content = read_volume(outputs["image"]), read_volume(parent.folder / "content.nii.gz")
    style = read_volume(parent.folder / "style.nii.gz")
    assert image.has_grid_of(content)
    before, after = (abs(median(volume) - median(style)) for volume in (content, image))
    assert after < 0.2 * before
    assert outputs["mask"] is None
    history = read_history(outputs["image"])
    assert history is not None and history.target["kind"] == "reference"
    assert Path(outputs["history"]).is_file()


def test_the_look_of_the_scan_itself_makes_no_slice_jump(parent: Parent) -> None:  # noqa: F811
    code, lines = harmonize(
        parent, case(parent.folder), target={"reference": str(parent.folder / "content.nii.gz")}
    )
    assert code == 0
    assert lines[-1]["outputs"]["flicker_ratio"] == pytest.approx(1.0, abs=0.05)


def test_a_damaged_scan_does_not_stop_the_others(parent: Parent) -> None:  # noqa: F811
    (parent.folder / "broken.nii.gz").write_bytes(b"\x1f\x8bno")
    code, lines = harmonize(
        parent,
        case(
            parent.folder,
            volume=str(parent.folder / "broken.nii.gz"),
            output=str(parent.folder / "a.nii.gz"),
        ),
        case(parent.folder),
    )
    assert code == 2
    error, result = of_kind(lines, "error")[0], of_kind(lines, "result")[0]
    assert error["case"] == 1 and "broken.nii.gz" in error["message"]
    assert result["case"] == 2 and not (parent.folder / "a.nii.gz").exists()


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"site": "sim-3T-mprage"}, "takes a target of kind reference, not site"),
        ({"sample": 3}, "takes a target of kind reference, not sample"),
        ({}, "name a site, a reference or a sample"),
        ({"site": "a", "reference": "b.nii.gz"}, "name a site, a reference or a sample"),
        ({"reference": "gone.nii.gz"}, "gone.nii.gz"),
    ],
)
def test_a_target_that_cannot_be_met_is_refused_before_any_case(
    parent: Parent,  # noqa: F811
    target: dict[str, Any],
    words: str,
) -> None:
    code, lines = harmonize(parent, case(parent.folder), target=target)
    assert code == 2
    assert words in of_kind(lines, "error")[0]["message"]
    assert "case" not in of_kind(lines, "error")[0]


@pytest.mark.parametrize("kind", ["output", "mask"])
def test_the_reference_and_the_scans_are_never_replaced(parent: Parent, kind: str) -> None:  # noqa: F811
    for name in ("content.nii.gz", "style.nii.gz"):
        before = (parent.folder / name).read_bytes()
        code, lines = harmonize(parent, case(parent.folder, **{kind: str(parent.folder / name)}))
        assert code == 2 and "would replace an input" in of_kind(lines, "error")[0]["message"]
        assert (parent.folder / name).read_bytes() == before


def test_a_misspelled_preparation_is_refused(parent: Parent) -> None:  # noqa: F811
    code, lines = harmonize(parent, case(parent.folder), preparation={"n5": True})
    assert code == 2 and "preparation.n5" in of_kind(lines, "error")[0]["message"]


def median(volume: Volume) -> float:
    return float(np.median(volume.array[volume.array > 50]))
