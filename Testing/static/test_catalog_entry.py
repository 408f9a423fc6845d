"""The entry for Slicer's Extensions Index, and what the index's own checks want of the repository."""

from __future__ import annotations

import importlib
import json
import re
from urllib.parse import urlsplit

import pytest
from cmake_lists import ROOT
from PIL import Image, ImageChops

# Version 1.0.1 of Slicer's schema: type of each field; fields of other names are refused.
FIELDS = {"$schema": str, "category": str, "scm_url": str, "scm_revision": str, "scm_type": str}
FIELDS |= {"build_dependencies": list, "build_subdirectory": str, "enabled": bool, "tier": int}
REQUIRED = {"$schema", "category", "scm_url"}
SCHEMA = "https://raw.githubusercontent.com/Slicer/Slicer/main/Schemas/slicer-extension-catalog-entry-schema-v1.0.1.json"
_ROUNDING = 2
CATEGORIES = {"Image Synthesis", "Synthesis", "Neuroimaging", "Filtering"}
ENTRY = json.loads((ROOT / "MRStyle.json").read_text(encoding="utf-8"))
ICONS = sorted([*ROOT.glob("Resources/Icons/*.png"), *ROOT.glob("*/Resources/Icons/*.png")])
GOOD = {
    "$schema": SCHEMA + "#",
    "category": "Filtering",
    "scm_url": "https://example.org/a/SlicerMRStyle.git",
}


def faults(entry: dict) -> list[str]:
    """What Slicer's schema and the index's checks would refuse."""
    found = [f"{name} is missing" for name in sorted(REQUIRED - set(entry))]
    for name, value in entry.items():
        if name not in FIELDS:
            found.append(f"{name} is not in the schema")
        elif not isinstance(value, FIELDS[name]) or (isinstance(value, bool) and FIELDS[name] is int):
            found.append(f"{name} is no {FIELDS[name].__name__}")
    if found:
        return found
    url = urlsplit(entry["scm_url"])
    repository = url.path.rsplit("/", 1)[-1].removesuffix(".git")
    checks = {
        "$schema": entry["$schema"].split("#")[0] == SCHEMA,
        "category": entry["category"] in CATEGORIES,
        "scm_url": url.scheme in ("https", "git") and bool(url.netloc),
        "repository name": re.fullmatch(r"Slicer(Extension)?[-_]?\w+", repository) is not None,
        "tier": entry.get("tier", 5) in (1, 3, 5),
        "scm_type": entry.get("scm_type", "git") in ("git", "local"),
        "build_dependencies": all(isinstance(name, str) for name in entry.get("build_dependencies", [])),
    }
    return [name for name, holds in checks.items() if not holds]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"scm_url": None}, "scm_url is no str"),
        ({"scm_url": "git@example.org:a/SlicerMRStyle.git"}, "scm_url"),
        ({"scm_url": "https://example.org/a/MRStyle.git"}, "repository name"),
        ({"category": "Images"}, "category"),
        ({"tier": 2}, "tier"),
        ({"tier": True}, "tier is no int"),
        ({"homepage": "https://example.org"}, "homepage is not in the schema"),
        ({"build_dependencies": "PyTorch"}, "build_dependencies is no list"),
        ({"$schema": SCHEMA.replace("1.0.1", "1.0.0")}, "$schema"),
    ],
    ids=str,
)
def test_a_bad_entry_is_refused(change: dict, fault: str) -> None:
    assert not faults(GOOD)
    assert faults(GOOD | change) == [fault]


def test_an_entry_without_what_is_required_is_refused() -> None:
    assert faults({"tier": 1}) == ["$schema is missing", "category is missing", "scm_url is missing"]


def test_the_entry_is_accepted() -> None:
    assert not faults(ENTRY)
    assert b"\r" not in (ROOT / "MRStyle.json").read_bytes()


