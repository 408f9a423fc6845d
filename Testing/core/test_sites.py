"""Which site took a volume: the network, the command, and the job of the worker."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import worker_fixtures
from classifier_fixtures import SITES, save_classifier, write_head
from worker_fixtures import Parent, of_kind

from mrstyle import methods
from mrstyle.errors import InputError
from mrstyle.intensity import IntensityMap
from mrstyle.models.card import load_card
from mrstyle.qa.sites import classify, head_slices, site_classifier
from mrstyle.volume import Volume, read_volume, resample_like

folder, model, parent = worker_fixtures.folder, worker_fixtures.model, worker_fixtures.parent


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    """The package of a classifier of two sites."""
    return save_classifier(tmp_path / "two-sites")


@pytest.fixture
def scans(tmp_path: Path) -> list[Path]:
    """A quiet and two noisy heads."""
    (tmp_path / "scans").mkdir()
    return [
        write_head(tmp_path / "scans" / f"sub-0{number}_T1w.nii.gz", site, number)
        for number, site in enumerate(("quiet", "noisy", "noisy"), start=1)
    ]


def test_faithful_configuration_is_resnet_50() -> None:
    network = methods.build("site_classifier", {"sites": list("abcd")})
    # ResNet-50 of 1000 classes and 3 channels has 25,557,032 parameters.
    others = (1000 - 4) * (2048 + 1) + 2 * 64 * 7 * 7
    assert sum(parameter.numel() for parameter in network.parameters()) == 25_557_032 - others


def test_slices_are_the_voxels_as_scanned(scans: list[Path]) -> None:
    scan = read_volume(scans[1])
    seen = IntensityMap.robust(scan.array).inverse(head_slices(scan, 4, 44).numpy())
    voxels = np.unique(np.append(scan.array, 0))
    nearest = voxels[np.clip(np.searchsorted(voxels, seen - 1e-2), 0, len(voxels) - 1)]
    assert np.abs(nearest - seen).max() < 2e-2


def test_the_head_is_in_the_middle_whatever_the_field_of_view(scans: list[Path]) -> None:
    scan = read_volume(scans[0])
    wide = Volume(np.pad(scan.array, ((0, 0), (3, 20), (15, 2))), scan.affine, "wide")
    assert head_slices(wide, 4, 30).numpy() == pytest.approx(head_slices(scan, 4, 30).numpy(), abs=0.05)
    assert head_slices(scan, 4, 64).shape[1:] == (64, 64)


def test_slices_leave_the_neck_out(scans: list[Path]) -> None:
    scan = read_volume(scans[0])
    neck = np.zeros((60, *scan.shape[1:]), np.float32)
    neck[:, 10:30, 10:30] = 500.0
    long = Volume(np.concatenate([neck, scan.array]), scan.affine, "long")
    head = long.array.copy()
    head[:30] *= 0.8  # more than 110 mm below the top
    assert np.array_equal(head_slices(long, 4, 44), head_slices(long.with_array(head), 4, 44))


def test_noise_tells_the_site(classifier: Path, scans: list[Path]) -> None:
    package = site_classifier(classifier)
    opinion = classify(read_volume(scans[1]), package, device="cpu")
    assert (opinion.site, opinion.notes) == ("noisy", [])
    assert sum(opinion.probabilities.values()) == pytest.approx(1)
    assert list(opinion.probabilities) == list(SITES)
    assert classify(read_volume(scans[0]), package).site == "quiet"


def test_turned_volumes_get_the_same_opinion(classifier: Path, scans: list[Path]) -> None:
    package, scan = site_classifier(classifier), read_volume(scans[1])
    turned = Volume(scan.array.transpose(2, 0, 1), scan.affine[:, [1, 2, 0, 3]], "turned")
    assert resample_like(turned, scan).array == pytest.approx(scan.array)
    assert classify(turned, package).probabilities == pytest.approx(classify(scan, package).probabilities)


def test_other_voxels_than_seen_are_noted(classifier: Path, tmp_path: Path) -> None:
    fine = write_head(tmp_path / "fine.nii.gz", "quiet", spacing_mm=0.5)
    (note,) = classify(read_volume(fine), site_classifier(classifier)).notes
    assert "fine has voxels of 0.5 x 0.5 x 0.5 mm; the model has seen 0.8 to 2.1 mm" in note


def test_a_model_of_another_task_is_refused(model: Path) -> None:
    with pytest.raises(InputError, match="The model plain does not classify sites"):
        site_classifier(model)


def test_a_card_that_lists_other_sites_is_refused(tmp_path: Path) -> None:
    odd = save_classifier(tmp_path / "odd", sites=["a", "b", "c"])
    assert load_card(odd).sites == ("a", "b", "c")
    with pytest.raises(InputError, match="tells quiet, noisy apart but its card lists other sites"):
        site_classifier(odd)


# The command


def test_without_true_sites_there_are_only_probabilities(
    mrstyle: Callable, classifier: Path, scans: list[Path], tmp_path: Path
) -> None:
    table = tmp_path / "sites.csv"
    run = mrstyle("sites", "classify", *scans, "--model", classifier, "-o", table)
    assert run.code == 0
    assert "Balanced accuracy" not in run.out
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["site"] for row in rows] == ["quiet", "noisy", "noisy"]
    assert list(rows[0]) == ["volume", "site", *SITES]
    assert float(rows[0]["quiet"]) > 0.9
    assert rows[0]["volume"] == str(scans[0])


def test_true_sites_give_a_score(
    mrstyle: Callable, classifier: Path, scans: list[Path], tmp_path: Path
) -> None:
    table = tmp_path / "sites.json"
    known = [each for site in ("quiet", "noisy", "quiet") for each in ("--true", site)]
    run = mrstyle("sites", "classify", *scans, "--model", classifier, *known, "-o", table)
    assert run.code == 0
    content = json.loads(table.read_text())
    assert content["score"]["value"] == 0.75
    assert content["score"]["low"] < 0.5 < content["score"]["high"]
    assert content["score"]["chance"] == 0.5
    assert [row["true"] for row in content["volumes"]] == ["quiet", "noisy", "quiet"]
    assert content["model"] == "two-sites@1.0.0"
    assert "Balanced accuracy 0.75 (95 % confidence interval" in run.out
    assert "on 3 volumes; chance is 0.50: no better than a guess, as far as 3 volumes can tell." in run.out


def test_true_sites_from_participants(
    mrstyle: Callable, classifier: Path, scans: list[Path], tmp_path: Path
) -> None:
    table = tmp_path / "participants.tsv"
    table.write_text("participant_id\tscanner\nsub-01\tquiet\nsub-02\tnoisy\nsub-03\tnoisy\n")
    arguments = ["sites", "classify", *scans, "--model", classifier, "--participants", table]
    run = mrstyle(*arguments, "--site-column", "scanner", "--json")
    assert run.code == 0
    assert json.loads(run.out)["score"]["value"] == 1
    run = mrstyle(*arguments)
    assert run.code == 2
    assert f"{table} has no site of sub-01; fill it in, or name the column by --site-column." in run.err


def test_an_unreadable_volume_does_not_stop_the_others(
    mrstyle: Callable, classifier: Path, scans: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"nothing")
    table = tmp_path / "sites.json"
    run = mrstyle(
        "sites", "classify", scans[0], broken, scans[1], "--model", classifier, "-o", table, "--true", "noisy"
    )
    assert run.code == 2
    assert f"1 of 3 volumes could not be classified: {broken}." in run.err
    content = json.loads(table.read_text())
    assert [row["volume"] for row in content["volumes"]] == [str(scans[0]), str(scans[1])]
    assert content["score"]["value"] == 0.5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--true", "loud"], "does not know the site loud; it knows quiet, noisy."),
        (["--true", "quiet", "--true", "noisy"], "There are 3 volumes and 2 true sites"),
        (["-o", "sites.txt"], "name it .csv or .json."),
        (["-o", "missing/sites.csv"], "does not exist; create it first."),
        (["-o", "scans/sub-01_T1w.json"], "would replace an input or its sidecar"),
        (["--participants", "nobody.tsv"], "Cannot read nobody.tsv: No such file or directory."),
        (["--participants", "p.tsv"], "p.tsv has no row of sub-02"),
        (["--participants", "twice.tsv"], "twice.tsv lists sub-01 twice"),
        (["--participants", "other.tsv"], "other.tsv has no column participant_id"),
        (["--participants", "p.tsv", "--true", "quiet"], "by --true or by --participants, not both."),
    ],
)
def test_bad_options_are_refused_before_any_work(
    mrstyle: Callable,
    classifier: Path,
    scans: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    said: str,
) -> None:
    (tmp_path / "p.tsv").write_text("participant_id\tsite\nsub-01\tquiet\n")
    (tmp_path / "twice.tsv").write_text("participant_id\tsite\nsub-01\tquiet\nsub-01\tnoisy\n")
    (tmp_path / "other.tsv").write_text("subject\tsite\nsub-01\tquiet\n")
    monkeypatch.chdir(tmp_path)
    files = set(tmp_path.rglob("*"))
    names = [path.relative_to(tmp_path) for path in scans]
    run = mrstyle("sites", "classify", *names, "--model", classifier, *options)
    assert run.code == 2
    assert said in run.err
    assert run.err.count("\n") == 1
    assert set(tmp_path.rglob("*")) == files


# The worker


def test_a_job_tells_sites(parent: Parent, classifier: Path, scans: list[Path]) -> None:
    cases = [{"volume": str(path), "name": path.name} for path in (*scans[:2], classifier / "nothing.nii.gz")]
    job = parent.folder / "sites.json"
    content = {"task": "sites", "model": str(classifier), "device": "cpu", "cases": cases}
    job.write_text(json.dumps(content))
    code, lines = parent.run_file(job)
    assert code == 2
    results = of_kind(lines, "result")
    assert [line["outputs"]["site"] for line in results] == ["quiet", "noisy"]
    assert results[0]["outputs"]["probabilities"]["quiet"] > 0.9
    assert of_kind(lines, "error")[0]["case"] == 3
    assert max(line["fraction"] for line in of_kind(lines, "progress")) <= 1


def test_a_job_with_another_model_is_refused(parent: Parent, scans: list[Path]) -> None:
    job = parent.folder / "sites.json"
    job.write_text(
        json.dumps({"task": "sites", "model": str(parent.model), "cases": [{"volume": str(scans[0])}]})
    )
    code, lines = parent.run_file(job)
    assert (code, lines[-1]["code"]) == (2, "bad_input")
    assert "does not classify sites" in lines[-1]["message"]


def test_a_volume_without_contrast_is_refused(classifier: Path, scans: list[Path]) -> None:
    scan = read_volume(scans[0])
    with pytest.raises(InputError, match="has the same value"):
        classify(scan.with_array(scan.array * 0), site_classifier(classifier))
