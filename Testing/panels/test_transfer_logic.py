"""MRStyleTransferLogic from a script: it blocks, shows nothing, and raises."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import transfer_panel_helpers as helpers
from transfer_panel_helpers import add_volume


@pytest.fixture
def logic(scene):
    """The logic, without a panel."""
    helpers.load_module()
    from MRStyleTransfer import MRStyleTransferLogic

    return MRStyleTransferLogic()


def test_process_returns_the_styled_volume(logic):
    content, style = add_volume("T1", 1), add_volume("T2", 2, scale=900.0)
    styled = logic.process(content, style, "histogram-matching", device="cpu")
    assert styled.GetName() == "T1 (synthetic)"
    assert slicer.modules.volumes.logic().CompareVolumeGeometry(content, styled) == ""
    before, after, wanted = (slicer.util.arrayFromVolume(node) for node in (content, styled, style))
    assert abs(np.median(after) - np.median(wanted)) < abs(np.median(before) - np.median(wanted))
    helpers.assert_nothing_left()


def test_process_refuses_bad_input_at_once(logic):
    content, style = add_volume("T1", 1), add_volume("T2", 2)
    with pytest.raises(ValueError, match="no model"):
        logic.process(content, style, "nothing")
    with pytest.raises(ValueError, match="both content and style"):
        logic.process(content, content, "histogram-matching")
    with pytest.raises(ValueError, match="Choose the style"):
        logic.process(content, None, "histogram-matching")
    with pytest.raises(ValueError, match="overwritten"):
        logic.process(content, style, "histogram-matching", output=style)
    with pytest.raises(ValueError, match="Samples"):
        logic.process(content, style, "histogram-matching", samples=0)
    assert helpers.run_folders() == []


def test_process_raises_what_the_worker_says(logic):
    content, style = add_volume("Tiny", 1, size=4), add_volume("T2", 2)
    with pytest.raises(RuntimeError, match="voxels"):
        logic.process(content, style, "histogram-matching")
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 2
    helpers.assert_nothing_left()
