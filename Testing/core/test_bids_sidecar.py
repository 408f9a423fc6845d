"""How an acquisition is written into a sidecar: in the units of BIDS, and so that it reads back as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mrstyle.acquisition import FAMILIES, Acquisition, from_bids
from mrstyle.bids_sidecar import FAMILY_KEYS, to_bids
from mrstyle.presets import PRESETS, preset_acquisition


@pytest.mark.parametrize("field_strength_t", [1.5, 3.0, 7.0])
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_reads_back(name: str, field_strength_t: float) -> None:
    acquisition = preset_acquisition(name, field_strength_t)
    assert from_bids(to_bids(acquisition)) == acquisition


@pytest.mark.parametrize("agent", [True, False, None])
def test_a_contrast_agent_reads_back(agent: bool | None) -> None:
    acquisition = replace(preset_acquisition("T1w"), contrast_agent=agent)
    assert from_bids(to_bids(acquisition)).contrast_agent is agent


def test_times_are_in_seconds_and_without_noise() -> None:
    keys = to_bids(Acquisition("spin_echo", 2300.0, 2.98, field_strength_t=3.0))
    assert (keys["RepetitionTime"], keys["EchoTime"], keys["MagneticFieldStrength"]) == (2.3, 0.00298, 3.0)
    assert "InversionTime" not in keys and "FlipAngle" not in keys


def test_what_is_unknown_is_left_out() -> None:
    assert to_bids(Acquisition()) == {}
    assert set(FAMILY_KEYS) == set(FAMILIES)
