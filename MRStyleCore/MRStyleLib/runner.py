"""The run that a module has, if any, whatever panel is shown."""

from __future__ import annotations

import logging
from collections.abc import Callable

from slicer.i18n import tr as _

from .scene_run import RunState, SceneRun


class Runner:
    """Owner of at most one run at a time; it watches the scene and cancels the run when that is closed.

    Args:
        scene: the scene of the volumes.
        make_run: the kind of run, made from (scene, request, changed).

    Attributes:
        run: the present or last run; None before the first.
        changed: called after every change of the run.
    """

    def __init__(self, scene, make_run: Callable[..., SceneRun]) -> None:
        self.run: SceneRun | None = None
        self.changed: Callable[[], None] = lambda: None
        self._scene, self._make_run = scene, make_run
        self._tag = scene.AddObserver(scene.StartCloseEvent, self._on_scene_close)

    @property
    def is_busy(self) -> bool:
        """Whether a run is not over."""
        return self.run is not None and not self.run.state.is_over

    def start(self, request) -> SceneRun:
        """Start a run.

        Raises:
            ValueError: the request cannot be done; the message says why.
            RuntimeError: another run is not over.
        """
        if self.is_busy:
            raise RuntimeError(_("A run is in progress; wait for it or cancel it first."))
        if refusal := request.refusal(self._scene):
            raise ValueError(refusal)
        self.run = self._make_run(self._scene, request, changed=lambda: self.changed())
        logging.info("MRStyle: a %s starts", type(self.run).__name__)
        self.run.start()
        return self.run

    def process(self, request) -> SceneRun:
        """Run and wait; returns the run, which has finished.

        Raises:
            ValueError, RuntimeError: see `start`; RuntimeError also when the run fails or is canceled.
        """
        run = self.start(request)
        run.wait()
        if run.state is not RunState.FINISHED:
            raise RuntimeError(run.message)
        return run

    def close(self) -> None:
        """Cancel the run, wait for its process to be gone, and leave the scene alone."""
        self.changed = lambda: None
        if self.is_busy:
            self.run.abandon()
        self._scene.RemoveObserver(self._tag)

    def _on_scene_close(self, *_event) -> None:
        if self.is_busy:
            self.run.cancel(_("Canceled, because the scene was closed."))
