"""What the tests of "Train a model" share: a trainer that only writes the files, a form to click, waiting."""

from __future__ import annotations

import json
import shutil
import textwrap
from pathlib import Path

import qt
import slicer
from transfer_panel_helpers import settle, wait_until
from worker_helpers import offer_real_worker

from MRStyleLib import settings
from MRStyleLib.train_run import Training, TrainingState
from MRStyleLib.train_section import TrainSection

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "Resources" / "Models" / "histogram-matching"
PATIENCE_S = 60.0

# The trainer's commands and files, without learning. What its configuration says under `fake` is what it does.
TRAINER = """
import json, os, struct, sys, time, zlib
from pathlib import Path

def write(path, text):
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    partial.replace(path)

def picture(path, gray):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\\0" + bytes([(x * gray) % 256 for x in range(96)]) for _ in range(32))
    head = struct.pack(">IIBBBBB", 96, 32, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\\x89PNG\\r\\n\\x1a\\n" + data)

def train(run, config, first):
    fake, steps = config["fake"], config["fake"]["steps"]
    run.mkdir(exist_ok=True)
    (run / "samples").mkdir(exist_ok=True)
    (run / "stop").unlink(missing_ok=True)
    write(run / "config.json", json.dumps(config))
    def status(state, step, message=""):
        write(run / "status.json", json.dumps({"state": state, "pid": os.getpid(), "step": step, "steps": steps,
            "started": "2026-01-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z",
            "seconds_left": (steps - step) * fake["pause_s"], "message": message,
            "score": {"name": "PSNR", "unit": "dB", "best": 20 + step}}))
    for step in range(first + 1, steps + 1):
        entry = {"step": step, "seconds": step, "losses": {"l1": 1 / step, "cycle": 2 / step},
                 "validation_psnr_db": 20.0 + step if step % 2 == 0 else None}
        with (run / "progress.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\\n")
        if step % 2 == 0:
            picture(run / "samples" / f"step-{step:06d}.png", step)
        (run / "checkpoint.safetensors").write_text(str(step))
        if step == fake.get("fails_at"):
            status("failed", step, "The training diverged; lower loop.learning_rate.")
            sys.exit("mrstyle-train: The training diverged; lower loop.learning_rate.")
        if (run / "stop").exists() and not fake.get("is_deaf"):
            (run / "stop").unlink()
            status("interrupted", step)
            sys.exit(3)
        status("running", step)
        time.sleep(fake["pause_s"])
    status("finished", steps)

command, rest = sys.argv[1], sys.argv[2:]
place = Path(__file__).parent
if command == "recipes":
    print((place / "recipes.json").read_text())
elif command == "new":
    options = dict(zip(rest[::2], rest[1::2]))
    config = json.loads((place / (options["--recipe"] + ".yaml")).read_text())
    if config["fake"].get("refuses"):
        sys.exit("mrstyle-train: There is no scan of the site Bergen; check participants.tsv.")
    config["data"]["folder"] = options.get("--data")
    config["card"] = {"id": Path(options["-o"]).stem, "title": options["--title"]}
    Path(options["-o"]).write_text(json.dumps(config))
elif command == "fit":
    config = json.loads(Path(rest[0]).read_text())
    train(Path(rest[rest.index("-o") + 1]), config, 0)
elif command == "resume":
    run = Path(rest[0])
    train(run, json.loads((run / "config.json").read_text()), int((run / "checkpoint.safetensors").read_text()))
elif command == "export":
    run, package = Path(rest[0]), Path(rest[1])
    config = json.loads((run / "config.json").read_text())
    if config["fake"].get("no_export"):
        sys.exit("mrstyle-train: In bfloat16 the output of this model is only 30.0 dB close; train longer.")
    card = json.loads((place / "model.json").read_text())
    card |= {"id": config["card"]["id"], "title": config["card"]["title"], "version": rest[3]}
    package.mkdir()
    (package / "model.json").write_text(json.dumps(card))
"""


