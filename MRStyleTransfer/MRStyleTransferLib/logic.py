"""The run that the module has, if any, whatever panel is shown."""

from __future__ import annotations

import logging
from collections.abc import Callable

from slicer.i18n import tr as _

from MRStyleLib.models import ModelEntry, find_models

from .request import Request
from .run import RunState, TransferRun


class TransferRunner:
    """Owner of at most one run at a time; it watches the scene and cancels the run when that is closed.

    Attributes:
        run: the present or last run; None before the first.
        changed: called after every change of the run.
    """

    def __init__(self, scene) -> None:
        self.run: TransferRun | None = None
        self.changed: Callable[[], None] = lambda: None
        self._scene = scene
        self._tag = scene.AddObserver(scene.StartCloseEvent, self._on_scene_close)

    @property
    def is_busy(self) -> bool:
        """Whether a run is not over."""
        return self.run is not None and not self.run.state.is_over

    def start(self, request: Request) -> TransferRun:
        """Start a run.

        Raises:
            ValueError: the request cannot be done; the message says why.
            RuntimeError: another run is not over.
        """
        if self.is_busy:
            raise RuntimeError(_("A run is in progress; wait for it or cancel it first."))
        if refusal := request.refusal(self._scene):
            raise ValueError(refusal)
        self.run = TransferRun(self._scene, request, changed=lambda: self.changed())
        logging.info("MRStyle: run of %s starts", request.model.name)
        self.run.start()
        return self.run

    def process(self, request: Request):
        """Run and wait; returns the first styled volume.

        Raises:
            ValueError, RuntimeError: see `start`; RuntimeError also when the run fails or is canceled.
        """
        run = self.start(request)
        run.wait()
        if run.state is not RunState.FINISHED:
            raise RuntimeError(run.message)
        return run.results[0]

    def close(self) -> None:
        """Cancel the run, wait for its process to be gone, and leave the scene alone."""
        self.changed = lambda: None
        if self.is_busy:
            self.run.abandon()
        self._scene.RemoveObserver(self._tag)

    def _on_scene_close(self, *_event) -> None:
        if self.is_busy:
            self.run.cancel(_("Canceled, because the scene was closed."))


def find_model(model_id: str) -> ModelEntry:
    """The installed model ``id`` or ``id@version``; without a version, the first one found.

    Raises:
        ValueError: it is not installed.
    """
    for entry in find_models():
        if entry.fault is None and model_id in (entry.id, entry.name):
            return entry
    text = _("There is no model {model_id}; see the list of models in the panel.")
    raise ValueError(text.format(model_id=model_id))
