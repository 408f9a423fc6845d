"""What code inside Slicer may import, and when: a module with a missing import does not even appear."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

from .sources import Finding

BUNDLED = frozenset({"numpy", "scipy", "SimpleITK", "vtk", "slicer", "qt", "ctk"}) | frozenset(
    sys.stdlib_module_names
)
# Loading one of these into the application can crash it, or keeps it from being updated on Windows.
HEAVY = frozenset({"torch", "torchvision", "pydantic", "pydantic_core", "monai", "safetensors", "skimage"})
HEAVY |= {"nibabel", "typer", "rich", "matplotlib", "ants", "lightning", "dask", "mrstyle_trainer"}
# What of the core needs nothing but numpy and what Slicer has: it may run inside the application.
LIGHT = frozenset({"mrstyle", "mrstyle.acquisition", "mrstyle.acquisition_origin", "mrstyle.presets"})
LIGHT |= {"mrstyle.encoding", "mrstyle.sequence_range", "mrstyle.errors", "mrstyle.physics.signal"}
LIGHT |= {"mrstyle.bids_sidecar", "mrstyle.files", "mrstyle.metrics.enhancement", "mrstyle.series_times"}
BINDINGS = frozenset({"PySide2", "PySide6", "PyQt5", "PyQt6", "PythonQt"})


class ImportCollector(ast.NodeVisitor):
    """Collects what a file imports: (line, module, names, whether at file scope)."""

    def __init__(self, package: str) -> None:
        self.found: list[tuple[int, str, tuple[str, ...], bool]] = []
        self._package = package
        self._depth = 0

    def visit_FunctionDef(self, node: ast.AST) -> None:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef  # noqa: N815

    def visit_If(self, node: ast.If) -> None:
        # What only a type checker imports is not imported.
        for child in node.orelse if "TYPE_CHECKING" in ast.unparse(node.test) else [*node.body, *node.orelse]:
            self.visit(child)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.found.append((node.lineno, alias.name, (), self._depth == 0))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level:
            parents = self._package.split(".")[: len(self._package.split(".")) - node.level + 1]
            module = ".".join([*parents, module] if module else parents)
        self.found.append((node.lineno, module, tuple(alias.name for alias in node.names), self._depth == 0))


def imports(source: str, package: str = "") -> list[tuple[int, str, tuple[str, ...], bool]]:
    """Imports of a file in ``package`` (dotted), relative ones made absolute."""
    visitor = ImportCollector(package)
    visitor.visit(ast.parse(source))
    return visitor.found


def lint(source: str, package: str = "", own: frozenset[str] = frozenset()) -> list[Finding]:
    """Findings in the source of a file that runs in Slicer.

    Args:
        source: Python.
        package: dotted name of the file's package; empty for a module file.
        own: top-level names of the project's packages that keep these rules.
    """
    found = []
    for line, module, names, at_file_scope in imports(source, package):
        top = module.split(".")[0]
        if top in BINDINGS:
            found.append(Finding(line, "other_binding", f"{top}: Slicer has qt and ctk"))
        elif top in HEAVY:
            found.append(Finding(line, "heavy", f"{top} must stay out of the application: the worker has it"))
        elif module == "imp":
            found.append(Finding(line, "gone", "imp is gone since Python 3.12"))
        elif top == "mrstyle" and (heavy := _outside_light(module, names)):
            found.append(Finding(line, "worker_only", f"{heavy} belongs to the worker: ask it"))
        elif at_file_scope and top not in BUNDLED | own | {"mrstyle"}:
            found.append(
                Finding(line, "not_bundled", f"{top} does not come with Slicer: import it in a function")
            )
    return found


def _outside_light(module: str, names: tuple[str, ...]) -> str:
    """The first module that an import names and that is not light; empty if there is none.

    `from mrstyle import volume` names a module as `import mrstyle.volume` does; what begins with an underscore, such as
    a version, is a value.
    """
    if module not in LIGHT:
        return module
    submodules = (f"{module}.{name}" for name in names if module == "mrstyle" and not name.startswith("_"))
    return next((each for each in submodules if each not in LIGHT), "")


def reachable(start: str, roots: tuple[Path, ...]) -> Iterator[str]:
    """Every module that ``import start`` imports in turn, with what lies outside of ``roots`` by name alone.

    Args:
        start: a dotted name.
        roots: folders that hold packages, as on Python's path.
    """
    seen, waiting = set(), [start]
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        yield module
        parent = module.rpartition(".")[0]
        waiting += [parent] if parent else []
        if path := _file(module, roots):
            package = module if path.name == "__init__.py" else parent
            for _line, name, members, at_file_scope in _imports_of(path, package):
                if at_file_scope:
                    submodules = [f"{name}.{member}" for member in members]
                    waiting += [name, *(each for each in submodules if _file(each, roots))]


@functools.cache
def _imports_of(path: Path, package: str) -> list[tuple[int, str, tuple[str, ...], bool]]:
    return imports(path.read_text(encoding="utf-8"), package)


@functools.cache
def _file(module: str, roots: tuple[Path, ...]) -> Path | None:
    for root in roots:
        path = root.joinpath(*module.split("."))
        for candidate in (path.with_name(path.name + ".py"), path / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None