class FakeTrainer:
    """A trainer in a folder of its own, which the panels take for the real one.

    Attributes:
        folder: of the models, the trainings and the trainer.
    """

    def __init__(self, monkeypatch, folder: Path) -> None:
        self.folder = folder
        package = folder / "trainer" / "mrstyle_trainer"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(textwrap.dedent(TRAINER), encoding="utf-8")
        shutil.copyfile(PACKAGE / "model.json", package / "model.json")
        self._package = package
        self._recipes: list[dict] = []
        offer_real_worker(monkeypatch, folder)
        self.take_the_place(monkeypatch)
        settings.set_model_folder(folder / "models")

    def take_the_place(self, monkeypatch, section=TrainSection) -> None:
        """Of the real trainer, for the MRStyleLib that a section is of: each reload of a panel makes another one."""
        names = section._ask_for_recipes.__globals__
        for module in (names, names["package_folder"].__globals__):
            monkeypatch.setitem(module, "trainer_folder", lambda: self.folder / "trainer")
        monkeypatch.setattr(names["settings"], "trainings_folder", lambda: self.folder / "trainings")

    def offer(self, name: str, data: str = "phantoms", steps: int = 6, pause_s: float = 0.02, **fake) -> None:
        """One more recipe; ``fake`` says what goes wrong."""
        template = self._package / f"{name}.yaml"
        config = {
            "recipe": name,
            "data": {"kind": data},
            "fake": {"steps": steps, "pause_s": pause_s, **fake},
        }
        template.write_text(json.dumps(config), encoding="utf-8")
        entry = {"name": name, "title": f"Recipe {name}", "data": data, "minutes": 7}
        self._recipes.append(entry)
        (self._package / "recipes.json").write_text(json.dumps(self._recipes), encoding="utf-8")

    @property
    def models(self) -> Path:
        """The user's model folder."""
        return self.folder / "models"


def forget_settings() -> None:
    """As on a computer where nothing was chosen."""
    for key in list(slicer.app.userSettings().allKeys()):
        if key.startswith("MRStyle/"):
            slicer.app.userSettings().remove(key)


def end_all() -> None:
    """End what a test has left running."""
    for folder in settings.trainings():
        Training(folder).kill()


def wait_for(training: Training, *states: TrainingState) -> None:
    """Wait until a training stands so."""

    def stands_so() -> bool:
        training.refresh()
        return training.state in states

    wait_until(stands_so, f"{states}, not {training.state}", PATIENCE_S)


class Mounted:
    """The section in a collapsible button of its own, expanded."""

    def __init__(self, scene) -> None:
        import ctk

        self.trained = 0
        self.button = ctk.ctkCollapsibleButton()
        self.button.setLayout(qt.QVBoxLayout(self.button))
        self.button.collapsed = True
        self.section = TrainSection(self.button, scene, self._count)
        self.button.resize(480, 900)
        self.button.show()
        self.button.collapsed = False

    def _count(self) -> None:
        self.trained += 1

    @property
    def ui(self):
        """The widgets by name."""
        return self.section._ui

    @property
    def shown(self) -> Training:
        """The training that is shown."""
        return self.section._shown

    def wait_for_recipes(self) -> None:
        """Until the trainer has said what it can."""
        wait_until(lambda: self.ui.newTrainingBox.enabled, "the recipes", PATIENCE_S)

    def choose(self, title: str) -> None:
        """Choose a recipe by its title."""
        self.ui.recipeComboBox.currentIndex = self.ui.recipeComboBox.findText(title)
        settle()

    def wait_for(self, state: TrainingState, patience_s: float = PATIENCE_S) -> None:
        """Wait until the training that is shown stands so, and the section shows it."""

        def stands_so() -> bool:
            self.section.refresh()
            return self.shown is not None and self.shown.state is state

        settle()
        wait_until(stands_so, state.name, patience_s)
        settle()

    def close(self) -> None:
        """The panel is left."""
        self.section.close()
        self.button.hide()
        self.button.deleteLater()
        settle()


def drawn() -> list:
    """The curves that the plot shows."""
    from slicerhost.plot_drawing import chart_lines

    view = slicer.mrmlScene.GetSingletonNode("MRStyleTraining", "vtkMRMLPlotViewNode")
    chart = slicer.mrmlScene.GetNodeByID(view.GetPlotChartNodeID() or "") if view is not None else None
    return chart_lines(chart) if chart is not None else []
