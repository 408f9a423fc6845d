"""The models of the MRStyleTransfer panel: search, card, license, and one that a user brings along."""

from __future__ import annotations

import json
import shutil

import pytest
import qt
import slicer
import transfer_panel_helpers as helpers
from transfer_panel_helpers import add_volume, choose, click, settle, wait_for_end

from MRStyleLib import settings
from MRStyleLib.models import bundled_models_folder


@pytest.fixture
def panel(scene):
    """The panel with a chosen pair and a model without weights."""
    widget = helpers.open_panel()
    widget.ui.modelSearchBox.text = ""
    choose(widget, add_volume("T1 patient", 1), add_volume("T2 patient", 2, scale=900.0))
    yield widget
    widget.logic.runner.run and widget.logic.runner.run.cancel()
    wait_for_end(widget)


def test_search_lists_only_models_with_the_words(panel):
    panel.ui.modelSearchBox.text = "LANDMARK nyúl"
    rows = [panel.ui.modelList.item(row) for row in range(panel.ui.modelList.count)]
    assert [item.text() for item in rows if not item.isHidden()] == ["Nyúl landmarks 1.0.0"]


def test_card_of_the_model_is_shown(panel):
    assert "Apache-2.0" in panel.ui.modelCard.plainText


def test_installed_model_is_listed_chosen_and_usable(panel, tmp_path, monkeypatch):
    source = tmp_path / "vom Kollegen"
    shutil.copytree(bundled_models_folder() / "histogram-matching", source)
    card = json.loads((source / "model.json").read_text(encoding="utf-8"))
    (source / "model.json").write_text(json.dumps(card | {"version": "7.7.7"}), encoding="utf-8")
    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *_arguments: str(source))
    settings.accept_license("histogram-matching@7.7.7", card["license"])
    folder = settings.model_folder()
    settings.set_model_folder(tmp_path / "models")
    try:
        panel.ui.advancedCollapsibleButton.collapsed = False
        settle()
        click(panel.ui.installModelButton)
        shutil.rmtree(source)
        assert panel.ui.modelList.currentItem().text() == "Histogram matching 7.7.7"
        assert "histogram-matching@7.7.7" in panel.ui.modelCard.plainText
        click(panel.ui.applyButton)
        wait_for_end(panel)
        styled = helpers.run_of(panel).results[0]
        assert styled.GetAttribute("MRStyle.Model").startswith("histogram-matching@7.7.7")
    finally:
        settings.set_model_folder(folder)


def test_license_is_asked_once(panel, monkeypatch):
    answers = []

    def answer(text, *_arguments, **_named):
        answers.append(text)
        return len(answers) > 1

    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", answer)
    helpers.choose_model(panel, "nyul@1.0.0")
    click(panel.ui.applyButton)
    assert not panel.logic.runner.is_busy
    assert "not accepted" in panel.ui.statusLabel.text
    assert "Apache-2.0" in answers[0]
    for _run in range(2):
        click(panel.ui.applyButton)
        wait_for_end(panel)
    assert len(answers) == 2
