"""Apply and Cancel, progress, status, device and log."""

from __future__ import annotations

from importlib import metadata

from slicer.i18n import tr as _

from .scene_run import RunState, SceneRun

_LOG_LINES = 2000
_PROGRESS_STEPS = 1000


class RunSection:
    """Shows a run in the widgets of a panel.

    Args:
        ui: widgets of the .ui file by name.
        what_apply_does: tool tip of the button.
    """

    def __init__(self, ui, what_apply_does: str) -> None:
        self._ui, self._what_apply_does = ui, what_apply_does
        self._run: SceneRun | None = None
        self._logged = 0
        ui.logTextEdit.setMaximumBlockCount(_LOG_LINES)
        ui.deviceLabel.text = torch_text()

    def show(self, run: SceneRun | None, refusal: str | None) -> None:
        """Show a run, which may be over, and why the next one cannot start, if so."""
        is_busy = run is not None and not run.state.is_over
        apply = self._ui.applyButton
        apply.text = _("Cancel") if is_busy else _("Apply")
        if is_busy:
            apply.enabled = run.state is not RunState.CANCELING
            apply.toolTip = _("Stop the run; the scene stays as it is")
        else:
            apply.enabled = refusal is None
            apply.toolTip = refusal or self._what_apply_does
        self._ui.progressBar.visible = is_busy
        if run is not None:
            self._show_progress(run)
            self._show_log(run)
        if is_busy or (run is not None and not self._run_is_shown_over(run)):
            self._ui.statusLabel.text = run.message

    def say(self, text: str) -> None:
        """Show a sentence in place of the run's."""
        self._ui.statusLabel.text = text

    def _run_is_shown_over(self, run: SceneRun) -> bool:
        """Whether the end of this run was shown before; a later sentence of `say` is then left alone."""
        shown, self._over = getattr(self, "_over", None), run
        return shown is run

    def _show_progress(self, run: SceneRun) -> None:
        bar = self._ui.progressBar
        # A maximum of 0 is Qt's way to say "busy, no idea how long".
        bar.maximum = 0 if run.fraction is None else _PROGRESS_STEPS
        if run.fraction is not None:
            bar.value = round(run.fraction * _PROGRESS_STEPS)
            left = _("%p% ({time} left)").format(time=time_text(run.remaining_s))
            bar.format = left if run.remaining_s is not None else "%p%"
        if run.hello is not None:
            self._ui.deviceLabel.text = device_text(run.hello)

    def _show_log(self, run: SceneRun) -> None:
        if run is not self._run:
            self._run, self._logged = run, 0
            self._ui.logTextEdit.clear()
        for line in run.log[self._logged :]:
            self._ui.logTextEdit.appendPlainText(line)
        self._logged = len(run.log)


def time_text(seconds: float | None) -> str:
    """A duration as a person says it."""
    if seconds is None:
        return ""
    if seconds < 90:
        return _("{seconds} s").format(seconds=round(seconds))
    return _("{minutes} min").format(minutes=round(seconds / 60))


def torch_text() -> str:
    """What runs will use, before the first one; torch itself is not loaded here."""
    try:
        return _("Device: known after the first run. torch {version}").format(
            version=metadata.version("torch")
        )
    except metadata.PackageNotFoundError:
        return _("torch is not installed yet; Apply offers to install it.")


def device_text(hello: dict) -> str:
    """What the worker says about its device."""
    text = _("Device: {name} ({device}), torch {torch}").format(
        name=hello["name"], device=hello["device"], torch=hello["torch"]
    )
    if hello.get("vram_free_mb") is not None:
        text += _(", {memory:.1f} GB free").format(memory=hello["vram_free_mb"] / 1024)
    return text
