"""The digital kidneys of Sample Data: what they are, and that they can be used as they come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import slicer
import transfer_panel_helpers as helpers
from mrml_helpers import affine_of
from series_panel_helpers import model_folder, panel  # noqa: F401

from mrstyle.physics.dce_phantom import Protocol, dce_phantom
from MRStyleLib.sequences import find_browser, time_axis

RESOURCES = helpers.MODULE.parent / "Resources"
TIMES_S = np.arange(0, 180, 5.0)


def test_the_series_is_made_by_code(scene):
    """Seed 7, with 150 as the 99.5th percentile of the body before the bolus."""
    helpers.load_module()
    from MRStyleTransferLib.sample_data import load_kidney

    proxy = load_kidney(RESOURCES)
    assert proxy.GetName() == "MRStyleKidneyDCE"
    assert (RESOURCES / "SampleData" / "MRStyleKidneyDCE.seq.nrrd").stat().st_size < 1_500_000
    sequence = find_browser(scene, proxy)[1]
    axis = time_axis(sequence)
    assert axis.is_time
    np.testing.assert_allclose(axis.values, TIMES_S)
    body = dce_phantom("kidney", 7)
    truth = np.round(150 * body.series(Protocol(TIMES_S, breathing_mm=4.0)).frames)
    frames = [slicer.util.arrayFromVolume(sequence.GetNthDataNode(number)) for number in range(len(TIMES_S))]
    # Another library may round the last digit otherwise.
    assert np.abs(np.stack(frames) - truth).max() <= 1
    np.testing.assert_allclose(affine_of(sequence.GetNthDataNode(0)), body.affine, atol=1e-3)


def test_it_is_listed_in_sample_data_and_can_be_used_at_once(panel):  # noqa: F811
    import SampleData
    from MRStyleTransferLib.sample_data import register_sample_data

    register_sample_data(RESOURCES)
    source = SampleData.SampleDataLogic.sources[-1]
    assert source["sampleName"] == "MRStyleKidneyDCE"
    assert Path(source["thumbnailFileName"]).is_file()
    panel.ui.contentSelector.setCurrentNode(source["customDownloader"](source)[0])
    helpers.settle()
    assert panel.ui.applyButton.enabled, panel.ui.applyButton.toolTip
