"""The MRHarmonize panel as a user has it: the unchanged module in the host, clicks, and a worker that answers at once."""

from __future__ import annotations

import json
import sys

import harmonize_answers as answers
import harmonize_panel_helpers as helpers
import numpy as np
import pytest
import qt
import slicer
from harmonize_panel_helpers import check_volumes, choose_target, harmonize, jobs_seen, states
from transfer_panel_helpers import add_volume, assert_nothing_left, click, settle, wait_for_end, wait_until

from MRStyleLib import layouts


@pytest.fixture
def worker(monkeypatch, tmp_path):
    """The worker that answers at once; the file with its jobs."""
    return helpers.offer_answering_worker(monkeypatch, tmp_path)


@pytest.fixture
def panel(scene, worker):
    """The panel on an empty scene."""
    widget = helpers.open_panel()
    yield widget
    helpers.close_panel(widget)


def test_panel_opens_without_torch(panel):
    assert "torch" not in sys.modules and "pydantic" not in sys.modules


def test_only_models_that_change_looks_are_listed(panel):
    titles = [panel.ui.modelList.item(row).text() for row in range(panel.ui.modelList.count)]
    assert any(title.startswith("Tiny sites") for title in titles)
    assert not any(title.startswith("Tiny classifier") for title in titles)


def test_site_of_the_model_is_chosen_and_described(panel):
    ui = panel.ui
    sites = [ui.siteComboBox.itemText(row) for row in range(ui.siteComboBox.count)]
    assert sites == list(answers.SITES)
    ui.siteComboBox.currentIndex = 1
    settle()
    assert ui.siteDescriptionLabel.text == "A simulated 3 T scanner, MPRAGE at 1 mm."


def test_each_kind_of_target_shows_what_it_needs(panel):
    ui = panel.ui
    shown = {
        kind: [
            name
            for name in ("siteComboBox", "referenceSelector", "seedSpinBox")
            if (choose_target(panel, kind), getattr(ui, name).isVisibleTo(ui.targetCollapsibleButton))[1]
        ]
        for kind in ("SITE", "REFERENCE", "SAMPLE")
    }
    assert shown == {
        "SITE": ["siteComboBox"],
        "REFERENCE": ["referenceSelector"],
        "SAMPLE": ["siteComboBox", "seedSpinBox"],
    }
    assert ui.siteComboBox.itemText(0) == "Any site"


def test_results_are_beside_their_originals(panel, worker):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    first, second = add_volume("T1 first", 1), add_volume("T1 second", 2)
    study = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "Study of May")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(second), study)
    panel.ui.n4CheckBox.checked = True
    panel.ui.brainComboBox.currentIndex = 1
    results = harmonize(panel, first, second)
    assert [node.GetName() for node in results] == [
        "T1 first (harmonized, sim-1.5T-spgr)",
        "T1 second (harmonized, sim-1.5T-spgr)",
    ]
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(results[1])) == study
    np.testing.assert_allclose(
        slicer.util.arrayFromVolume(results[0]), answers.GAIN * slicer.util.arrayFromVolume(first), rtol=1e-5
    )
    assert slicer.modules.volumes.logic().CompareVolumeGeometry(first, results[0]) == ""
    assert json.loads(results[0].GetAttribute("MRStyle.History"))["preparation"]["n4"] is True
    (job,) = jobs_seen(worker)
    assert job["target"] == {"site": "sim-1.5T-spgr"}
    assert job["preparation"] == {"n4": True, "conform": False, "brain": "extract"}
    assert_nothing_left()


def test_table_follows_the_run_and_its_rows_lead_to_results(panel):
    results = harmonize(panel, add_volume("T1 first", 1), add_volume("T1 second", 2))
    assert states(panel) == ["Done", "Done"]
    assert panel.ui.resultSelector.currentNode() is results[0]
    assert layouts.is_shown(slicer.mrmlScene)
    panel.ui.inputTable.cellClicked.emit(1, 0)
    settle()
    assert panel.ui.resultSelector.currentNode() is results[1]


