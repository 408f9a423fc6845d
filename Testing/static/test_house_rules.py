"""What no file of the project does, and how long files may be."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest
from cmake_lists import ROOT, files_below, modules
from slicer_lint.sources import Finding, gui_files, relative, run_rules

SHIPPED = [ROOT / "MRStyleCore" / name for name in files_below(ROOT, "MRStyleCore") if name.endswith(".py")]
SHIPPED += [path for path in gui_files() if path not in SHIPPED]
SHIPPED += [ROOT / "trainer" / name for name in files_below(ROOT, "trainer") if name.endswith(".py")]
PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve"}
PICKLING = {"torch.load", "torch.save", "np.load", "numpy.load"}
LONGEST, LONGEST_MODULE_FILE, MEDIAN = 400, 150, 150  # lines


def runs_text(node: ast.AST):
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
        yield f"{node.func.id}() runs text as code"


def reads_pickle(node: ast.AST):
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        for name in names:
            if name.split(".")[0] in PICKLES:
                yield f"{name} runs code of the file that it reads"
    for use in ast.walk(node) if isinstance(node, ast.Module) else []:
        if (
            isinstance(use, ast.Attribute)
            and ast.unparse(use) in PICKLING
            and id(use) not in _pickle_free(node)
        ):
            yield f"line {use.lineno}: {ast.unparse(use)} reads or writes pickles"


def _pickle_free(tree: ast.Module) -> set[int]:
    """The functions of calls that say that they take no pickle, or no more of one than tensors; defaults may change, so they
    do not count."""
    safe = {
        "np.load": ("allow_pickle", "False"),
        "numpy.load": ("allow_pickle", "False"),
        "torch.load": ("weights_only", "True"),
    }
    return {
        id(call.func)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if (keyword.arg, ast.unparse(keyword.value)) == safe.get(ast.unparse(call.func))
    }


def prints(node: ast.AST):
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
        yield "print() goes to a console that users of Slicer do not see: use logging"


def installs(node: ast.AST):
    if isinstance(node, ast.Attribute) and node.attr in ("pip_install", "pip_ensure", "pip_uninstall"):
        yield "only install.py asks the user and installs"


def takes_the_scene(node: ast.AST):
    if isinstance(node, ast.Attribute) and node.attr == "mrmlScene":
        yield "the scene is passed in"


def runs_when_imported(node: ast.AST):
    """Slicer imports every module file at start-up."""
    for statement in node.body if isinstance(node, ast.Module) else []:
        if isinstance(statement, (ast.For, ast.While, ast.With)) or (
            isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
        ):
            yield f"line {statement.lineno} runs at start-up: {ast.unparse(statement)[:60]}"


def findings(path: Path, *rules) -> list[Finding]:
    return run_rules(path.read_text(encoding="utf-8"), rules)


@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        (runs_text, "eval('1')", "network.eval()"),
        (runs_text, "exec(text)", "app.exec_()"),
        (reads_pickle, "import pickle", "import json"),
        (reads_pickle, "from joblib import load", "from json import load"),
        (reads_pickle, "torch.load(path)", "safetensors.torch.load_file(path)"),
        (reads_pickle, "torch.load(path, weights_only=False)", "torch.load(path, weights_only=True)"),
        (reads_pickle, "np.load(path)", "np.load(path, allow_pickle=False)"),
        (reads_pickle, "np.load(path, allow_pickle=True)", "np.savez(path, a=a)"),
        (reads_pickle, "load = np.load", "load = json.load"),
        (prints, "print('x')", "logging.info('x')"),
        (installs, "slicer.util.pip_install('x')", "install.ensure_requirements(ask)"),
        (runs_when_imported, "register()", "def f():\n    register()\nFOLDER = Path(__file__)"),
        (runs_when_imported, "for name in names:\n    x = name", "names = [1]"),
        (takes_the_scene, "slicer.mrmlScene.Clear()", "scene.Clear()"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_rule_finds_the_bad_and_passes_the_good(rule, bad: str, good: str) -> None:
    assert [finding.rule for finding in run_rules(bad, (rule,))] == [rule.__name__]
    assert not run_rules(good, (rule,))


@pytest.mark.parametrize("path", SHIPPED, ids=relative)
def test_no_file_runs_text_or_reads_a_pickle(path: Path) -> None:
    assert not findings(path, runs_text, reads_pickle)


@pytest.mark.parametrize("path", gui_files(), ids=relative)
def test_no_panel_prints(path: Path) -> None:
    assert not findings(path, prints)


@pytest.mark.parametrize("path", gui_files(), ids=relative)
def test_no_panel_does_anything_when_imported(path: Path) -> None:
    assert not findings(path, runs_when_imported)


@pytest.mark.parametrize("path", [path for path in gui_files() if path.name != "install.py"], ids=relative)
def test_no_panel_installs_by_itself(path: Path) -> None:
    assert not findings(path, installs)


@pytest.mark.parametrize("path", [path for path in gui_files() if "MRStyleLib" in path.parts], ids=relative)
def test_the_library_is_given_its_scene(path: Path) -> None:
    assert not findings(path, takes_the_scene)


@pytest.mark.parametrize("path", [path for path in gui_files() if "MRStyleLib" in path.parts], ids=relative)
def test_a_file_of_the_library_is_about_qt_or_about_mrml(path: Path) -> None:
    names = {ast.unparse(node) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))}
    uses_qt = any(name.startswith(("qt.", "ctk.", "import qt", "import ctk")) for name in names)
    uses_mrml = any(name.startswith("slicer.vtkMRML") for name in names)
    assert not (uses_qt and uses_mrml)


@pytest.mark.parametrize("path", gui_files(), ids=relative)
def test_a_file_is_short_enough_to_read(path: Path) -> None:
    is_module_file = path.parent.parent == ROOT
    assert line_count(path) <= (LONGEST_MODULE_FILE if is_module_file else LONGEST)


@pytest.mark.parametrize("module", modules(ROOT))
def test_most_files_of_a_module_are_short(module: str) -> None:
    assert statistics.median(line_count(path) for path in gui_files() if module in path.parts) <= MEDIAN


@pytest.mark.parametrize("module", modules(ROOT))
def test_only_the_module_file_lies_in_the_folder_that_slicer_scans(module: str) -> None:
    assert [path.name for path in (ROOT / module).glob("*.py")] == [f"{module}.py"]


@pytest.mark.parametrize("module", modules(ROOT))
def test_a_module_file_has_what_slicer_looks_for(module: str) -> None:
    tree = ast.parse((ROOT / module / f"{module}.py").read_text(encoding="utf-8"))
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    values = {
        ast.unparse(target).removeprefix("self."): ast.unparse(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
    }
    assert module in classes
    assert {"parent.title", "parent.categories", "parent.contributors", "parent.helpText"} <= set(values)
    if module == "MRStyleCore":
        assert values["parent.hidden"] == "True"
    else:
        assert {f"{module}Widget", f"{module}Logic", f"{module}Test"} <= classes
        # Slicer loads the modules in this order, so that MRStyleLib can be imported.
        assert values["parent.dependencies"] == "['MRStyleCore']"


def line_count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())
