"""The list of models with search and card, and the dialogs around installing and citing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from . import models, settings
from .model_description import describe


class ModelSection:
    """Binds the model widgets of a panel.

    Args:
        ui: widgets of the .ui file by name.
        on_changed: called when another model is chosen.
        refusal_of_model: why the panel cannot use a model, as a sentence; None if it can.

    Attributes:
        entry: the chosen model, or None.
    """

    def __init__(
        self,
        ui,
        on_changed: Callable[[], None],
        refusal_of_model: Callable[[models.ModelEntry], str | None],
    ) -> None:
        self.entry: models.ModelEntry | None = None
        self._ui = ui
        self._on_changed, self._refusal_of_model = on_changed, refusal_of_model
        self._entries: list[models.ModelEntry] = []
        ui.modelSearchBox.connect("textChanged(QString)", self._filter)
        ui.modelList.connect("currentRowChanged(int)", self._on_row)
        ui.installModelButton.connect("clicked(bool)", self._install)
        ui.openModelFolderButton.connect("clicked(bool)", self._open_folder)
        ui.changeModelFolderButton.connect("clicked(bool)", self._change_folder)
        ui.citeButton.connect("clicked(bool)", self._cite)

    @property
    def key(self) -> str:
        """id@version of the chosen model, empty if there is none."""
        return self.entry.name if self.entry is not None else ""

    @property
    def is_license_accepted(self) -> bool:
        """Whether the license of the chosen model was accepted before."""
        return self.entry is not None and settings.is_license_accepted(self.key, self.entry.card["license"])

    def refresh(self, key: str) -> None:
        """Read the models anew from their folders and choose one; the first usable one if ``key`` is empty."""
        # Masks and classifiers help in checking; nobody chooses them. What can be chosen comes first: a long list
        # hides it otherwise.
        styles = [entry for entry in models.find_models() if entry.card.get("task", "style") == "style"]
        self._entries = sorted(styles, key=lambda entry: self._refusal_of_model(entry) is not None)
        usable = [entry.name for entry in self._entries if self._refusal_of_model(entry) is None]
        if not key and usable:
            key = usable[0]
        self._fill(key)
        self._ui.modelFolderPathLabel.text = str(settings.model_folder())

    def choose(self, key: str) -> None:
        """Choose the model id@version; one that is not installed leaves none chosen."""
        if key != self.key:
            self._fill(key)

    def accept_license(self) -> bool:
        """Whether the license of the chosen model is accepted; asks the first time."""
        card = self.entry.card
        if self.is_license_accepted:
            return True
        text = _(
            "The model {title} {version} is under the license {license}.\n{note}\n\n"
            "It is for research, not for diagnosis. Do you accept the license?"
        )
        accepted = slicer.util.confirmYesNoDisplay(
            text.format(
                title=self.entry.title,
                version=self.entry.version,
                license=card["license"],
                note=card.get("license_note", ""),
            ),
            _("License of the model"),
        )
        if accepted:
            settings.accept_license(self.key, card["license"])
        return accepted

    def _fill(self, key: str) -> None:
        model_list = self._ui.modelList
        was_blocked = model_list.blockSignals(True)
        model_list.clear()
        chosen = -1
        for row, entry in enumerate(self._entries):
            refusal = self._refusal_of_model(entry)
            model_list.addItem(_item_text(entry, refusal))
            item = model_list.item(row)
            item.setToolTip(refusal or entry.card["description"])
            if refusal:
                item.setFlags(qt.Qt.NoItemFlags)
            elif entry.name == key:
                chosen = row
        model_list.currentRow = chosen
        model_list.blockSignals(was_blocked)
        self._filter(self._ui.modelSearchBox.text)
        self._show(chosen)

    def _on_row(self, row: int) -> None:
        self._show(row)
        self._on_changed()

    def _show(self, row: int) -> None:
        self.entry = self._entries[row] if row >= 0 else None
        self._ui.modelCard.html = describe(self.entry) if self.entry is not None else ""
        self._ui.citeButton.enabled = self.entry is not None

    def _filter(self, text: str) -> None:
        words = text.lower().split()
        for row, entry in enumerate(self._entries):
            searched = f"{entry.id} {entry.title} {entry.card.get('description', '')}".lower()
            self._ui.modelList.item(row).setHidden(not all(word in searched for word in words))

    def _install(self) -> None:
        folder = qt.QFileDialog.getExistingDirectory(
            slicer.util.mainWindow(), _("Folder of the model package, which has a model.json")
        )
        if not folder:
            return
        with slicer.util.tryWithErrorDisplay(_("The model was not installed."), waitCursor=True):
            entry = models.install_model(Path(folder), settings.model_folder())
            self.refresh(entry.name)
            self._on_changed()

    def _open_folder(self) -> None:
        folder = settings.model_folder()
        folder.mkdir(parents=True, exist_ok=True)
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(folder)))

    def _change_folder(self) -> None:
        folder = qt.QFileDialog.getExistingDirectory(
            slicer.util.mainWindow(), _("Folder in which models are kept"), str(settings.model_folder())
        )
        if folder:
            settings.set_model_folder(Path(folder))
            self.refresh(self.key)
            self._on_changed()

    def _cite(self) -> None:
        text = "\n".join((_("MRStyle contributors, MRStyle (2026)."), self.entry.card["citation"]))
        qt.QApplication.clipboard().setText(text)
        shown = _("These references are now in the clipboard:\n\n{text}").format(text=text)
        slicer.util.infoDisplay(shown, _("How to cite"))


def _item_text(entry: models.ModelEntry, refusal: str | None) -> str:
    text = f"{entry.title} {entry.version}"
    return f"{text} - {refusal}" if refusal else text
