"""Jobs of task "synthesize" as a program that starts the worker sees them: lines, files and exit codes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthesis_fixtures
from synthesis_fixtures import scan
from worker_fixtures import Parent, kinds, of_kind, parse, start, write_job

from mrstyle import worker_cancel, worker_synthesis
from mrstyle.encoding import Encoding
from mrstyle.history import read_history
from mrstyle.presets import preset_acquisition
from mrstyle.volume import read_volume

patient, relaxometry, crl = (
    synthesis_fixtures.patient,
    synthesis_fixtures.relaxometry,
    synthesis_fixtures.crl,
)


class SynthesisParent(Parent):
    """A parent whose jobs are syntheses."""

    def run(self, *cases: dict[str, Any], **job: Any) -> tuple[int, list[dict[str, Any]]]:
        return super().run(*cases, task="synthesize", **job)


@pytest.fixture
def parent(patient: Path, relaxometry: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SynthesisParent]:
    # The worker runs in the tests' own process, which it must not end.
    monkeypatch.setattr(worker_cancel, "GRACE_S", 60.0)
    parent = SynthesisParent(patient, relaxometry)
    yield parent
    parent.hang_up()
    parent.stdout.close()


def source(folder: Path, name: str = "t1", acquisition: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"volume": str(folder / f"{name}.nii.gz"), "acquisition": acquisition}


def target(folder: Path, preset: str, **changes: Any) -> dict[str, Any]:
    output = str(folder / f"{preset}.nrrd")
    return {"acquisition": preset_acquisition(preset).as_dict(), "output": output} | changes


def case(folder: Path, *targets: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"name": "Müller", "sources": [source(folder)], "targets": list(targets)} | changes


def outputs_of(lines: list[dict[str, Any]]) -> dict[str, Any]:
    (line,) = of_kind(lines, "result")
    outputs: dict[str, Any] = line["outputs"]
    return outputs


def test_everything_in_a_process_of_its_own(patient: Path, relaxometry: Path) -> None:
    wanted = [
        target(patient, "T2w", reference=str(patient / "t2.nii.gz"), uncertainty=str(patient / "sd.nrrd")),
        target(patient, "FLAIR", reference=None, uncertainty=None),
    ]
    asked = case(
        patient, *wanted, encoding=str(patient / "t1.npz"), maps=str(patient / "maps"), estimate=True
    )
    process = start(write_job(patient, relaxometry, asked, task="synthesize", samples=1, seed=0))
    assert process.stdout is not None
    lines = parse(process.stdout.read())
    assert process.wait(60) == 0
    assert kinds([line for line in lines if line["type"] != "warning"]) == ["hello", "result"]
    outputs = outputs_of(lines)
    first, second = outputs["targets"]
    image = read_volume(first["image"])
    assert image.has_grid_of(scan("MPRAGE"))
    assert image.acquisition == preset_acquisition("T2w")
    assert json.loads(Path(first["history"]).read_text())["EchoTime"] == 0.1
    assert read_volume(first["uncertainty"]).array.min() >= 0
    assert {row["metric"] for row in first["metrics"]} >= {"PSNR", "SSIM"}
    assert (second["uncertainty"], second["metrics"]) == (None, None)
    assert set(outputs["maps"]) == {"effective_pd", "effective_t1_ms", "effective_t2_ms"}
    assert all(read_volume(path).has_grid_of(image) for path in outputs["maps"].values())
    rendered = Encoding.load(outputs["encoding"]).render(preset_acquisition("T2w"))
    np.testing.assert_allclose(rendered, image.array, rtol=1e-4)
    (told,) = outputs["sources"]
    assert told["acquisition"]["inversion_time_ms"] == 900
    assert told["origins"]["inversion_time_ms"] == "sidecar"
    fractions = [line["fraction"] for line in of_kind(lines, "progress")]
    assert fractions == sorted(fractions)
    assert not list(patient.rglob(".partial-*"))


def test_an_encoding_alone_prepares_the_sliders(parent: SynthesisParent) -> None:
    path = parent.folder / "t1.npz"
    code, lines = parent.run(case(parent.folder, encoding=str(path)))
    assert code == 0
    outputs = outputs_of(lines)
    assert (outputs["encoding"], outputs["targets"], outputs["maps"]) == (str(path), [], {})
    encoding = Encoding.load(path)
    assert encoding.shape == scan("MPRAGE").shape
    assert [each.name for each in encoding.trained] == ["T2w", "MPRAGE", "FLAIR"]


@pytest.mark.parametrize("known", [None, {}, {"field_strength_t": 1.5}])
def test_a_case_without_targets_tells_how_the_scan_was_taken(
    parent: SynthesisParent, known: dict[str, Any] | None
) -> None:
    before = set(parent.folder.iterdir())
    asked = {"sources": [source(parent.folder, "unknown", known)], "estimate": True}
    code, lines = parent.run(asked)
    assert code == 0
    outputs = outputs_of(lines)
    (told,) = outputs["sources"]
    assert told["origins"]["repetition_time_ms"] == "estimated"
    assert told["acquisition"]["echo_time_ms"] > 0
    if known and known.get("field_strength_t"):
        assert told["origins"]["field_strength_t"] == "entered"
        assert told["acquisition"]["field_strength_t"] == 1.5
    assert any("estimated as usual" in note for note in outputs["notes"])
    assert any("estimated as usual" in line["message"] for line in of_kind(lines, "warning"))
    assert set(parent.folder.iterdir()) - before == {parent.folder / "job.json"}


def test_without_estimate_and_targets_only_the_file_is_read(parent: SynthesisParent) -> None:
    code, lines = parent.run({"sources": [source(parent.folder, "unknown"), source(parent.folder)]})
    assert code == 0
    unknown, known = outputs_of(lines)["sources"]
    assert (unknown["origins"], unknown["acquisition"]["echo_time_ms"]) == ({}, None)
    assert known["acquisition"]["family"] == "mprage"


def test_what_the_panel_says_is_used_as_it_is(parent: SynthesisParent) -> None:
    said = preset_acquisition("T2w", 1.5).as_dict() | {"echo_time_ms": 88}
    asked = case(parent.folder, target(parent.folder, "FLAIR"), sources=[source(parent.folder, "t1", said)])
    code, lines = parent.run(asked)
    assert code == 0
    (told,) = outputs_of(lines)["sources"]
    assert told["acquisition"] == said
    assert told["origins"]["echo_time_ms"] == "entered"
    history = read_history(outputs_of(lines)["targets"][0]["image"])
    assert history is not None
    assert history.content["acquisition"] == said
    assert history.content["origins"] == told["origins"]


def test_a_target_that_was_never_seen_is_made_with_a_warning(parent: SynthesisParent) -> None:
    far = preset_acquisition("T2w").as_dict() | {"echo_time_ms": 900}
    code, lines = parent.run(case(parent.folder, target(parent.folder, "T2w", acquisition=far)))
    assert code == 0
    warnings = [line["message"] for line in of_kind(lines, "warning")]
    (warning,) = (text for text in warnings if "900 ms is outside of what the model saw" in text)
    assert warning in outputs_of(lines)["notes"]


def test_crl_without_uncertainty_says_so(parent: SynthesisParent, crl: Path) -> None:
    parent.model = crl
    wanted = target(parent.folder, "T2w", uncertainty=str(parent.folder / "sd.nrrd"))
    code, lines = parent.run(case(parent.folder, wanted))
    assert code == 0
    assert any("uncertainty" in line["message"] for line in of_kind(lines, "warning"))
    assert outputs_of(lines)["targets"][0]["uncertainty"] is None
    assert not (parent.folder / "sd.nrrd").exists()


def test_a_bad_case_does_not_stop_the_others(parent: SynthesisParent) -> None:
    folder = parent.folder
    cases = [
        case(folder, target(folder, "T2w"), sources=[source(folder, "nothing")]),
        case(folder, target(folder, "PDw"), sources=[source(folder, "unknown")]),
        case(folder, target(folder, "STIR", reference=str(folder / "job.json"))),
        case(folder, target(folder, "FLAIR")),
    ]
    code, lines = parent.run(*cases)
    assert code == 2
    errors = [(line["case"], line["code"]) for line in of_kind(lines, "error")]
    assert errors == [(1, "bad_input"), (2, "bad_input"), (3, "bad_input")]
    message = of_kind(lines, "error")[1]["message"]
    assert "unknown.nii.gz" in message and "echo time" in message and "--" not in message
    assert of_kind(lines, "result")[0]["case"] == 4
    assert {path.name for path in folder.glob("*.nrrd")} == {"FLAIR.nrrd"}


def test_a_model_without_sequences_is_refused_before_any_case(parent: SynthesisParent) -> None:
    parent.model = "brain-reference"  # type: ignore[assignment]
    code, lines = parent.run(case(parent.folder, target(parent.folder, "T2w")))
    assert (code, kinds(lines)) == (2, ["hello", "error"])
    assert "brain-reference" in lines[-1]["message"]


@pytest.mark.parametrize("stage", ["draw", "evaluate", "write_result", "write_effective_maps"])
def test_cancel_at_any_stage_writes_nothing(
    parent: SynthesisParent, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    real: Callable[..., Any] = getattr(worker_synthesis, stage)

    def hang_up_first(*arguments: Any, **options: Any) -> Any:
        parent.hang_up()
        time.sleep(0.1)  # until the watching thread has seen it
        return real(*arguments, **options)

    monkeypatch.setattr(worker_synthesis, stage, hang_up_first)
    before = set(parent.folder.rglob("*"))
    wanted = target(parent.folder, "T2w", reference=str(parent.folder / "t2.nii.gz"))
    code, lines = parent.run(case(parent.folder, wanted, maps=str(parent.folder / "maps")))
    assert (code, lines[-1]["code"]) == (3, "cancelled")
    assert set(parent.folder.rglob("*")) - before == {parent.folder / "job.json"}


# The job file


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sources": []}, "cases.0.sources: Tuple should have at least 1 item"),
        ({"content": "t1.nii.gz"}, "cases.0.content: Extra inputs are not permitted."),
        ({"encoding": "t1.npy"}, "cases.0: encoding must be named .npz."),
        ({"encoding": "t1.nii.gz"}, "encoding must be named .npz."),
    ],
)
def test_a_bad_case_of_a_job_is_refused_before_any_work(
    parent: SynthesisParent, change: dict[str, Any], said: str
) -> None:
    refuse(parent, case(parent.folder, target(parent.folder, "T2w"), **change), said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"echo_time_ms": None}, "cases.0.targets.0: the echo time of a target must be given."),
        ({"echo_time_ms": -3}, "cases.0.targets.0.acquisition: The echo time -3 ms is not between"),
        ({"echo_time_ms": 1999, "repetition_time_ms": 1000}, "is not shorter than the repetition time"),
        ({"family": "epi"}, "cases.0.targets.0.acquisition: Unknown sequence family 'epi'"),
        ({"bandwidth": 200}, "cases.0.targets.0.acquisition.bandwidth: Unexpected keyword argument."),
        ({"echo_time_ms": "soon"}, "cases.0.targets.0.acquisition.echo_time_ms: "),
    ],
)
def test_an_impossible_target_is_refused_before_any_work(
    parent: SynthesisParent, change: dict[str, Any], said: str
) -> None:
    acquisition = preset_acquisition("T2w").as_dict() | change
    refuse(parent, case(parent.folder, target(parent.folder, "T2w", acquisition=acquisition)), said)


@pytest.mark.parametrize(
    "output", ["t1.nii.gz", "t1.mha", "FLAIR.nrrd", "maps/effective_pd.nii.gz", "t2.nii.gz"]
)
def test_no_output_replaces_an_input_or_another_output(parent: SynthesisParent, output: str) -> None:
    folder = parent.folder
    flair = target(folder, "FLAIR", reference=str(folder / "t2.nii.gz"))
    asked = case(folder, flair, target(folder, "T2w", output=str(folder / output)), maps=str(folder / "maps"))
    refuse(parent, asked, "would replace an input or another output; rename it.")


def test_an_unknown_task_is_refused(parent: SynthesisParent) -> None:
    job = write_job(parent.folder, parent.model, case(parent.folder), task="dream")
    code, lines = parent.run_file(job)
    assert (code, kinds(lines)) == (2, ["error"])
    assert "task: Input should be 'transfer', 'synthesize', 'harmonize'" in lines[0]["message"]


def test_a_job_may_name_the_task_of_old(parent: SynthesisParent) -> None:
    files = {"content": "t1.nii.gz", "style": "t2.nii.gz", "output": "o.nii.gz"}
    asked = {name: str(parent.folder / path) for name, path in files.items()}
    job = write_job(parent.folder, "nyul", asked, task="transfer")  # type: ignore[arg-type]
    code, lines = parent.run_file(job)
    assert (code, kinds(lines)[-1]) == (0, "result")


def refuse(parent: SynthesisParent, asked: dict[str, Any], said: str) -> None:
    before = set(parent.folder.iterdir())
    code, lines = parent.run(asked)
    assert (code, kinds(lines)) == (2, ["error"])
    assert said in lines[0]["message"]
    assert set(parent.folder.iterdir()) - before == {parent.folder / "job.json"}
