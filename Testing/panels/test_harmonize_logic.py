"""MRHarmonizeLogic from a script, with a real worker: it blocks, shows nothing, and raises."""

from __future__ import annotations

import harmonize_panel_helpers as helpers
import numpy as np
import pytest
import slicer
from transfer_panel_helpers import add_volume, assert_nothing_left

from MRStyleLib import settings


@pytest.fixture
def logic(scene):
    """The logic, without a panel."""
    helpers.load_module()
    settings.set_model_folder(helpers.tiny_models())
    from MRHarmonize import MRHarmonizeLogic

    yield MRHarmonizeLogic()
    settings.set_model_folder(None)


def test_process_gives_volumes_the_look_of_a_reference(logic):
    volumes = [add_volume("One", 1), add_volume("Two", 2)]
    reference = add_volume("Site", 3, scale=900.0)
    results = logic.process(volumes, "histogram-matching", reference=reference, device="cpu")
    wanted = np.percentile(slicer.util.arrayFromVolume(reference), 99)
    for volume, result in zip(volumes, results, strict=True):
        assert slicer.modules.volumes.logic().CompareVolumeGeometry(volume, result) == ""
        assert np.percentile(slicer.util.arrayFromVolume(result), 99) == pytest.approx(wanted, rel=0.1)
        assert result.GetAttribute("MRStyle.Model").startswith("histogram-matching@1.0.0")
    assert_nothing_left()


def test_process_refuses_bad_input_at_once(logic):
    volume = add_volume("One", 1)
    with pytest.raises(ValueError, match="Add volumes"):
        logic.process([], "tiny-sites", site=helpers.SITE)
    with pytest.raises(
        ValueError, match=r"does not know the site Mars; it knows sim-1\.5T-spgr, sim-3T-mprage"
    ):
        logic.process([volume], "tiny-sites", site="Mars")
    with pytest.raises(ValueError, match="does not take this kind"):
        logic.process([volume], "histogram-matching", site="Mars")
    with pytest.raises(ValueError, match="one target"):
        logic.process([volume], "tiny-sites")
    with pytest.raises(ValueError, match="one target"):
        logic.process([volume], "tiny-sites", reference=volume, seed=1)
    with pytest.raises(ValueError, match="Unknown preparation skull"):
        logic.process([volume], "tiny-sites", site=helpers.SITE, preparation={"skull": True})
    with pytest.raises(ValueError, match="Harmonize a volume first"):
        logic.check([])
    with pytest.raises(ValueError, match="original of One is gone"):
        logic.check([volume])


def test_check_returns_what_it_finds(logic, monkeypatch, tmp_path):
    helpers.offer_answering_worker(monkeypatch, tmp_path)
    results = logic.process([add_volume("One", 1)], "tiny-sites", site=helpers.SITE)
    (findings,) = logic.check(results, sites=False)
    assert findings.thickness.mean_absolute_difference_mm == pytest.approx(0.04)
    assert findings.sites_after is None and findings.target_site == helpers.SITE
