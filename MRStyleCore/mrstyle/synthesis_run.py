"""What the command and the worker do alike: encode the scans, draw the targets, keep where values came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .acquisition import Acquisition
from .encoding import Encoding
from .engine.report import Progress
from .errors import InputError
from .history import History
from .models.catalogue import find
from .models.package import Package, load_package
from .patients import patients_note
from .result import Result
from .synthesis_sources import Source, with_origins
from .synthesize import drawn_from, encode, synthesize
from .volume import Volume, read_volume


@dataclass(frozen=True)
class Drawn:
    """One result a target, in their order, and what they were drawn from where that was to be kept."""

    results: list[Result]
    encoding: Encoding | None
    notes: list[str]


def synthesis_model(name: str) -> Package:
    """The model of that name.

    Raises:
        PackageError: there is none, or it is damaged.
        InputError: it does not take sequence parameters.
    """
    model = load_package(find(name))
    if "acquisition" not in model.card.target_kinds:
        raise InputError(
            f"The model {model.card.id} takes as target {', '.join(model.card.target_kinds)}, not sequence parameters; "
            "choose contrast-relaxometry, or another one whose target is acquisition."
        )
    return model


def draw(
    sources: Sequence[Source],
    model: Package,
    targets: Sequence[Acquisition],
    *,
    keep_encoding: bool = False,
    samples: int = 1,
    device: str = "auto",
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Drawn:
    """`synthesize` or, where the encoding is kept, `encode` and what follows from that.

    Raises:
        InputError: see `synthesize` and `encode`.
        Cancelled: ``cancel`` said so.
    """
    volumes = [source.volume for source in sources]
    encoding, results = None, []
    if keep_encoding:
        encoding = encode(volumes, model, device=device, progress=progress, cancel=cancel)
        encoding = _with_origins(encoding, sources)
        results = [drawn_from(encoding, volumes[0], target) for target in targets]
    elif targets:
        options: dict[str, Any] = {"samples": samples, "device": device, "seed": seed}
        results = synthesize(volumes, model, targets, progress=progress, cancel=cancel, **options)
    results = [replace(result, history=with_origins(result.history, sources)) for result in results]
    note = patients_note([source.path for source in sources])
    notes = [*(note for source in sources for note in source.notes), *([note] if note else [])]
    notes += encoding.history.get("notes", []) if encoding is not None else []
    notes += [note for result in results for note in result.notes]
    return Drawn(results, encoding, list(dict.fromkeys(notes)))


def _with_origins(encoding: Encoding, sources: Sequence[Source]) -> Encoding:
    history = with_origins(_history(encoding), sources).to_dict() | {"notes": encoding.history["notes"]}
    return replace(encoding, origins=tuple(source.origins for source in sources), history=history)


def _history(encoding: Encoding) -> History:
    return History.from_dict({name: value for name, value in encoding.history.items() if name != "notes"})


def read_reference(path: Path, sources: Sequence[Source]) -> Volume:
    """The true image of a target.

    Raises:
        InputError: it is not usable or not on the grid of the sources.
    """
    reference = read_volume(path)
    if not reference.has_grid_of(sources[0].volume):
        raise InputError(
            f"The reference {path} is not on the grid of {sources[0].path.name}; register and resample it to that first."
        )
    return reference
