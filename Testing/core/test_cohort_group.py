"""The group level: table and report from the records of scans."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from classifier_fixtures import save_classifier, write_head
from cohort_fixtures import add_faulty, bids, matching, options  # noqa: F401

from mrstyle import cohort_scan
from mrstyle.cohort_bids import find_scans, start_derivatives
from mrstyle.cohort_group import read_cohort, write_report, write_table
from mrstyle.cohort_scan import failed, harmonize_scan
from mrstyle.errors import InputError
from mrstyle.models.package import load_package
from mrstyle.qa.cohort_report import site_distance

CLASSES = ("north", "south")


@pytest.fixture
def out(bids: Path, matching: Path) -> Path:  # noqa: F811
    """Derivatives of the first two of three scans, and the record of a scan that failed."""
    add_faulty(bids)
    out = bids.parent / "out"
    start_derivatives(out, bids)
    chosen = options(matching, bids.parent / "reference.nii.gz")
    scans = find_scans(bids)
    for scan in scans[:2]:
        assert harmonize_scan(scan, chosen, out).status == "harmonized"
    failed(scans[4], chosen, "It was <cut> off.", 2).write(scans[4], out)
    return out


def rows(out: Path, bids: Path) -> list[dict[str, str]]:  # noqa: F811
    path = write_table(read_cohort(bids, out, "T1w"), out)
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def change_record(out: Path, name: str, **changes: Any) -> None:
    path = out / "records" / f"{name}_T1w.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_the_table_has_a_row_for_each_scan(bids: Path, out: Path) -> None:  # noqa: F811
    table = rows(out, bids)
    assert [row["status"] for row in table] == ["harmonized", "harmonized", "not done", "not done", "failed"]
    assert [row["site"] for row in table] == ["north", "north", "south", "unknown", "unknown"]
    assert [row["session_id"] for row in table[:2]] == ["n/a", "ses-b"]
    assert (out / table[0]["output"]).is_file()
    assert float(table[0]["flicker_ratio"]) > 0
    assert table[0]["model"] == "plain@1.0.0" and table[0]["target"] == "the reference reference"
    assert table[4]["message"] == "It was <cut> off."
    described = json.loads((out / "harmonization.json").read_text())
    assert list(described) == list(table[0])


def test_a_site_that_no_table_tells_is_named_by_its_scanner(bids: Path, out: Path) -> None:  # noqa: F811
    (bids / "participants.tsv").unlink()
    assert [row["site"] for row in rows(out, bids)[:3]] == ["Maker"] * 3


def test_the_report_is_one_page_that_needs_nothing_else(bids: Path, out: Path) -> None:  # noqa: F811
    page = write_report(read_cohort(bids, out, "T1w"), out).read_text()
    assert "Harmonization of bids" in page
    assert "2 harmonized" in page and "1 failed" in page
    assert "It was &lt;cut&gt; off." in page
    assert len(re.findall(r'<img class="wide" src="data:image/png', page)) == 2
    assert "Site classifier" not in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_the_report_warns_of_mixed_models_and_of_flicker(bids: Path, out: Path) -> None:  # noqa: F811
    record = json.loads((out / "records/sub-01_T1w.json").read_text())
    change_record(out, "sub-01", request=record["request"] | {"model": "plain@2.0.0"}, flicker_ratio=1.4)
    change_record(out, "sub-02_ses-b", flicker_ratio=1.0)
    page = write_report(read_cohort(bids, out, "T1w"), out).read_text()
    assert "harmonized in 2 ways" in page
    assert "1 scan with a flicker ratio above 1.1" in page


def test_site_probabilities_are_shown_where_a_classifier_told_them(bids: Path, out: Path) -> None:  # noqa: F811
    sure, unsure = dict(zip(CLASSES, (0.9, 0.1), strict=True)), dict(zip(CLASSES, (0.4, 0.6), strict=True))
    for name in ("sub-01", "sub-02_ses-b"):
        change_record(out, name, sites={"before": sure, "after": unsure})
    cohort = read_cohort(bids, out, "T1w")
    page = write_report(cohort, out).read_text()
    assert "north (2 of 2)" in page and "south (2 of 2)" in page
    assert "Probabilities of sites" in page
    assert [row["looks_like_after"] for row in rows(out, bids)[:2]] == ["south", "south"]


def test_the_classifier_is_asked_about_each_scan_before_and_after(
    bids: Path,  # noqa: F811
    matching: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    classifier = load_package(save_classifier(bids.parent / "classifier"))
    monkeypatch.setattr(cohort_scan, "_classifier", lambda: classifier)
    reference = write_head(bids.parent / "reference.nii.gz", "quiet", seed=5)
    for site in ("quiet", "noisy"):
        folder = bids / f"sub-{site}" / "anat"
        folder.mkdir(parents=True)
        write_head(folder / f"sub-{site}_T1w.nii.gz", site)
    out = bids.parent / "out"
    start_derivatives(out, bids)
    for scan in find_scans(bids, labels=("quiet", "noisy")):
        record = harmonize_scan(scan, options(matching, reference), out)
        before = record.sites["before"]
        assert f"sub-{max(before, key=lambda site: before[site])}" == scan.participant
        assert sum(record.sites["after"].values()) == pytest.approx(1, abs=1e-3)


def test_a_group_without_records_is_refused(bids: Path) -> None:  # noqa: F811
    with pytest.raises(InputError, match="run the level participant first"):
        read_cohort(bids, bids.parent / "nothing", "T1w")


def test_a_damaged_record_counts_as_not_done(bids: Path, out: Path) -> None:  # noqa: F811
    (out / "records/sub-01_T1w.json").write_text('{"status": "harmon')
    assert rows(out, bids)[0]["status"] == "not done"


def test_the_distance_of_sites_is_how_far_intensities_are_moved() -> None:
    own, others = np.zeros(90), np.zeros(90)
    own[20], others[30] = 3.0, 1.0
    assert site_distance(own, others) == pytest.approx(10 * 1.35 / 90)
    assert site_distance(own, own) == 0
