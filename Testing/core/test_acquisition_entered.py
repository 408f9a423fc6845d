"""Sequence parameters that people type: what is needed, what is refused, what is offered instead."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mrstyle.acquisition import FAMILIES, Acquisition, entered, missing, required
from mrstyle.errors import InputError
from mrstyle.physics.signal import signal

TYPED: dict[str, dict[str, float]] = {
    "spin_echo": {"repetition_time_ms": 5000, "echo_time_ms": 100},
    "inversion_recovery": {"repetition_time_ms": 9000, "echo_time_ms": 120, "inversion_time_ms": 2500},
    "spoiled_gradient_echo": {"repetition_time_ms": 18, "echo_time_ms": 5, "flip_angle_deg": 30},
    "mprage": {"repetition_time_ms": 2300, "echo_time_ms": 3, "inversion_time_ms": 900, "flip_angle_deg": 9},
    "bssfp": {"repetition_time_ms": 3.2, "echo_time_ms": 1.6, "flip_angle_deg": 60},
}


def test_an_acquisition_is_a_target() -> None:
    assert Acquisition.kind == "acquisition"
    assert "kind" not in Acquisition().as_dict()


@pytest.mark.parametrize("family", FAMILIES)
def test_required_is_what_the_signal_equation_needs(family: str) -> None:
    assert required(family) == tuple(TYPED[family])
    complete = entered(family, **TYPED[family])
    assert missing(complete) == ()
    assert signal(1.0, 900.0, 80.0, complete) > 0
    for name in required(family):
        values = {key: value for key, value in TYPED[family].items() if key != name}
        assert missing(Acquisition(family, **values)) == (name,)
        with pytest.raises(InputError):
            signal(1.0, 900.0, 80.0, Acquisition(family, **values))


def test_without_a_family_that_is_missing_first() -> None:
    assert missing(Acquisition(echo_time_ms=80)) == ("family", "repetition_time_ms")
    for call in (required, entered):
        with pytest.raises(InputError, match="Unknown sequence family 'tse'; choose one of spin_echo"):
            call("tse")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("value", [0, -3, math.nan, math.inf])
def test_values_that_are_not_above_zero(family: str, value: float) -> None:
    for name in required(family):
        label = name.rsplit("_", 1)[0].replace("_", " ")
        with pytest.raises(InputError, match=f"The {label} {value:g} (ms|deg) is not above zero"):
            entered(family, **TYPED[family] | {name: value})
    with pytest.raises(InputError, match=f"field strength {value:g} T"):
        entered(family, **TYPED[family], field_strength_t=value)


@pytest.mark.parametrize("family", FAMILIES)
def test_seconds_are_noticed_and_milliseconds_offered(family: str) -> None:
    for name in required(family):
        if name.endswith("_ms"):
            label = name.removesuffix("_ms").replace("_", " ")
            value_ms = TYPED[family][name]
            sentence = f"The {label} {value_ms / 1000:g} ms looks like seconds; enter {value_ms:g}."
            with pytest.raises(InputError) as caught:
                entered(family, **TYPED[family] | {name: value_ms / 1000})
            assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("family", "typed", "words"),
    [
        ("spin_echo", {"repetition_time_ms": 500}, "needs the echo time; enter it"),
        ("mprage", {"repetition_time_ms": 2300, "echo_time_ms": 3}, "the inversion time and the flip angle"),
        (
            "spin_echo",
            TYPED["inversion_recovery"],
            "2500 ms does not go with spin_echo, which has no inversion",
        ),
        ("bssfp", TYPED["mprage"], "leave it out, or choose inversion_recovery or mprage"),
        (
            "spin_echo",
            {"repetition_time_ms": 100, "echo_time_ms": 100},
            "not shorter than the repetition time",
        ),
        ("spin_echo", {"repetition_time_ms": 500, "echo_time_ms": 2500}, "not between 0.005 and 2000 ms"),
        (
            "inversion_recovery",
            {"repetition_time_ms": 1500, "echo_time_ms": 9, "inversion_time_ms": 2500},
            "inversion time 2500 ms is not shorter",
        ),
        (
            "mprage",
            TYPED["mprage"] | {"repetition_time_ms": 6.5},
            "between the excitations .* often 1800 to 2500",
        ),
        ("bssfp", TYPED["bssfp"] | {"flip_angle_deg": 400}, "flip angle 400 deg is not between 0.01 and 360"),
        (
            "spin_echo",
            TYPED["spin_echo"] | {"field_strength_t": 3000},
            "field strength 3000 T is not between",
        ),
    ],
)
def test_values_that_do_not_go_together(family: str, typed: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        entered(family, **typed)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message


def test_what_is_typed_is_kept() -> None:
    assert entered("mprage", **TYPED["mprage"], field_strength_t=1.5) == Acquisition(
        "mprage", 2300, 3, 900, 9, 1.5
    )
    # A flip angle of a spin echo is of no use to its equation, and no mistake.
    assert entered("spin_echo", **TYPED["spin_echo"], flip_angle_deg=150).flip_angle_deg == 150
