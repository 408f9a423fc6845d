"""How a scan was taken, where what is known and what the image looks like do not go together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from synthesis_fixtures import write_scan

from mrstyle.acquisition import Acquisition
from mrstyle.errors import InputError
from mrstyle.presets import preset_acquisition
from mrstyle.synthesis_sources import Source, completed, read_source

LOOK = "It looks like MPRAGE."


def looks_like_mprage(source: Source, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Source:
    """The scan completed by a model that takes everything for an MPRAGE, and keeps no echo time longer than its TR."""
    known = {name: value for name, value in source.acquisition.as_dict().items() if value is not None}
    usual = preset_acquisition("MPRAGE").as_dict()
    if known.get("echo_time_ms", 0) > 1000:
        del known["echo_time_ms"]
    guess = Acquisition(**(usual | known))
    monkeypatch.setattr("mrstyle.estimate.estimate", lambda *_: (guess, LOOK))
    return completed(source, None, may_estimate=True, **options)  # type: ignore[arg-type]


def test_what_is_known_is_kept_and_the_rest_is_estimated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_scan(tmp_path, "MPRAGE", "a", sidecar=False)
    (tmp_path / "a.json").write_text(json.dumps({"EchoTime": 0.004, "MagneticFieldStrength": 1.5}))
    source = looks_like_mprage(read_source(path, repetition_time_ms=2200), monkeypatch)
    assert source.acquisition == Acquisition("mprage", 2200, 4, 900, 9, 1.5)
    assert source.origins == {
        "family": "estimated",
        "repetition_time_ms": "entered",
        "echo_time_ms": "sidecar",
        "inversion_time_ms": "estimated",
        "flip_angle_deg": "estimated",
        "field_strength_t": "sidecar",
    }
    assert LOOK in source.notes


def test_a_value_of_the_file_that_does_not_fit_is_replaced_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_scan(tmp_path, "MPRAGE", "a", sidecar=False)
    (tmp_path / "a.json").write_text(json.dumps({"EchoTime": 1.5}))
    source = looks_like_mprage(read_source(path), monkeypatch)
    assert (source.acquisition.echo_time_ms, source.origins["echo_time_ms"]) == (3, "estimated")
    assert any("its echo time does not go with that and is not used" in note for note in source.notes)


def test_a_value_of_the_user_that_does_not_fit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_scan(tmp_path, "MPRAGE", "a", sidecar=False)
    source = read_source(path, echo_time_ms=1500)
    with pytest.raises(InputError, match=r"a.nii.gz: the echo time that you gave does not fit: .* enter the"):
        looks_like_mprage(source, monkeypatch)


def test_a_complete_scan_is_never_estimated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mrstyle.estimate.estimate", lambda *_: pytest.fail("it has estimated"))
    source = read_source(write_scan(tmp_path, "FLAIR", "a"))
    assert completed(source, None, may_estimate=True) is source  # type: ignore[arg-type]