def test_reference_and_sample_reach_the_worker(panel, worker):
    reference = add_volume("Scan of the site", 7)
    choose_target(panel, "REFERENCE")
    panel.ui.referenceSelector.setCurrentNode(reference)
    (result,) = harmonize(panel, add_volume("T1", 1))
    assert result.GetName() == "T1 (harmonized, as Scan of the site)"
    choose_target(panel, "SAMPLE")
    panel.ui.siteComboBox.currentIndex = 0
    panel.ui.seedSpinBox.value = 12
    harmonize(panel)
    jobs = jobs_seen(worker)
    assert jobs[0]["target"]["reference"].endswith("Scan-of-the-site.nrrd")
    assert jobs[1]["target"] == {"sample": 12, "site": None} and jobs[1]["seed"] == 12


def test_folder_of_the_scene_is_added_whole(panel):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "Patient A")
    inner = hierarchy.CreateFolderItem(folder, "Visit 2")
    outside = add_volume("Outside", 1)
    for name, place in (("One", folder), ("Two", inner)):
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(add_volume(name, 2)), place)
    panel.enter()
    box = panel.ui.folderComboBox
    assert [box.itemText(row) for row in range(box.count)] == [
        "Patient A (2 volumes)",
        "Visit 2 (1 volumes)",
    ]
    click(panel.ui.addFolderButton)
    names = [panel.ui.inputTable.item(row, 0).text() for row in range(panel.ui.inputTable.rowCount)]
    assert sorted(names) == ["One", "Two"] and outside.GetName() not in names


def test_directory_of_files_is_harmonized_and_loaded(panel, worker, tmp_path, monkeypatch):
    directory = tmp_path / "Zentrum Süd"
    (directory / "sub-02").mkdir(parents=True)
    for name in ("sub-01_T1w.nii.gz", "sub-02/sub-02_T1w.nrrd"):
        node = add_volume("saved", 3)
        slicer.util.saveNode(node, str(directory / name))
        slicer.mrmlScene.RemoveNode(node)
    (directory / "notes.txt").write_text("no volume")
    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *_arguments: str(directory))
    click(panel.ui.addDirectoryButton)
    wait_until(lambda: panel.ui.inputTable.rowCount == 2, "the files", timeout_s=10)
    results = harmonize(panel)
    names = ["sub-01_T1w", "sub-02_T1w"]
    assert [result.GetName() for result in results] == [
        f"{name} (harmonized, sim-1.5T-spgr)" for name in names
    ]
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    for result, name, folder in zip(results, names, ("Zentrum Süd", "sub-02"), strict=True):
        original = slicer.util.getNode(name)
        for node in (result, original):
            parent = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node))
            assert hierarchy.GetItemName(parent) == folder
        assert original.GetStorageNode().GetFileName().startswith(str(directory))
        np.testing.assert_allclose(
            slicer.util.arrayFromVolume(result),
            answers.GAIN * slicer.util.arrayFromVolume(original),
            rtol=1e-5,
        )
    # The worker reads the files themselves, with what lies beside them.
    assert jobs_seen(worker)[0]["cases"][0]["volume"] == str(directory / "sub-01_T1w.nii.gz")


def test_volumes_are_taken_off_the_table(panel):
    check_volumes(panel, add_volume("One", 1), add_volume("Two", 2))
    panel.ui.inputTable.selectRow(0)
    click(panel.ui.removeInputsButton)
    assert [node.GetName() for node in panel.ui.volumesSelector.checkedNodes()] == ["Two"]
    panel.ui.inputTable.clearSelection()
    click(panel.ui.removeInputsButton)
    assert panel.ui.inputTable.rowCount == 0 and not panel.ui.applyButton.enabled


def test_flicker_is_judged_at_once(panel):
    harmonize(panel, add_volume("T1", 1))
    text = panel.ui.summaryLabel.text
    assert "<b>1.020</b>" in text and "at most 1.1" in text
    assert text.count("not checked") == 3 and "Not everything was checked" in text


def test_all_results_are_checked_at_once(panel, worker):
    harmonize(panel, add_volume("T1 first", 1), add_volume("T1 second", 2))
    panel.ui.checkThicknessCheckBox.checked = False
    settle()
    click(panel.ui.checkAllButton)
    wait_for_end(panel)
    (_harmonize, job) = jobs_seen(worker)
    assert job["task"] == "sites" and len(job["cases"]) == 4
    for row in (0, 1):
        panel.ui.inputTable.cellClicked.emit(row, 0)
        settle()
        assert "0.97 \u2192 0.12" in panel.ui.summaryLabel.text  # the target is the first site here
