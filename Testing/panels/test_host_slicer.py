"""The Slicer side of the test host: modules, parameter nodes, views, sequences and files behave as Slicer's do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import qt
import slicer
import slicerhost
from host_module import write_modules


@pytest.fixture
def module(scene, tmp_path):
    """The small module, loaded and taken out again."""
    slicer.started = []
    files = write_modules(tmp_path, "HostExample")
    loaded = slicerhost.app.loadModules(files)
    yield loaded[0]
    for name in ("HostExample", "HostExampleHelper"):
        slicerhost.app.unloadModule(name)


@pytest.fixture
def volume(scene):
    return slicer.util.addVolumeFromArray(
        np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6), name="head"
    )


def test_unchanged_module_runs_from_load_to_apply(host, module, volume):
    host.startupCompleted.emit()
    assert "HostExample" in slicer.started  # modules of other tests hear it too
    assert slicer.util.modulePath("HostExample").endswith("HostExample.py")

    slicerhost.app.showModule(module)
    ui = slicer.modules.HostExampleWidget.ui
    assert slicer.util.selectedModule() == "HostExample"
    assert ui.inputSelector.currentNode() is volume
    assert not ui.applyButton.enabled
    result = ui.outputSelector.addNode()
    assert ui.applyButton.enabled
    ui.scaleSlider.value = 3
    ui.applyButton.click()
    assert np.array_equal(slicer.util.arrayFromVolume(result), 3 * slicer.util.arrayFromVolume(volume))


def test_panel_survives_a_closed_scene(host, module, volume):
    slicerhost.app.showModule(module)
    slicer.mrmlScene.Clear(0)
    host.processEvents()
    assert not slicer.modules.HostExampleWidget.ui.applyButton.enabled
    assert slicer.modules.HostExampleWidget.ui.inputSelector.nodeCount() == 0


def test_reload_runs_the_changed_source(host, module, volume):
    slicerhost.app.showModule(module)
    file = Path(module.path)
    file.write_text(
        file.read_text(encoding="utf-8").replace("* factor()", "* factor() + 100"), encoding="utf-8"
    )
    first = slicer.modules.HostExampleWidget
    slicer.util.reloadScriptedModule("HostExample")
    second = slicer.modules.HostExampleWidget
    assert second is not first
    result = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    second.logic.process(volume, result, 0)
    assert (slicer.util.arrayFromVolume(result) == 100).all()
    assert second.ui.applyButton.parent() is not None, "the new panel lies in the old one's place"


def test_hidden_module_is_loaded_but_not_offered(host, module):
    assert slicer.modules.hostexamplehelper.hidden
    selector = slicer.util.moduleSelector()
    combo = selector.findChildren(qt.QComboBox)[0]
    offered = [combo.itemText(index) for index in range(combo.count)]
    assert "Scale volume" in offered and "Helper" not in offered


def test_module_with_a_missing_dependency_does_not_load(scene, tmp_path):
    file = write_modules(tmp_path, "HostLonely")[0]
    source = file.read_text(encoding="utf-8").replace("from hostlonely_helper import factor", "")
    file.write_text(source, encoding="utf-8")
    with pytest.raises(RuntimeError, match="depends on HostLonelyHelper"):
        slicerhost.app.loadModule(file)


def test_module_with_a_broken_file_says_why(scene, tmp_path):
    file = tmp_path / "HostBroken.py"
    file.write_text("import no_such_package\n", encoding="utf-8")
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        slicerhost.app.loadModule(file)
    assert not hasattr(slicer.modules, "hostbroken")


def test_a_misspelled_property_of_the_module_raises(module):
    with pytest.raises(AttributeError):
        module.titel = "Scale"


class TestNodeComboBox:
    @pytest.fixture
    def box(self, scene):
        box = slicer.qMRMLNodeComboBox()
        box.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        box.setMRMLScene(scene)
        return box

    def test_follows_the_scene(self, box, scene):
        assert box.currentNode() is None
        first = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "first")
        second = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "second")
        scene.AddNewNodeByClass("vtkMRMLTableNode", "table")
        assert box.nodeCount() == 2 and box.currentNode() is first
        scene.RemoveNode(first)
        assert box.currentNode() is second

    def test_none_is_chosen_where_it_is_allowed(self, box, scene):
        box.noneEnabled = True
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        assert box.currentNode() is None
        box.setCurrentNode(node)
        scene.RemoveNode(node)
        assert box.currentNode() is None

    def test_attributes_choose_and_mark_nodes(self, box, scene):
        plain = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        box.addAttribute("vtkMRMLScalarVolumeNode", "MRStyle.Model", "brain")
        assert box.nodeCount() == 0
        plain.SetAttribute("MRStyle.Model", "other")
        made = box.addNode()
        assert made.GetAttribute("MRStyle.Model") == "brain"
        assert box.nodeCount() == 1 and box.currentNode() is made

    def test_new_names_and_attributes_are_followed(self, box, scene):
        box.addAttribute("vtkMRMLScalarVolumeNode", "MRStyle.Model")
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "result")
        assert box.nodeCount() == 0
        node.SetAttribute("MRStyle.Model", "brain")
        node.SetName("head (synthetic)")
        assert box.currentNode() is node
        assert box.findChildren(qt.QComboBox)[0].currentText == "head (synthetic)"

    def test_checked_nodes(self, scene):
        box = slicer.qMRMLCheckableNodeComboBox()
        box.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        box.setMRMLScene(scene)
        first, second = (scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name) for name in "ab")
        assert box.noneChecked()
        box.check(second)
        assert box.checkedNodes() == (second,) and box.uncheckedNodes() == (first,)
        scene.RemoveNode(second)
        assert box.noneChecked()

    def test_changes_reach_a_slot_once(self, box, scene):
        heard = []
        box.connect("currentNodeChanged(vtkMRMLNode*)", heard.append)
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        box.setCurrentNode(node)
        assert heard == [node]

    def test_color_tables_are_offered(self, scene):
        box = slicer.qMRMLColorTableComboBox()
        box.setMRMLScene(scene)
        box.setCurrentNode(slicer.util.getNode("FullRainbow"))
        assert box.currentNode().GetName() == "FullRainbow"


def test_subject_hierarchy_has_items_for_nodes(scene, volume):
    hierarchy = scene.GetSubjectHierarchyNode()
    item = hierarchy.GetItemByDataNode(volume)
    assert item and hierarchy.GetItemName(item) == "head"
    subject = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "patient")
    study = hierarchy.CreateStudyItem(subject, "study")
    hierarchy.SetItemParent(item, study)
    other = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(other), hierarchy.GetItemParent(item))
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(other)) == study
    assert hierarchy.GetItemAncestorAtLevel(item, "Patient") == subject
    scene.RemoveNode(volume)
    assert not hierarchy.GetItemDataNode(item)


def test_sequence_browser_shows_each_frame_in_its_proxy(scene):
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "perfusion")
    sequence.SetIndexName("time")
    frame = slicer.vtkMRMLScalarVolumeNode()
    for number in range(3):
        slicer.util.updateVolumeFromArray(frame, np.full((2, 3, 4), number, np.int16))
        sequence.SetDataNodeAtValue(frame, str(number))
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    logic = slicer.modules.sequences.logic()
    logic.UpdateAllProxyNodes()
    proxy = browser.GetProxyNode(sequence)
    assert logic.GetFirstBrowserNodeForProxyNode(proxy) is browser
    browser.SetSelectedItemNumber(2)
    logic.UpdateAllProxyNodes()
    assert (slicer.util.arrayFromVolume(proxy) == 2).all()


class TestFiles:
    @pytest.mark.parametrize("ending", [".nrrd", ".nii", ".nii.gz", ".mha"])
    def test_exported_volume_comes_back(self, scene, volume, tmp_path, ending):
        volume.SetSpacing(1, 2, 3)
        volume.SetOrigin(-4, 5, 6)
        path = tmp_path / f"head{ending}"
        assert slicer.util.exportNode(volume, str(path), {"useCompression": 0})
        assert volume.GetStorageNode() is None, "an export leaves the node's own storage alone"
        back = slicer.util.loadVolume(str(path))
        assert np.array_equal(slicer.util.arrayFromVolume(back), slicer.util.arrayFromVolume(volume))
        assert np.allclose(back.GetSpacing(), (1, 2, 3)) and np.allclose(back.GetOrigin(), (-4, 5, 6))

    def test_export_into_no_folder_fails(self, volume, tmp_path):
        assert not slicer.util.exportNode(volume, str(tmp_path / "none" / "head.nrrd"), {})

    def test_missing_file_raises(self, scene, tmp_path):
        with pytest.raises(RuntimeError, match="does not exist"):
            slicer.util.loadVolume(str(tmp_path / "none.nrrd"))

    @pytest.mark.parametrize("ending", [".mrml", ".mrb"])
    def test_saved_scene_comes_back(self, scene, volume, tmp_path, ending):
        assert slicer.util.saveNode(volume, str(tmp_path / "head.nrrd"))
        assert slicer.util.saveScene(str(tmp_path / f"scene{ending}"))
        scene.Clear(0)
        slicer.util.loadScene(str(tmp_path / f"scene{ending}"))
        assert slicer.util.arrayFromVolume(slicer.util.getNode("head")).shape == (4, 5, 6)
        hierarchy = scene.GetSubjectHierarchyNode()
        assert hierarchy.GetItemByDataNode(slicer.util.getNode("head"))

    def test_sequence_file_comes_back_with_a_browser(self, scene, tmp_path):
        sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "perfusion")
        frame = slicer.vtkMRMLScalarVolumeNode()
        slicer.util.updateVolumeFromArray(frame, np.ones((2, 3, 4), np.int16))
        for number in range(2):
            sequence.SetDataNodeAtValue(frame, str(number))
        assert slicer.util.saveNode(sequence, str(tmp_path / "perfusion.seq.nrrd"))
        scene.Clear(0)
        back = slicer.util.loadSequence(str(tmp_path / "perfusion.seq.nrrd"))
        assert back.GetNumberOfDataNodes() == 2
        browser = slicer.modules.sequences.logic().GetFirstBrowserNodeForSequenceNode(back)
        assert browser.GetProxyNode(back).IsA("vtkMRMLScalarVolumeNode")


def test_calls_that_leave_the_process_are_only_recorded(host):
    from slicerhost import stand_ins

    stand_ins.CALLS.clear()
    slicer.packaging.pip_ensure(["numpy>=1.26"], requester="MRStyle")
    slicer.util.pip_install("pydantic")
    assert [call[0] for call in stand_ins.CALLS] == ["pip_ensure", "pip_install"]
    assert slicer.packaging.pip_check("numpy>=1.26") and not slicer.packaging.pip_check("no-such-package")


def test_python_slicer_starts_this_python(host):
    process = qt.QProcess()
    process.start("PythonSlicer", ["-c", "print(6 * 7)"])
    assert process.waitForFinished(60000)
    assert process.readAllStandardOutput().data().strip() == b"42"


def test_settings_do_not_touch_the_users(host):
    slicer.app.settings().setValue("MRStyle/device", "cpu")
    assert qt.QSettings().value("MRStyle/device") == "cpu"
    assert slicer.app.slicerUserSettingsFilePath.startswith(slicer.app.slicerHome.removesuffix("home"))
