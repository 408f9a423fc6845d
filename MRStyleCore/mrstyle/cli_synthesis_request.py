"""What a user asks of ``mrstyle synthesize``: options put in order, and refused where they do not go together."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from .acquisition import FAMILIES, Acquisition, entered, required
from .errors import InputError
from .files import suffix_of
from .outputs import uncertainty_path
from .presets import PRESETS, preset_acquisition
from .synthesis_sources import DEFAULT_FIELD_T, inferred_family

SOURCE_OPTIONS = {
    "family": "--source-family",
    "repetition_time_ms": "--source-tr",
    "echo_time_ms": "--source-te",
    "inversion_time_ms": "--source-ti",
    "flip_angle_deg": "--source-flip",
    "field_strength_t": "--source-field",
    "preset": "--source-preset",
}
_PLACEHOLDER = "{preset}"

Family = Enum("Family", {name: name for name in FAMILIES}, type=str)  # type: ignore[misc]


class Target(NamedTuple):
    """An image to make; ``preset`` is None where only times were given."""

    preset: str | None
    output: Path
    uncertainty: Path | None


def plan_targets(output: Path, presets: list[str], maps: Path | None, samples: int) -> list[Target]:
    """What is made, and where it goes.

    Raises:
        InputError: a preset is unknown, or several do not fit into one file.
    """
    for preset in presets:
        preset_acquisition(preset)
    asked = {preset.strip().casefold() for preset in presets}
    names: list[str | None] = [name for name in PRESETS if name.casefold() in asked]
    targets = []
    for name in names or [None]:
        path = _path(output, name, several=len(names) > 1)
        uncertainty: Path | None = uncertainty_path(path)
        if samples == 1:
            uncertainty = None if maps is None else maps / uncertainty_path(path).name
        targets.append(Target(name, path, uncertainty))
    return targets


def _path(output: Path, name: str | None, several: bool) -> Path:
    if _PLACEHOLDER in output.name and name is not None:
        return output.with_name(output.name.replace(_PLACEHOLDER, name))
    if name is None or not (several or output.is_dir()):
        return output
    from .volume_files import SUFFIXES

    if output.is_file() or suffix_of(output) in SUFFIXES:
        raise InputError(
            f"Several presets do not fit into the one file {output}; name a folder, or put {_PLACEHOLDER} into the name."
        )
    return output / f"{name}.nii.gz"


def check_request(
    targets: list[Target], times: dict[str, float], family: str | None, reference: Path | None
) -> None:
    """Refuse options that do not go together.

    Raises:
        InputError: which ones, and what to give instead.
    """
    if len(targets) > 1 and (times or family):
        raise InputError("Times and --family describe one target; give them with one --preset, or with none.")
    if len(targets) > 1 and reference is not None:
        raise InputError("A --reference is the true image of one target; give one --preset with it, or none.")
    if targets[0].preset is None and not {"repetition_time_ms", "echo_time_ms"} <= times.keys():
        options = {"repetition_time_ms": "--tr", "echo_time_ms": "--te"}
        lacking = [option for name, option in options.items() if name not in times]
        raise InputError(
            f"The wanted sequence lacks {' and '.join(lacking)}; give it in ms, or name a --preset such as T2w."
        )


def for_each(sources: list[Path], **options: Sequence[Any] | None) -> list[dict[str, Any]]:
    """What was said about each scan, of options that were given once for all or once for each.

    Raises:
        InputError: an option was given another number of times.
    """
    said: list[dict[str, Any]] = [{} for _ in sources]
    for name, values in options.items():
        if not values:
            continue
        if len(values) not in (1, len(sources)):
            option = SOURCE_OPTIONS[name]
            raise InputError(
                f"{option} was given {len(values)} times for {len(sources)} scans; give it once for all, or once for each."
            )
        for index, each in enumerate(said):
            each[name] = values[0] if len(values) == 1 else values[index]
    return said


def target_acquisition(
    target: Target, times: dict[str, float], family: str | None, field_strength_t: float | None
) -> Acquisition:
    """The target's parameters: those of its preset, changed by what was typed.

    Raises:
        InputError: they are not complete or not possible.
    """
    field_t = DEFAULT_FIELD_T if field_strength_t is None else field_strength_t
    usual: dict[str, Any] = {}
    if target.preset is not None:
        usual = preset_acquisition(target.preset, field_t).as_dict()
    name = family or usual.get("family") or inferred_family(times)
    values = {each: usual[each] for each in required(name) if usual.get(each) is not None}
    return entered(name, **(values | times), field_strength_t=field_t)
