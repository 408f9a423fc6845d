"""The section "Train a model", worked with as a user does; the trainer is a stand-in that writes the same files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import qt
import slicer
import slicerhost
from train_helpers import ROOT, FakeTrainer, Mounted, drawn, end_all, forget_settings
from transfer_panel_helpers import add_volume, click, load_with_core, settle, wait_until

from MRStyleLib import install, models, train_section
from MRStyleLib.train_run import TrainingState


@pytest.fixture
def trainer(scene, monkeypatch, tmp_path: Path):
    yield FakeTrainer(monkeypatch, tmp_path)
    end_all()
    forget_settings()


@pytest.fixture
def mounted(trainer: FakeTrainer, scene):
    trainer.offer("quick")
    trainer.offer("slow", steps=400, pause_s=0.05)
    trainer.offer("deaf", steps=400, pause_s=0.05, is_deaf=True)
    trainer.offer("sites", data="sites", pause_s=0.2)
    trainer.offer("aligned", data="aligned")
    trainer.offer("series", data="dce_series")
    trainer.offer("maps", data="label_maps")
    section = Mounted(scene)
    section.wait_for_recipes()
    yield section
    section.close()


def bids(folder: Path, subjects: int, *, with_table: bool = True) -> Path:
    for number in range(1, subjects + 1):
        (folder / f"sub-{number:02d}" / "anat").mkdir(parents=True)
    if with_table:
        (folder / "participants.tsv").write_text("participant_id\tsite\nsub-01\ta\n")
    return folder


def config_of(mounted: Mounted) -> dict:
    return json.loads((mounted.shown.run / "config.json").read_text(encoding="utf-8"))


def test_nothing_is_started_before_it_is_expanded(trainer: FakeTrainer, scene, monkeypatch) -> None:
    monkeypatch.setattr(train_section.RecipeQuery, "start", lambda _query: pytest.fail("asked"))
    nodes = scene.GetNumberOfNodes()
    import ctk

    button = ctk.ctkCollapsibleButton()
    button.setLayout(qt.QVBoxLayout(button))
    button.collapsed = True
    section = train_section.TrainSection(button, scene, lambda: None)
    settle(0.05)
    assert scene.GetNumberOfNodes() == nodes
    section.close()


def test_recipes_that_a_panel_has_data_for_are_offered(mounted: Mounted) -> None:
    box = mounted.ui.recipeComboBox
    assert [box.itemText(row) for row in range(box.count)] == [
        "Recipe quick",
        "Recipe slow",
        "Recipe deaf",
        "Recipe sites",
        "Recipe aligned",
        "Recipe series",
    ]
    assert mounted.ui.minutesSpinBox.value == 7
    assert not mounted.ui.trainingBox.visible


def test_a_training_from_click_to_model(mounted: Mounted) -> None:
    ui = mounted.ui
    ui.titleLineEdit.text = "Ours, 3 T"
    click(ui.startTrainingButton)
    mounted.wait_for(TrainingState.FINISHED)
    assert mounted.trained == 1
    assert models.find_model("ours-3-t").title == "Ours, 3 T"
    assert "ours-3-t-0.1.0 is in the list of models" in ui.trainingStateLabel.text
    assert ui.trainingComboBox.currentText.startswith("Ours, 3 T (20")
    assert not ui.resumeTrainingButton.enabled
    assert not ui.stopTrainingButton.enabled
    series = [line.name for line in drawn()]
    assert series == ["l1", "cycle"]
    ui.curveComboBox.currentIndex = ui.curveComboBox.findText("Score on held-out data")
    settle()
    (score,) = drawn()
    assert (list(score.x), list(score.y)) == ([2, 4, 6], [22, 24, 26])
    assert "Step 6" in ui.sampleNoteLabel.text
    newest = ui.sampleLabel.pixmap.toImage()
    ui.sampleSlider.value = 0
    settle()
    assert "Step 2" in ui.sampleNoteLabel.text
    assert ui.sampleLabel.pixmap.toImage() != newest


def test_stop_and_resume(mounted: Mounted) -> None:
    ui = mounted.ui
    mounted.choose("Recipe slow")
    click(ui.startTrainingButton)
    mounted.wait_for(TrainingState.RUNNING)
    wait_until(lambda: ui.trainingProgressBar.value > 0, "progress")
    assert "left" in ui.trainingProgressBar.format
    assert not ui.removeTrainingButton.enabled
    click(ui.stopTrainingButton)
    mounted.wait_for(TrainingState.STOPPED)
    assert ui.trainingStateLabel.text.startswith("Stopped. Step ")
    click(ui.resumeTrainingButton)
    mounted.wait_for(TrainingState.RUNNING)
    click(ui.stopTrainingButton)
    mounted.wait_for(TrainingState.STOPPED)


def test_a_trainer_that_does_not_stop_is_ended_when_the_user_agrees(mounted: Mounted, monkeypatch) -> None:
    ui, answers = mounted.ui, [False, True, True]
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: answers.pop(0))
    mounted.choose("Recipe deaf")
    click(ui.startTrainingButton)
    mounted.wait_for(TrainingState.RUNNING)
    click(ui.stopTrainingButton)
    assert ui.stopTrainingButton.text == "End now"
    click(ui.stopTrainingButton)
    assert mounted.shown.state is TrainingState.STOPPING
    click(ui.stopTrainingButton)
    mounted.wait_for(TrainingState.STOPPED)
    assert "last checkpoint" in ui.trainingStateLabel.text
    folder = mounted.shown.folder
    click(ui.removeTrainingButton)
    assert not folder.exists()
    assert not ui.trainingBox.visible


def test_a_training_that_is_stopped_while_it_starts(mounted: Mounted) -> None:
    mounted.choose("Recipe slow")
    click(mounted.ui.startTrainingButton)
    mounted.wait_for(TrainingState.STARTING)
    click(mounted.ui.stopTrainingButton)
    assert mounted.shown.state is TrainingState.STOPPED
    settle(1.0)
    mounted.section.refresh()
    assert mounted.ui.trainingStateLabel.text == "Stopped."
    assert not mounted.ui.resumeTrainingButton.enabled


def test_a_panel_that_is_opened_later_finds_the_training(mounted: Mounted, scene) -> None:
    mounted.choose("Recipe slow")
    click(mounted.ui.startTrainingButton)
    mounted.wait_for(TrainingState.RUNNING)
    mounted.close()
    again = Mounted(scene)
    again.wait_for(TrainingState.RUNNING)
    wait_until(lambda: len(drawn()) == 2, "the curves")
    click(again.ui.stopTrainingButton)
    again.wait_for(TrainingState.STOPPED)
    click(again.ui.makeModelButton)
    again.wait_for(TrainingState.FINISHED)
    assert again.trained == 1
    again.close()


def test_the_loaded_volumes_are_exported_and_do_not_stay(mounted: Mounted, trainer: FakeTrainer) -> None:
    ui = mounted.ui
    for number in range(3):
        add_volume(f"ball {number}", seed=number)
    mounted.choose("Recipe sites")
    ui.dataComboBox.currentIndex = ui.dataComboBox.findText("The loaded volumes")
    mounted.section.refresh()
    assert ui.scansTable.rowCount == 3
    assert "write the site" in ui.startTrainingButton.toolTip
    for row, site in enumerate(("Bergen", "Oslo", "")):
        ui.scansTable.item(row, 2).setText(site)
    ui.scansTable.item(2, 0).setCheckState(qt.Qt.Unchecked)
    settle()
    assert ui.startTrainingButton.enabled, ui.startTrainingButton.toolTip
    click(ui.startTrainingButton)
    mounted.wait_for(TrainingState.RUNNING)
    scans = mounted.shown.folder / "scans"
    assert config_of(mounted)["data"]["folder"] == str(scans)
    assert len(list(scans.rglob("*.nii"))) == 2
    assert "sub-02\tOslo" in (scans / "participants.tsv").read_text()
    mounted.wait_for(TrainingState.FINISHED)
    assert not scans.exists()


def test_what_was_typed_stays_while_volumes_come_and_go(mounted: Mounted, scene) -> None:
    ui = mounted.ui
    first, second = add_volume("one"), add_volume("two")
    mounted.section.refresh()
    ui.scansTable.item(1, 2).setText("Oslo")
    ui.scansTable.item(0, 0).setCheckState(qt.Qt.Unchecked)
    third = add_volume("three")
    mounted.section.refresh()
    assert ui.scansTable.item(1, 2).text() == "Oslo"
    scene.RemoveNode(first)
    mounted.section.refresh()
    assert [scan.node for scan in mounted.section._table.scans] == [second, third]


def test_a_folder(mounted: Mounted, tmp_path: Path) -> None:
    ui = mounted.ui
    mounted.choose("Recipe sites")
    for folder, words in (
        (None, "Choose the folder"),
        (tmp_path / "none", "is not there"),
        (bids(tmp_path / "one", 1), "two or more subjects"),
        (bids(tmp_path / "no table", 3, with_table=False), "participants.tsv"),
    ):
        if folder is not None:
            ui.scansFolderLineEdit.currentPath = str(folder)
        settle()
        assert words in ui.startTrainingButton.toolTip
        assert not ui.startTrainingButton.enabled
    good = bids(tmp_path / "good", 7)
    ui.scansFolderLineEdit.currentPath = str(good)
    settle()
    assert ui.startTrainingButton.enabled, ui.startTrainingButton.toolTip
    mounted.choose("Recipe aligned")
    click(ui.startTrainingButton)
    mounted.wait_for(TrainingState.FINISHED)
    assert config_of(mounted)["data"]["folder"] == str(good)
    assert good.is_dir()


def test_series_come_from_a_folder_alone(mounted: Mounted, tmp_path: Path) -> None:
    ui = mounted.ui
    mounted.choose("Recipe sites")
    ui.dataComboBox.currentIndex = ui.dataComboBox.findText("The loaded volumes")
    mounted.choose("Recipe series")
    assert not ui.dataComboBox.visible
    assert not ui.scansTable.visible
    assert ui.scansFolderLineEdit.visible
    ui.scansFolderLineEdit.currentPath = str(tmp_path / "none")
    settle()
    assert "is not there" in ui.startTrainingButton.toolTip
    folder = tmp_path / "series"
    folder.mkdir()
    ui.scansFolderLineEdit.currentPath = str(folder)
    settle()
    assert "is empty" in ui.startTrainingButton.toolTip
    (folder / "anna.nrrd").touch()
    mounted.choose("Recipe sites")
    mounted.choose("Recipe series")
    assert ui.startTrainingButton.enabled, ui.startTrainingButton.toolTip
    click(ui.startTrainingButton)
    mounted.wait_for(TrainingState.FINISHED)
    assert config_of(mounted)["data"]["folder"] == str(folder)


def test_a_model_needs_a_name(mounted: Mounted) -> None:
    mounted.ui.titleLineEdit.text = "  "
    assert "a name" in mounted.ui.startTrainingButton.toolTip
    assert not mounted.ui.startTrainingButton.enabled


def test_a_folder_that_cannot_be_written_is_said(mounted: Mounted, trainer: FakeTrainer) -> None:
    (trainer.folder / "trainings").write_text("in the way")
    click(mounted.ui.startTrainingButton)
    wait_until(lambda: mounted.ui.startNoteLabel.text, "the reason")
    assert "trainings" in mounted.ui.startNoteLabel.text
    assert mounted.ui.startTrainingButton.enabled


def test_a_failure_is_shown_with_its_reason(trainer: FakeTrainer, scene) -> None:
    trainer.offer("bad", refuses=True)
    mounted = Mounted(scene)
    mounted.wait_for_recipes()
    click(mounted.ui.startTrainingButton)
    mounted.wait_for(TrainingState.FAILED)
    assert (
        mounted.ui.trainingStateLabel.text
        == "Failed: There is no scan of the site Bergen; check participants.tsv."
    )
    assert not mounted.ui.resumeTrainingButton.enabled
    mounted.close()


def test_the_trainer_is_installed_only_when_the_user_agrees(trainer: FakeTrainer, scene, monkeypatch) -> None:
    trainer.offer("quick")
    there, questions, installed = {"lightning>=2.3": False}, [], []
    monkeypatch.setattr(
        install, "_is_met", lambda requirement: there.get(f"{requirement.name}{requirement.specifier}", True)
    )
    monkeypatch.setattr(install, "_pip_install", lambda texts: installed.extend(texts) or there.clear())
    answers = [False, True]
    monkeypatch.setattr(
        slicer.util, "confirmOkCancelDisplay", lambda text: questions.append(text) or answers.pop(0)
    )
    mounted = Mounted(scene)
    ui = mounted.ui
    assert "lightning>=2.3" in ui.trainerNoteLabel.text
    assert not ui.newTrainingBox.enabled
    click(ui.installTrainerButton)
    assert "Press Install again" in ui.trainerNoteLabel.text
    assert not installed
    click(ui.installTrainerButton)
    assert installed == ["lightning>=2.3"]
    assert len(questions) == 2
    mounted.wait_for_recipes()
    assert not ui.installTrainerButton.visible
    mounted.close()


def test_a_trainer_that_does_not_work_says_why(trainer: FakeTrainer, scene) -> None:
    mounted = Mounted(scene)  # it has no list of recipes
    wait_until(lambda: "cannot be used" in mounted.ui.trainerNoteLabel.text, "the reason")
    assert "recipes.json" in mounted.ui.trainerNoteLabel.text
    assert not mounted.ui.newTrainingBox.enabled
    mounted.close()


def test_an_extension_without_the_trainer(trainer: FakeTrainer, scene, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(train_section, "trainer_folder", lambda: tmp_path / "gone")
    mounted = Mounted(scene)
    assert "install the extension again" in mounted.ui.trainerNoteLabel.text
    mounted.close()


def test_the_scene_is_closed_while_a_training_is_shown(mounted: Mounted, scene) -> None:
    mounted.choose("Recipe slow")
    add_volume("ball")
    click(mounted.ui.startTrainingButton)
    mounted.wait_for(TrainingState.RUNNING)
    wait_until(lambda: drawn(), "the curves")
    mounted.section.forget()
    scene.Clear(0)
    mounted.section.refresh()
    assert mounted.ui.scansTable.rowCount == 0
    wait_until(lambda: drawn(), "the curves in the new scene")


def test_nodes_of_the_plot_are_not_saved_with_the_scene(mounted: Mounted, scene) -> None:
    click(mounted.ui.startTrainingButton)
    mounted.wait_for(TrainingState.FINISHED)
    mine = [scene.GetNthNode(n) for n in range(scene.GetNumberOfNodes())]
    mine = [node for node in mine if node.GetAttribute("MRStyle.Training")]
    assert mine
    assert not [node.GetName() for node in mine if node.GetSaveWithScene() or not node.GetHideFromEditors()]


@pytest.mark.parametrize("panel", ["MRStyleTransfer", "ContrastSynth", "MRHarmonize"])
def test_every_panel_has_it_and_lists_the_model(
    trainer: FakeTrainer, panel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer.offer("quick", steps=2)
    if not hasattr(slicer.modules, panel.lower()):
        load_with_core(ROOT / panel / f"{panel}.py")
    slicerhost.app.showModule(panel)
    settle()
    widget = getattr(slicer.modules, f"{panel}Widget")
    section = widget._panel._train
    trainer.take_the_place(monkeypatch, section)
    widget.ui.trainCollapsibleButton.collapsed = False
    # Another test may have had this panel ask the real trainer.
    section._ask_for_recipes()
    wait_until(lambda: [recipe.name for recipe in section._recipes] == ["quick"], "the recipes")
    section._ui.titleLineEdit.text = "From the panel"
    click(section._ui.startTrainingButton)

    def is_listed() -> bool:
        return "from-the-panel" in [entry.id for entry in widget._panel._models._entries]

    wait_until(is_listed, "the model in the list")
    widget.ui.trainCollapsibleButton.collapsed = True
