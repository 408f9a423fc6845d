"""The file lists of the modules' CMakeLists.txt, made from the files that there are.

Slicer packages exactly what a list names: a file too many stops the build, a file too few is silently missing.

    python Testing/static/cmake_lists.py            says which lists are not up to date (exit status 1)
    python Testing/static/cmake_lists.py --write    brings them up to date
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS, RESOURCES, MODELS = "MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES", "MODEL_FILES"
TRAINER = "TRAINER_FILES"


def files_below(root: Path, folder: str) -> list[str]:
    """Files of the repository (tracked, or new and not ignored), sorted, as posix paths relative to ``root/folder``."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", folder]
    listed = subprocess.run(command, cwd=root, capture_output=True, encoding="utf-8")
    if listed.returncode == 0:
        paths = [Path(name) for name in listed.stdout.split("\0") if name and (root / name).is_file()]
    else:  # an unpacked archive
        found = (path for path in (root / folder).rglob("*") if path.is_file())
        paths = [path.relative_to(root) for path in found if "__pycache__" not in path.parts]
    return sorted({path.relative_to(folder).as_posix() for path in paths})


def modules(root: Path) -> list[str]:
    """The folders that the extension's CMakeLists.txt adds, in its order."""
    text = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.findall(r"^add_subdirectory\((\w+)\)", text, re.MULTILINE)


def wanted_lists(root: Path, module: str) -> dict[str, list[str]]:
    """What each list of a module's CMakeLists.txt is to name.

    The module's own script comes first, by the variable that names it, as in Slicer's template.
    """
    scripts, resources = [], []
    for name in files_below(root, module):
        if PurePosixPath(name).parts[0] in ("CMakeLists.txt", "Testing"):
            continue
        (scripts if name.endswith(".py") else resources).append(name)
    own = [f"{module}.py"] if f"{module}.py" in scripts else []
    others = [name for name in scripts if name not in own]
    lists = {SCRIPTS: ["${MODULE_NAME}.py"][: len(own)] + others, RESOURCES: resources}
    if MODELS in _text(root, module):
        packages = (name for name in files_below(root, "Resources/Models") if "/" in name)
        lists[MODELS] = [f"Resources/Models/{name}" for name in packages]
    if TRAINER in _text(root, module):
        package = "trainer/mrstyle_trainer"
        lists[TRAINER] = [f"{package}/{name}" for name in files_below(root, package)]
    return lists


def named_lists(text: str) -> dict[str, list[str]]:
    """The lists that a CMakeLists.txt has, by variable."""
    found = re.findall(
        rf"^set\(({SCRIPTS}|{RESOURCES}|{MODELS}|{TRAINER})\n(.*?)^\s*\)", text, re.MULTILINE | re.DOTALL
    )
    return {variable: [line.strip().strip('"') for line in body.splitlines()] for variable, body in found}


def with_lists(text: str, lists: dict[str, list[str]]) -> str:
    """The text of a CMakeLists.txt with other lists, one file a line; a name with a space is quoted."""
    for variable, names in lists.items():
        body = "".join(f'  "{name}"\n' if " " in name else f"  {name}\n" for name in names)
        pattern = re.compile(rf"(^set\({variable}\n).*?(^\s*\))", re.MULTILINE | re.DOTALL)
        text = pattern.sub(lambda match, body=body: match[1] + body + match[2], text)
    return text


def differences(root: Path, module: str) -> list[str]:
    """One sentence for each file that a list names too many or too few."""
    named, wanted = named_lists(_text(root, module)), wanted_lists(root, module)
    place = f"{module}/CMakeLists.txt"
    sentences = []
    for variable, names in wanted.items():
        there = named.get(variable, [])
        sentences += [f"{place}: {variable} lacks {name}" for name in names if name not in there]
        sentences += [
            f"{place}: {variable} names {name}, which there is not" for name in there if name not in names
        ]
    return sentences


def _text(root: Path, module: str) -> str:
    return (root / module / "CMakeLists.txt").read_text(encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="bring the lists up to date")
    write = parser.parse_args().write
    found = [sentence for module in modules(ROOT) for sentence in differences(ROOT, module)]
    print("\n".join(found) or "the lists name every file")
    if write:
        for module in modules(ROOT):
            text = with_lists(_text(ROOT, module), wanted_lists(ROOT, module))
            (ROOT / module / "CMakeLists.txt").write_text(text, encoding="utf-8", newline="\n")
    return int(bool(found) and not write)


if __name__ == "__main__":
    sys.exit(main())
