"""Cohorts: what is written, what is skipped and made anew, what is reported, and that a lost worker loses nothing."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cohort_fixtures import add_faulty, bids, matching, options, scan  # noqa: F401
from worker_fixtures import head

from mrstyle import cohort
from mrstyle.cohort import harmonize_cohort
from mrstyle.cohort_bids import find_scans
from mrstyle.cohort_scan import STAGING, Options, Record
from mrstyle.errors import InputError
from mrstyle.history import read_history
from mrstyle.preparation import Preparation
from mrstyle.volume import Volume, read_volume, write_volume

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """A Dask scheduler whose one worker is a thread of this process."""
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def chosen(bids: Path, matching: Path) -> Options:  # noqa: F811
    return options(matching, bids.parent / "reference.nii.gz")


def made(bids: Path, out: Path, chosen: Options, scheduler: str, **more: object) -> dict[str, bool]:  # noqa: F811
    """Run the cohort; gives the participants that are harmonized, and whether that is new."""
    told: dict[str, bool] = {}

    def finished(record: Record, is_new: bool) -> None:
        if record.status == "harmonized":
            told[record.participant] = is_new

    harmonize_cohort(bids, out, chosen, scheduler=scheduler, finished=finished, **more)
    return told


def test_each_scan_becomes_a_derivative_that_looks_like_the_reference(
    bids: Path,  # noqa: F811
    out: Path,
    chosen: Options,
    scheduler: str,
) -> None:
    records = harmonize_cohort(bids, out, chosen, scheduler=scheduler)
    assert [record.participant for record in records] == ["sub-01", "sub-02", "sub-03"]
    reference = median(read_volume(bids.parent / "reference.nii.gz"))
    for record in records:
        image, before = read_volume(out / record.output), read_volume(bids / record.source)
        assert image.has_grid_of(before)
        assert abs(median(image) - reference) < 0.2 * abs(median(before) - reference)
        sidecar = json.loads((out / record.output.replace(".nii.gz", ".json")).read_text())
        assert sidecar["Sources"] == [f"bids:raw:{record.source}"]
        assert sidecar["SkullStripped"] is False
        assert read_history(out / record.output) is not None
        assert record.flicker_ratio is not None and record.flicker_ratio > 0
    assert (out / "sub-02/ses-b/anat/sub-02_ses-b_desc-harmonized_T1w.nii.gz").is_file()
    description = json.loads((out / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"][0]["Name"] == "MRStyle"
    assert description["DatasetLinks"]["raw"] == bids.as_uri()
    assert not (out / STAGING).exists()


def test_what_is_done_is_skipped_and_what_changed_is_made_anew(
    bids: Path,  # noqa: F811
    out: Path,
    chosen: Options,
    scheduler: str,
) -> None:
    everyone = dict.fromkeys(("sub-01", "sub-02", "sub-03"), True)
    assert made(bids, out, chosen, scheduler) == everyone
    assert made(bids, out, chosen, scheduler) == dict.fromkeys(everyone, False)

    next(out.glob("sub-03/anat/*.nii.gz")).unlink()
    assert made(bids, out, chosen, scheduler) == dict.fromkeys(everyone, False) | {"sub-03": True}

    write_volume(head((14, 16, 18), 1.5, power=0.7), bids / "sub-01/anat/sub-01_T1w.nii.gz")
    assert made(bids, out, chosen, scheduler) == dict.fromkeys(everyone, False) | {"sub-01": True}

    other = replace(chosen, request=chosen.request | {"model": "plain@1.0.1"})
    assert made(bids, out, other, scheduler, labels=("02",)) == {"sub-02": True}
    assert made(bids, out, other, scheduler) == everyone | {"sub-02": False}


def test_a_changed_reference_or_preparation_or_model_is_another_request(
    bids: Path,  # noqa: F811
    matching: Path,  # noqa: F811
    chosen: Options,
) -> None:
    reference = bids.parent / "reference.nii.gz"
    assert options(matching, reference).request == chosen.request
    assert options(matching, reference, seed=1).request != chosen.request
    assert options(matching, reference, preparation=Preparation(n4=True)).request != chosen.request
    write_volume(head((12, 12, 12), 2.0, power=0.6), reference)
    assert options(matching, reference).request != chosen.request


def test_unreadable_and_duplicate_scans_are_reported_and_the_others_go_on(
    bids: Path,  # noqa: F811
    out: Path,
    chosen: Options,
    scheduler: str,
) -> None:
    add_faulty(bids)
    stale = out / "sub-05/anat/sub-05_desc-harmonized_T1w.nii.gz"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of an earlier state of the scan")
    records = {
        record.participant: record for record in harmonize_cohort(bids, out, chosen, scheduler=scheduler)
    }
    assert [record.status for record in records.values()] == ["harmonized"] * 3 + ["duplicate", "failed"]
    assert "sub-01/anat/sub-01_T1w.nii.gz" in records["sub-04"].message
    assert "sub-05_T1w.nii.gz" in records["sub-05"].message and "Traceback" not in records["sub-05"].message
    assert [records[person].exit_code for person in ("sub-03", "sub-04", "sub-05")] == [0, 2, 2]
    assert not list(out.glob("sub-04/**/*.nii.gz"))
    assert not stale.exists()


def test_a_duplicate_of_a_participant_who_is_not_asked_for_is_known(
    bids: Path,  # noqa: F811
    out: Path,
    chosen: Options,
    scheduler: str,
) -> None:
    add_faulty(bids)
    records = harmonize_cohort(bids, out, chosen, scheduler=scheduler, labels=("sub-04",))
    assert [record.status for record in records] == ["duplicate"]


def test_two_files_of_one_name_are_one_scan(bids: Path, out: Path, chosen: Options, scheduler: str) -> None:  # noqa: F811
    first = bids / "sub-01/anat/sub-01_T1w.nii.gz"
    write_volume(read_volume(first), first.with_name("sub-01_T1w.nii"))
    records = harmonize_cohort(bids, out, chosen, scheduler=scheduler, labels=("01",))
    assert sorted(record.status for record in records) == ["duplicate", "harmonized"]


def test_a_lost_worker_loses_nothing(bids: Path, out: Path, chosen: Options) -> None:  # noqa: F811
    big = head((150, 150, 150), 1.5, power=1.0)
    write_volume(big, bids / "sub-01/anat/sub-01_T1w.nii")
    (bids / "sub-01/anat/sub-01_T1w.nii.gz").unlink()
    killed: list[int] = []
    done: list[str] = []

    def kill_the_busy_one(record: Record, is_new: bool) -> None:
        done.append(record.participant)
        client = distributed.Client.current()
        processes = client.run(os.getpid, nanny=False) if not killed else {}
        busy = [address for address, tasks in client.processing().items() if tasks]
        if not killed and len(done) == 2 and busy:
            killed.append(processes[busy[0]])
            os.kill(killed[0], signal.SIGKILL)

    records = harmonize_cohort(bids, out, chosen, workers=2, finished=kill_the_busy_one)
    assert [record.status for record in records] == ["harmonized"] * 3
    assert killed
    assert sorted(done) == ["sub-01", "sub-02", "sub-03"]
    assert all(read_volume(out / record.output).shape for record in records)
    assert not (out / STAGING).exists()


def test_a_scheduler_that_is_not_there_is_named(
    bids: Path,  # noqa: F811
    out: Path,
    chosen: Options,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cohort, "_CONNECTING_S", 0.3)
    with pytest.raises(InputError, match=r"no Dask scheduler at tcp://127\.0\.0\.1:9"):
        harmonize_cohort(bids, out, chosen, scheduler="tcp://127.0.0.1:9")


def test_without_dask_the_extra_is_named(
    bids: Path,  # noqa: F811
    out: Path,
    chosen: Options,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'pip install "mrstyle\[cluster\]"'):
        harmonize_cohort(bids, out, chosen)


def test_scans_and_foreign_derivatives_are_not_written_over(bids: Path, out: Path, chosen: Options) -> None:  # noqa: F811
    with pytest.raises(InputError, match="holds the scans themselves"):
        harmonize_cohort(bids, bids, chosen)
    out.mkdir()
    (out / "dataset_description.json").write_text('{"GeneratedBy": [{"Name": "fMRIPrep"}]}')
    with pytest.raises(InputError, match="holds the work of fMRIPrep"):
        harmonize_cohort(bids, out, chosen)


@pytest.mark.parametrize(
    ("labels", "suffix", "words"),
    [
        (("07", "01"), "T1w", "no participant sub-07"),
        ((), "T2w", "has no T2w images"),
        (("02",), "T2w", "has no T2w images of sub-02"),
    ],
)
def test_what_is_not_in_the_folder_is_named(
    bids: Path,  # noqa: F811
    labels: tuple[str, ...],
    suffix: str,
    words: str,
) -> None:
    with pytest.raises(InputError, match=words):
        find_scans(bids, suffix, labels)


def test_a_folder_that_is_not_bids_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folders sub-"):
        find_scans(tmp_path)
    with pytest.raises(InputError, match="no BIDS folder"):
        find_scans(tmp_path / "gone")


def test_names_keep_their_entities_but_the_description(tmp_path: Path) -> None:
    scan(tmp_path, "sub-x1", power=1.0, seed=1)
    folder = tmp_path / "sub-x1/anat"
    (folder / "sub-x1_T1w.nii.gz").rename(folder / "sub-x1_acq-fast_desc-preproc_T1w.nii.gz")
    assert [each.output for each in find_scans(tmp_path)] == [
        "sub-x1/anat/sub-x1_acq-fast_desc-harmonized_T1w.nii.gz"
    ]


def median(volume: Volume) -> float:
    return float(np.median(volume.array[volume.array > 50]))