def test_the_repository_is_as_the_index_wants_it() -> None:
    """As its script reads CMakeLists.txt: by regular expressions, variables not expanded."""
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    (name,) = re.findall(r"project\s*\(\s*([^\s\)]+)", text)
    assert (ROOT / f"{name}.json").is_file()
    assert not name.startswith("Slicer")
    (icon,) = re.findall(r'set\s*\(EXTENSION_ICONURL\s*"([^"]+)"[ ]*\)', text)
    (pictures,) = re.findall(r'set\s*\(EXTENSION_SCREENSHOTURLS\s*"([^"]+)"\)', text)
    (depends,) = re.findall(r'set\s*\(EXTENSION_DEPENDS\s*"([^"]+)"\)', text)
    assert depends.split() == ENTRY["build_dependencies"]
    assert (ROOT / "LICENSE").is_file()
    raw = "https://raw.githubusercontent.com/" + urlsplit(ENTRY["scm_url"]).path.removesuffix(".git").strip(
        "/"
    )
    for url in (icon, *pictures.split()):
        assert url.startswith(f"{raw}/{ENTRY['scm_revision']}/")
        path = ROOT / url.removeprefix(f"{raw}/{ENTRY['scm_revision']}/")
        assert Image.open(path).format == "PNG", f"the index would find no picture at {url}"


@pytest.mark.parametrize("path", ICONS, ids=lambda path: path.name)
def test_an_icon_has_the_size_and_the_edges_of_an_icon(path) -> None:
    icon = Image.open(path).convert("RGBA")
    assert icon.size == (128, 128)
    assert icon.getpixel((0, 0))[3] == 0
    assert icon.getpixel((64, 64))[3] == 255


@pytest.mark.parametrize("path", ICONS, ids=lambda path: path.name)
def test_an_icon_is_drawn_from_its_svg(path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("PySide6.QtSvg", exc_type=ImportError)
    monkeypatch.syspath_prepend(ROOT / "Resources" / "Icons")
    image = importlib.import_module("draw_icons").draw(path.with_suffix(".svg"))
    image = image.convertToFormat(image.Format.Format_RGBA8888)
    drawn = Image.frombytes("RGBA", (image.width(), image.height()), bytes(image.constBits()))
    kept = Image.open(path).convert("RGBA")
    assert drawn.size == kept.size
    # Processors round differently, by one level here and there.
    differences = [high for _, high in ImageChops.difference(drawn, kept).getextrema()]
    assert max(differences) <= _ROUNDING, "run Resources/Icons/draw_icons.py"


@pytest.mark.parametrize("name", ["MRStyle", "MRStyleTransfer", "ContrastSynth", "MRStyleCore"])
def test_each_module_has_its_icon(name: str) -> None:
    folder = ROOT / "Resources" if name == "MRStyle" else ROOT / name / "Resources"
    assert (folder / "Icons" / f"{name}.png").is_file()
    assert (folder / "Icons" / f"{name}.svg").is_file()


@pytest.mark.parametrize("ground", [(240, 240, 240), (45, 45, 45)], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["MRStyleTransfer", "ContrastSynth"])
def test_an_icon_can_be_seen_on_light_and_dark_themes(name: str, ground: tuple[int, int, int]) -> None:
    """At the 24 pixels of a tool bar, its edge stands out from the ground (WCAG asks graphics for 3 to 1)."""
    icon = Image.open(ROOT / name / "Resources" / "Icons" / f"{name}.png").convert("RGBA").resize((24, 24))
    seen = Image.alpha_composite(Image.new("RGBA", icon.size, (*ground, 255)), icon)
    ring = [seen.getpixel((x, 12))[:3] for x in range(5)]
    assert max(contrast(pixel, ground) for pixel in ring) >= 3


def contrast(first: tuple[int, ...], second: tuple[int, ...]) -> float:
    dark, light = sorted(luminance(color) for color in (first, second))
    return (light + 0.05) / (dark + 0.05)


def luminance(color: tuple[int, ...]) -> float:
    linear = [(c / 255 / 12.92) if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
