"""What a script needs: the runner, and a request from plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mrstyle.acquisition import entered
from mrstyle.errors import InputError
from mrstyle.presets import preset_acquisition
from MRStyleLib.models import find_model
from MRStyleLib.runner import Runner

from .acquisitions import of_volume
from .request import Request
from .run import SynthesisRun


def make_runner(scene) -> Runner:
    """The owner of the module's run."""
    return Runner(scene, SynthesisRun)


def make_request(
    sources: Sequence[Any],
    model_id: str,
    preset: str | None,
    output,
    device: str,
    sequence: Mapping[str, Any],
) -> Request:
    """See `ContrastSynthLogic.process`.

    Raises:
        ValueError: the model is not installed, or the target is not possible.
    """
    known = tuple(of_volume(node) for node in sources)
    try:
        target = preset_acquisition(preset, **sequence) if preset else entered(**sequence)
    except (InputError, TypeError) as error:
        raise ValueError(str(error)) from error
    estimate = any(each.missing() for each in known)
    return Request(
        tuple(sources), known, find_model(model_id), target, estimate, output=output, device=device
    )
