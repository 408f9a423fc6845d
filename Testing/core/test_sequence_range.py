"""What a model saw in training: on its card, in the list of models, and as a warning for what it never saw."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from cli_fixtures import Run

from mrstyle.acquisition import FAMILIES, Acquisition
from mrstyle.errors import PackageError
from mrstyle.models.card import json_schema, load_card
from mrstyle.sequence_range import Family, SequenceRange, outside

T2W = SequenceRange("T2w", "spin_echo", (2500, 9000), (70, 130))
PDW = SequenceRange("PDw", "spin_echo", (2000, 6000), (8, 40))
MPRAGE = SequenceRange("MPRAGE", "mprage", (1600, 2700), (2, 5), (750, 1150), (7, 12))
SEEN = (T2W, PDW, MPRAGE)


def spin_echo(repetition_time_ms: float | None, echo_time_ms: float | None) -> Acquisition:
    return Acquisition(family="spin_echo", repetition_time_ms=repetition_time_ms, echo_time_ms=echo_time_ms)


@pytest.mark.parametrize(
    "acquisition",
    [
        spin_echo(5000, 100),
        spin_echo(3000, 20),
        spin_echo(9000 * 1.2, 70 * 0.8),  # as far as the tolerance goes
        spin_echo(5000, None),
        spin_echo(None, None),
        Acquisition(repetition_time_ms=1.0),  # of no known family
        Acquisition("mprage", 2300, 3, 900, 9, field_strength_t=7.0, contrast_agent=True),
    ],
)
def test_nothing_is_said_about_what_was_seen(acquisition: Acquisition) -> None:
    assert outside(acquisition, SEEN) is None


@pytest.mark.parametrize(
    ("acquisition", "said"),
    [
        (spin_echo(5000, 250), "The echo time 250 ms is outside of what the model saw in training: T2w, the nearest, "
         "had 70 to 130 ms; judge the image with care."),
        (spin_echo(5000, 2), "PDw, the nearest, had 8 to 40 ms"),
        (spin_echo(400, 15), "The repetition time 400 ms is outside of what the model saw in training: PDw"),
        (Acquisition("mprage", 2300, 3, 900, 60), "The flip angle 60 deg is outside"),
        (Acquisition("bssfp", 5, 2, None, 40), "saw no bssfp sequence in training, only T2w, PDw, MPRAGE;"),
    ],
)  # fmt: skip
def test_what_was_never_seen_is_named_with_the_nearest_that_was(acquisition: Acquisition, said: str) -> None:
    sentence = outside(acquisition, SEEN)
    assert sentence is not None
    assert said in sentence
    assert sentence.endswith(".")


def test_between_two_kinds_is_outside_of_both() -> None:
    """Each parameter alone was seen, the two together were not."""
    assert "echo time 55 ms" in str(outside(spin_echo(7500, 55), (T2W, PDW)))


def test_a_model_that_lists_nothing_warns_of_nothing() -> None:
    assert outside(spin_echo(100, 50), ()) is None


def test_ranges_survive_json() -> None:
    assert (
        tuple(SequenceRange(**data) for data in json.loads(json.dumps([r.as_dict() for r in SEEN]))) == SEEN
    )


@pytest.mark.parametrize("limits", [(9000, 2500), (0, 10), (5,), (1, float("inf")), None])
def test_an_impossible_range_is_refused(limits: Any) -> None:
    with pytest.raises(ValueError, match="echo_time_ms of T2w must be two positive numbers"):
        SequenceRange("T2w", "spin_echo", (2500, 9000), limits)


def test_the_families_are_those_of_acquisitions() -> None:
    assert get_args(Family) == FAMILIES


def test_panels_can_use_it_without_torch_and_pydicom() -> None:
    code = "import sys, mrstyle.sequence_range; assert not sys.modules.keys() & {'torch', 'pydicom', 'numpy'}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# On the card


def card_with(network: Path, tmp_path: Path, **changes: Any) -> Path:
    """A folder with the card of a small model, changed; the package of that model stays as it is."""
    folder = tmp_path / "models" / "synthesis"
    folder.mkdir(parents=True)
    card = json.loads((network / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(card | changes))
    return folder


def test_a_card_lists_what_the_model_saw(network: Path, tmp_path: Path) -> None:
    sequences = [each.as_dict() for each in SEEN]
    folder = card_with(network, tmp_path, target_kinds=["acquisition"], sequences=sequences)
    assert load_card(folder).sequences == SEEN
    assert json.loads(load_card(folder).to_json())["sequences"] == json.loads(json.dumps(sequences))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"target_kinds": ["acquisition"]}, "sequences are listed where target_kinds has 'acquisition'"),
        ({"sequences": [T2W.as_dict() | {"echo_time_ms": [130, 70]}]}, "sequences.0: echo_time_ms of T2w must be"),
        ({"sequences": [T2W.as_dict() | {"family": "epi"}]}, "sequences.0.family: "),
        ({"sequences": [T2W.as_dict() | {"matrix": 256}]}, "sequences.0.matrix: "),
        ({"sequences": [{"name": "T2w", "family": "spin_echo"}]}, "sequences.0.repetition_time_ms: "),
    ],
)  # fmt: skip
def test_a_card_that_says_it_wrongly_is_refused(
    network: Path, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(PackageError) as caught:
        load_card(card_with(network, tmp_path, **changes))
    assert said in str(caught.value)


def test_the_schema_tells_other_programs_what_a_range_is() -> None:
    schema = json_schema()
    assert schema["properties"]["sequences"]["items"] == {"$ref": "#/$defs/SequenceRange"}
    definition = schema["$defs"]["SequenceRange"]
    assert definition["additionalProperties"] is False
    assert set(definition["required"]) == {"name", "family", "repetition_time_ms", "echo_time_ms"}
    assert definition["properties"]["family"]["enum"] == list(FAMILIES)


def test_the_list_of_models_tells_what_was_seen(
    mrstyle: Callable[..., Run], network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequences = [each.as_dict() for each in SEEN]
    folder = card_with(network, tmp_path, target_kinds=["acquisition"], sequences=sequences)
    monkeypatch.setenv("MRSTYLE_MODELS", str(folder.parent))
    text = " ".join(mrstyle("models").out.split())
    assert "T2w (spin echo, TR 2500 to 9000 ms, TE 70 to 130 ms)" in text
    assert "TI 750 to 1150 ms, flip angle 7 to 12 deg)" in text
    models = json.loads(mrstyle("models", "--json").out)["models"]
    (card,) = (each["card"] for each in models if each["card"]["id"] == "tiny")
    assert card["sequences"][0]["repetition_time_ms"] == [2500, 9000]
