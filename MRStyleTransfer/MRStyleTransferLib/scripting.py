"""What `MRStyleTransferLogic` does, and how the panel shows it: runs that block and show nothing."""

from __future__ import annotations

from slicer.i18n import tr as _

from MRStyleLib.models import ModelEntry, find_model
from MRStyleLib.runner import Runner

from .parameters import EnhancementChoice
from .request import Request, is_dynamic
from .run import TransferRun
from .series_request import SeriesRequest
from .series_run import SeriesRun

_OF_VOLUMES = """import slicer
from MRStyleTransfer import MRStyleTransferLogic
styled = MRStyleTransferLogic().process(
    slicer.util.getNode("Content"), slicer.util.getNode("Style"), "{model}")"""
_OF_SERIES = """import slicer
from MRStyleTransfer import MRStyleTransferLogic
changed = MRStyleTransferLogic().processSeries(
    slicer.util.getNode("Series"), "{model}", "baseline")"""


def make_runner(scene) -> Runner:
    """The owner of the module's runs, of both kinds."""

    def make_run(scene, request, changed) -> TransferRun | SeriesRun:
        kind = SeriesRun if isinstance(request, SeriesRequest) else TransferRun
        return kind(scene, request, changed=changed)

    return Runner(scene, make_run)


def script(model: ModelEntry | None) -> str:
    """How to do from the Python console what the panel does."""
    text = _OF_SERIES if is_dynamic(model) else _OF_VOLUMES
    return text.format(model=model.name if model is not None else "")


def process(runner: Runner, content, style, model_id: str, output, samples: int, device: str):
    """See `MRStyleTransferLogic.process`."""
    return runner.process(Request((content,), style, find_model(model_id), output, samples, device)).results[
        0
    ]


def process_series(
    runner: Runner, content, model_id: str, enhancement: str, like, like_frame: int, device: str
):
    """See `MRStyleTransferLogic.processSeries`."""
    try:
        choice = EnhancementChoice(enhancement)
    except ValueError:
        choices = ", ".join(each.value for each in EnhancementChoice)
        text = _("There is no enhancement {enhancement}; choose one of {choices}.")
        raise ValueError(text.format(enhancement=repr(enhancement), choices=choices)) from None
    request = SeriesRequest(content, choice, find_model(model_id), like, like_frame, device)
    return runner.process(request).results[0]
