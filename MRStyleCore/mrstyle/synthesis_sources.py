"""The scans that a synthesis starts from, and how each was taken: as its file says, as the user says, or estimated.

What the user says counts most; what neither says can be estimated from the image. Where each value came from is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .acquisition import Acquisition, entered, label, missing, required
from .acquisition_origin import read_acquisition
from .errors import InputError
from .presets import preset_acquisition

if TYPE_CHECKING:
    from .history import History
    from .models.package import Package
    from .volume import Volume

DEFAULT_FIELD_T = 3.0


@dataclass(frozen=True)
class Source:
    """A scan; its volume carries the acquisition. ``origins`` are by field: "DICOM", "sidecar", "entered", …"""

    path: Path
    volume: Volume
    origins: dict[str, str]
    notes: tuple[str, ...] = ()

    @property
    def acquisition(self) -> Acquisition:
        """What is known of how it was taken."""
        return self.volume.acquisition or Acquisition()

    def as_dict(self) -> dict[str, Any]:
        """Plain data for other programs."""
        return {
            "volume": str(self.path),
            "acquisition": self.acquisition.as_dict(),
            "origins": dict(self.origins),
        }


def read_source(path: Path, *, preset: str | None = None, **said: Any) -> Source:
    """Read a scan and how it was taken.

    Args:
        path: as `volume.read_volume` takes it.
        preset: name of a preset that the user says the scan was taken with.
        said: fields of `Acquisition` that the user gives; they replace those of the file and of the preset.

    Raises:
        InputError: the file is no usable MR volume, or a value is not possible.
    """
    from .volume import read_volume

    reading = read_acquisition(path)
    acquisition, origins = reading.acquisition, dict[str, str](reading.origins)
    volume = read_volume(path)
    try:
        if preset is not None:
            read_t = acquisition.field_strength_t
            field_t = said.get("field_strength_t") or read_t or DEFAULT_FIELD_T
            acquisition = preset_acquisition(preset, field_t)
            kept = {"field_strength_t": origins["field_strength_t"]} if read_t else {}
            origins = _known_as(acquisition, "preset") | kept
        if said:
            acquisition, origins = _corrected(acquisition, origins, said)
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from error
    # That nothing is known at all, the estimate or the error says better.
    notes = reading.notes if origins and missing(acquisition) else ()
    return Source(path, replace(volume, acquisition=acquisition), origins, notes)


def given_source(path: Path, acquisition: Acquisition) -> Source:
    """Read a scan of which somebody else says how it was taken.

    Raises:
        InputError: the file is no usable volume.
    """
    from .volume import read_volume

    return Source(
        path, replace(read_volume(path), acquisition=acquisition), _known_as(acquisition, "entered")
    )


def completed(
    source: Source, model: Package, *, may_estimate: bool, options: Mapping[str, str] | None = None
) -> Source:
    """The scan with all that its signal equation needs; what is open is estimated from the image, and a note says so.

    Args:
        source: the scan.
        model: what estimates.
        may_estimate: False makes a missing value an error.
        options: by field, what the message of that error tells the user to give.

    Raises:
        InputError: a value is missing and may not be, or cannot be, estimated; or what the user said contradicts the estimate.
    """
    lacking = missing(source.acquisition)
    if not lacking:
        return source
    what = " and the ".join(map(label, lacking))
    give = f"give {' and '.join(options[name] for name in lacking)}" if options else f"enter the {what}"
    if not may_estimate:
        raise InputError(
            f"{source.path.name}: the {what} {'is' if len(lacking) == 1 else 'are'} not known; {give}, or let the image tell "
            f"({'without --no-estimate' if options else 'estimate'})."
        )
    from .estimate import estimate

    acquisition, sentence = estimate(source.volume, model)
    origins, dropped = dict(source.origins), []
    for name, value in source.acquisition.as_dict().items():
        if getattr(acquisition, name) != value:
            origins[name] = "estimated"
            dropped += [] if value is None else [name]
    if contradicting := [label(name) for name in dropped if source.origins.get(name) == "entered"]:
        raise InputError(
            f"{source.path.name}: the {' and the '.join(contradicting)} that you gave does not fit: {sentence} To be sure, "
            f"{give}, too."
        )
    notes = [sentence]
    notes += [
        f"{source.path.name}: its {label(name)} does not go with that and is not used." for name in dropped
    ]
    volume = replace(source.volume, acquisition=acquisition)
    return Source(source.path, volume, origins, (*source.notes, *notes))


def inferred_family(values: Mapping[str, Any]) -> str:
    """The family that typed parameters mean: inversion and flip angle MPRAGE, inversion alone inversion recovery, flip angle
    alone a spoiled gradient echo, neither a spin echo.
    """
    inverted, flips = (values.get(name) is not None for name in ("inversion_time_ms", "flip_angle_deg"))
    if inverted:
        return "mprage" if flips else "inversion_recovery"
    return "spoiled_gradient_echo" if flips else "spin_echo"


def with_origins(history: History, sources: Sequence[Source]) -> History:
    """The history with where each source's parameters came from."""
    first, *others = (dict(source.origins) for source in sources)
    content = history.content | {"origins": first}
    if others:
        records = zip(history.content.get("others", []), others, strict=True)
        content["others"] = [record | {"origins": each} for record, each in records]
    return replace(history, content=content)


def _corrected(
    acquisition: Acquisition, origins: dict[str, str], said: dict[str, Any]
) -> tuple[Acquisition, dict[str, str]]:
    """What the user says over what is known."""
    known = {name: value for name, value in acquisition.as_dict().items() if value is not None}
    typed = {"repetition_time_ms", "echo_time_ms"} <= said.keys()
    if typed and "family" not in known | said:
        said = said | {"family": inferred_family(known | said)}
    if "family" in said:
        # What another family needs may be left over from the file.
        unused = {"inversion_time_ms", "flip_angle_deg"} - {*required(said["family"])}
        known = {name: value for name, value in known.items() if name not in unused}
    origins = {name: origin for name, origin in origins.items() if name in known}
    return _checked(known | said), origins | dict.fromkeys(said, "entered")


def _checked(values: dict[str, Any]) -> Acquisition:
    """Refuses what `acquisition.entered` does, such as seconds typed for milliseconds, where all is there to be judged."""
    family = values.get("family")
    if family is None or any(name not in values for name in required(family)):
        return Acquisition(**values)
    agent = values.get("contrast_agent")
    typed = {name: value for name, value in values.items() if name != "contrast_agent"}
    return replace(entered(**typed), contrast_agent=agent)


def _known_as(acquisition: Acquisition, origin: str) -> dict[str, str]:
    return {name: origin for name, value in acquisition.as_dict().items() if value is not None}
