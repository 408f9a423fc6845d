"""What results are to look like: a site with what the model's card says of it, a reference, or a drawn style."""

from __future__ import annotations

from collections.abc import Callable

from slicer.i18n import tr as _

from MRStyleLib.models import ModelEntry

from .parameters import HarmonizeParameters, TargetChoice
from .request import Target, site_description, sites_of


class TargetSection:
    """Binds the widgets of the target.

    Args:
        ui: widgets of the .ui file by name.
        on_changed: called when the user chooses another site.
    """

    def __init__(self, ui, on_changed: Callable[[], None]) -> None:
        self._ui, self._on_changed = ui, on_changed
        self._parameters: HarmonizeParameters | None = None
        self._model: ModelEntry | None = None
        self._listed: tuple | None = None
        ui.siteComboBox.connect("currentIndexChanged(int)", self._on_site)

    def set_parameters(self, parameters: HarmonizeParameters | None) -> None:
        """Use the parameters of another scene."""
        self._parameters = parameters
        self._listed = None

    def set_model(self, model: ModelEntry | None) -> None:
        """List the sites that a model knows."""
        self._model = model
        if self._parameters is not None:
            self.update()

    @property
    def target(self) -> Target:
        """What is chosen."""
        parameters = self._parameters
        return Target(parameters.target, parameters.site, parameters.reference, parameters.seed)

    def update(self) -> None:
        """Show what belongs to the kind of target that is chosen."""
        kind = self._parameters.target
        self._list_sites(kind)
        has_site = kind in (TargetChoice.SITE, TargetChoice.SAMPLE)
        visible = {
            "siteComboBox": has_site,
            "siteDescriptionLabel": has_site,
            "referenceSelector": kind is TargetChoice.REFERENCE,
            "seedSpinBox": kind is TargetChoice.SAMPLE,
        }
        for name, is_visible in visible.items():
            getattr(self._ui, name).visible = is_visible
            label = getattr(self._ui, f"{name}Label", None)
            if label is not None:
                label.visible = is_visible
        text = site_description(self._model, self._parameters.site)
        self._ui.siteDescriptionLabel.text = text
        self._ui.siteDescriptionLabel.visible = has_site and bool(text)

    def _list_sites(self, kind: TargetChoice) -> None:
        choices = [(site, site) for site in sites_of(self._model)]
        if kind is TargetChoice.SAMPLE:
            choices.insert(0, (_("Any site"), ""))
        sites = [site for _text, site in choices]
        # The site may be that of another model, or of an older scene.
        site = self._parameters.site if self._parameters.site in sites or not sites else sites[0]
        if (sites, site) == self._listed:
            return
        self._listed = (sites, site)
        box = self._ui.siteComboBox
        was_blocked = box.blockSignals(True)
        box.clear()
        for text, each in choices:
            box.addItem(text, each)
        box.currentIndex = sites.index(site) if sites else -1
        box.blockSignals(was_blocked)
        self._parameters.site = site

    def _on_site(self, index: int) -> None:
        if self._parameters is not None and index >= 0:
            self._parameters.site = self._ui.siteComboBox.itemData(index)
            self._on_changed()
