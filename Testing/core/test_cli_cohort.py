"""``mrstyle cohort`` as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_fixtures import Run, assert_refused
from cohort_fixtures import add_faulty, bids, matching  # noqa: F401

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """A Dask scheduler whose one worker is a thread of this process."""
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster.scheduler_address


def test_a_cohort_is_harmonized_and_reported(
    mrstyle: Callable[..., Run],
    bids: Path,  # noqa: F811
    matching: Path,  # noqa: F811
    scheduler: str,
) -> None:
    add_faulty(bids)
    out = bids.parent / "out"
    common = ("cohort", bids, out)
    target = ("--reference", bids.parent / "reference.nii.gz", "--model", matching, "--device", "cpu")
    run = mrstyle(*common, "participant", *target, "--scheduler", scheduler)
    assert run.code == 2
    assert "5 scans: 3 harmonized, 1 duplicate, 1 failed in" in run.out
    assert "sub-04/anat/sub-04_T1w.nii.gz: It is the same image as sub-01" in run.err
    assert "sub-05_T1w.nii.gz" in run.err and "Traceback" not in run.err

    again = mrstyle(*common, "participant", *target, "--participant-label", "01", "--json")
    assert again.code == 0, again.err
    told = json.loads(again.out)
    assert told["done_before"] == 1
    assert [Path(each["output"]).is_file() for each in told["scans"]] == [True]

    group = mrstyle(*common, "group")
    assert group.code == 0, group.err
    assert "5 scans: 3 harmonized" in group.out
    assert (out / "harmonization.html").is_file()
    assert len((out / "harmonization.tsv").read_text().splitlines()) == 6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("participant",), "give one of --site, --reference and --sample"),
        (("participant", "--site", "north"), "takes a target of kind reference, not site"),
        (("participant", "--reference", "gone.nii.gz"), "gone.nii.gz"),
        (("participant", "--reference", "gone.nii.gz", "--participant-label", "77"), "no participant sub-77"),
        (("group",), "run the level participant first"),
    ],
)
def test_what_cannot_be_done_is_refused(
    mrstyle: Callable[..., Run],
    bids: Path,  # noqa: F811
    matching: Path,  # noqa: F811
    arguments: tuple[str, ...],
    words: str,
) -> None:
    out = bids.parent / "out"
    assert_refused(mrstyle("cohort", bids, out, *arguments, "--model", matching), words)
    assert not out.exists()
