"""The presets look like the contrasts that they are named after."""

from __future__ import annotations

import numpy as np
import pytest

from mrstyle.acquisition import entered, missing, required
from mrstyle.errors import InputError
from mrstyle.physics.signal import inversion_recovery, nulling_inversion_time_ms, signal
from mrstyle.physics.tissues import TISSUES
from mrstyle.presets import PRESETS, preset_acquisition

NAMES = ["T1w", "T1-FLAIR", "MPRAGE", "SPGR", "PDw", "T2w", "FLAIR", "STIR", "bSSFP"]


def rendered(name: str, field_t: float) -> dict[str, float]:
    """Signal of some tissues."""
    tissues = ("csf", "gray_matter", "white_matter", "fat", "lesion")
    acquisition = preset_acquisition(name, field_t)
    return {tissue: float(signal(*TISSUES[tissue].at(field_t), acquisition)) for tissue in tissues}


def test_names_in_their_order() -> None:
    assert list(PRESETS) == NAMES
    assert all(PRESETS[name].name == name and PRESETS[name].title for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("field_t", [1.5, 3.0])
def test_presets_are_complete_and_could_be_typed(name: str, field_t: float) -> None:
    acquisition = preset_acquisition(name, field_t)
    assert missing(acquisition) == () and acquisition.field_strength_t == field_t
    assert acquisition.family is not None
    values = {each: getattr(acquisition, each) for each in required(acquisition.family)}
    assert entered(acquisition.family, **values, field_strength_t=field_t) == acquisition
    assert PRESETS[name].acquisitions[field_t] == acquisition


@pytest.mark.parametrize("field_t", [1.5, 3.0])
def test_contrasts(field_t: float) -> None:
    for name in ("T1w", "T1-FLAIR", "MPRAGE", "SPGR"):
        image = rendered(name, field_t)
        assert image["fat"] > image["white_matter"] > image["gray_matter"] > image["csf"], name
    t2w, flair = rendered("T2w", field_t), rendered("FLAIR", field_t)
    assert t2w["csf"] > t2w["lesion"] > t2w["gray_matter"] > t2w["white_matter"]
    assert flair["lesion"] > flair["gray_matter"] > flair["white_matter"] > flair["csf"]
    pdw = rendered("PDw", field_t)
    assert pdw["gray_matter"] > pdw["white_matter"]
    assert max(pdw["gray_matter"], pdw["csf"]) < 1.5 * min(pdw["gray_matter"], pdw["csf"])
    bssfp = rendered("bSSFP", field_t)
    assert bssfp["csf"] > bssfp["fat"] > max(bssfp["gray_matter"], bssfp["white_matter"])


@pytest.mark.parametrize(("name", "nulled"), [("T1-FLAIR", "csf"), ("FLAIR", "csf"), ("STIR", "fat")])
@pytest.mark.parametrize("field_t", [1.5, 3.0])
def test_nulled_tissue_vanishes(name: str, nulled: str, field_t: float) -> None:
    image = rendered(name, field_t)
    assert image[nulled] < 0.02 * image["gray_matter"]


def test_the_nearer_field_with_the_field_asked_for() -> None:
    low, high = preset_acquisition("FLAIR", 1.0), preset_acquisition("FLAIR", 7.0)
    assert (low.field_strength_t, high.field_strength_t) == (1.0, 7.0)
    assert low.inversion_time_ms == preset_acquisition("FLAIR", 1.5).inversion_time_ms
    assert high.inversion_time_ms == preset_acquisition("FLAIR").inversion_time_ms
    assert low.inversion_time_ms != high.inversion_time_ms


def test_names_in_any_case_and_unknown_names() -> None:
    assert preset_acquisition(" t2W") == preset_acquisition("T2w")
    with pytest.raises(InputError, match="no preset 'SWI'; choose one of T1w, T1-FLAIR, MPRAGE"):
        preset_acquisition("SWI")
    with pytest.raises(InputError, match="field strength"):
        preset_acquisition("T2w", -3.0)


def test_inversion_times_of_the_source() -> None:
    # Xiong et al., table 1: T1-FLAIR of TR 2479 and TI 1055 ms, of a short train.
    assert nulling_inversion_time_ms(4200, 2479, 9.62) == pytest.approx(1055, rel=0.01)
    assert nulling_inversion_time_ms(4200, 1e6, 0.0) == pytest.approx(4200 * np.log(2))


@pytest.mark.parametrize("t1_ms", [290.0, 1500.0, 4200.0])
def test_null_without_a_train_is_that_of_the_signal_equation(t1_ms: float) -> None:
    null_ms = nulling_inversion_time_ms(t1_ms, 6000.0)
    times = {"repetition_time_ms": 6000.0, "echo_time_ms": 10.0, "inversion_time_ms": null_ms}
    assert inversion_recovery(1.0, t1_ms, 100.0, **times) == pytest.approx(0, abs=1e-12)
