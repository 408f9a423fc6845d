"""ContrastSynthLogic from a script, and the whole way with the real worker and a small random model."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import synth_panel_helpers as helpers
from synth_panel_helpers import add_scan, choose_source, move, preview_of, wait_for_preview
from transfer_panel_helpers import assert_nothing_left, settle
from worker_helpers import offer_real_worker

from MRStyleLib import settings


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A model folder with small random models."""
    return helpers.real_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def logic(scene, models, tmp_path, monkeypatch):
    """The logic, without a panel, with the real worker."""
    helpers.load_module()
    offer_real_worker(monkeypatch, tmp_path)
    settings.set_model_folder(models)
    from ContrastSynth import ContrastSynthLogic

    yield ContrastSynthLogic()
    settings.set_model_folder(None)


def test_process_returns_the_synthetic_volume_and_its_metrics(logic):
    source = add_scan("MPRAGE", "T1")
    image = logic.process([source], "tiny-crl", preset="FLAIR", device="cpu")
    assert image.GetName().startswith("T1 (synthetic inversion recovery TR 9000")
    assert slicer.modules.volumes.logic().CompareVolumeGeometry(source, image) == ""
    assert image.GetAttribute("MRStyle.Model").startswith("tiny-crl@1.2.3")
    assert np.ptp(slicer.util.arrayFromVolume(image)) > 0
    assert_nothing_left()


def test_process_refuses_bad_input_at_once(logic):
    source = add_scan("MPRAGE", "T1")
    with pytest.raises(ValueError, match="no model"):
        logic.process([source], "nothing", preset="T2w")
    with pytest.raises(ValueError, match="no preset"):
        logic.process([source], "tiny-crl", preset="T9w")
    with pytest.raises(ValueError, match="looks like seconds"):
        logic.process([source], "tiny-crl", family="spin_echo", repetition_time_ms=2.5, echo_time_ms=80)
    with pytest.raises(ValueError, match="overwritten"):
        logic.process([source], "tiny-crl", preset="T2w", output=source)


def test_live_preview_of_a_real_encoding_equals_what_the_worker_writes(logic, models):
    image = logic.process([add_scan("MPRAGE", "T1")], "tiny-relaxometry", preset="T2w", device="cpu")
    panel = helpers.open_panel(models)
    choose_source(panel, slicer.util.getNode("T1"))
    box = panel.ui.presetComboBox
    box.currentIndex = box.findData("PDw")
    wait_for_preview(panel)
    box.currentIndex = box.findData("T2w")
    settle()
    wait_for_preview(panel)
    live, written = (slicer.util.arrayFromVolume(node) for node in (preview_of(panel), image))
    assert np.allclose(live, written, rtol=1e-3, atol=1e-3 * written.max())
    move(panel.ui.echoSlider, 40)
    wait_for_preview(panel)
    assert not np.allclose(live, written, rtol=1e-2)
