"""The report as a reader meets it: one page that needs nothing else, slices the right way round."""

from __future__ import annotations

import base64
import importlib.util
import io
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from mrstyle import methods
from mrstyle.errors import InputError
from mrstyle.models.card import ModelCard
from mrstyle.models.package import Package
from mrstyle.qa.evaluate import Evaluation, evaluate
from mrstyle.qa.pictures import GRAY, View, gray_window, panels
from mrstyle.qa.report import write_report
from mrstyle.targets import Reference
from mrstyle.translate import Result, translate
from mrstyle.volume import Volume

SIZE_LIMIT_BYTES = 3_000_000
CARD = ModelCard.model_validate(
    {
        "schema_version": 1,
        "id": "matching",
        "version": "1.2.3",
        "title": "Matching",
        "description": "For tests.",
        "method": "histogram_matching",
        "config": {},
        "accepts": {
            "dim": 3,
            "body_part": "brain",
            "contrasts": [],
            "skull": "any",
            "minimum_size_voxels": 8,
            "spacing_mm": [0.5, 6.0],
        },
        "target_kinds": ["reference"],
        "training": {
            "description": "Pairs of heads.",
            "data": [
                {
                    "name": "Heads",
                    "license": "CC0-1.0",
                    "source": "https://example.org",
                    "citation": "Doe 2020",
                    "simulated": True,
                }
            ],
            "subjects": {"train": 14, "validation": 2},
        },
        "license": "Apache-2.0",
        "bf16_psnr_db": None,
        "citation": "Roe & Doe 2026",
        "weights_sha256": None,
        "parameters": 0,
        "recipe": None,
    }
)


@dataclass
class Page(HTMLParser):
    """What a browser would find: text, headings, and everything that is loaded or linked."""

    markup: str
    text: str = ""
    loaded: list[str] = field(default_factory=list)
    linked: list[str] = field(default_factory=list)
    alts: list[str] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        values = {name: value or "" for name, value in attrs}
        self.loaded += [values[name] for name in ("src", "srcset", "data") if name in values]
        self.linked += [values["href"]] if "href" in values else []
        self.alts += [values["alt"]] if "alt" in values else []

    def handle_data(self, data: str) -> None:
        self.text += data


def head(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], name: str) -> Volume:
    """A bright ellipsoid with a gradient in noise."""
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    clean = np.where(k**2 + j**2 + i**2 < 0.7, 500 + 300 * j, 0)
    noise = np.random.default_rng(0).normal(0, 5, shape)
    return Volume(np.abs(clean + noise).astype(np.float32), np.diag([*spacing_mm, 1.0]), name)


@dataclass(frozen=True)
class Case:
    content: Volume
    style: Volume
    result: Result
    evaluation: Evaluation

    def parts(self) -> dict[str, Any]:
        return {
            "content": self.content,
            "style": self.style,
            "result": self.result,
            "evaluation": self.evaluation,
            "card": CARD,
        }


@pytest.fixture(scope="module")
def case() -> Case:
    """A translation to a style on another grid; names that would break a page."""
    content = head((24, 32, 28), (1.5, 1.5, 2.0), "T1 <script>alert(1)</script>")
    style = head((30, 28, 26), (2.0, 2.0, 2.0), 'T2 & "more"')
    network = methods.build("histogram_matching", {})
    result = translate(content, Package(CARD, Path(), network, None), Reference(style))
    return Case(content, style, result, evaluate(result.image, content=content, style=style))


@pytest.fixture(scope="module")
def page(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Page:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, **case.parts())
    assert path.stat().st_size < SIZE_LIMIT_BYTES
    return Page(path.read_text(encoding="utf-8"))


def test_the_page_needs_nothing_else(page: Page) -> None:
    assert page.loaded
    assert all(source.startswith("data:image/png;base64,") for source in page.loaded)
    assert all(link.startswith("#") for link in page.linked)
    assert not page.tags & {"script", "link", "iframe", "object", "base"}
    assert "url(" not in page.markup
    assert "@import" not in page.markup


def test_names_are_shown_as_they_are(page: Page, case: Case) -> None:
    assert case.content.name in page.text
    assert case.style.name in page.text


@pytest.mark.parametrize(
    "words",
    [
        "not for diagnosis",
        "Matching (matching@1.2.3)",
        "28 x 32 x 24 voxels of 1.5 x 1.5 x 2 mm",
        "window 0 to",
        "Histograms",
        "99.5th percentile in mask = 1",
        "foreground of the content",
        "Apache-2.0",
        "CC0-1.0",
        "simulated",
        "Roe & Doe 2026",
        "CW-SSIM, style",
    ],
)
def test_the_page_says_what_a_reader_must_know(page: Page, words: str) -> None:
    assert words.lower() in page.text.lower()


def test_metrics_and_history_are_those_of_the_run(page: Page, case: Case) -> None:
    for row in case.evaluation.rows:
        assert row.metric in page.text
        if row.value is not None:
            assert f"{row.value:.4f}" in page.text
    assert case.result.history.content["sha256"] in page.text
    assert case.result.history.created in page.text


def test_the_slices_that_a_network_saw_are_named(page: Page, case: Case, tmp_path: Path) -> None:
    sliced = replace(case.result, history=replace(case.result.history, planes=["axial", "coronal"]))
    write_report(tmp_path / "sliced.html", **case.parts() | {"result": sliced})
    assert "axial, coronal" in (tmp_path / "sliced.html").read_text(encoding="utf-8")
    assert "Mean of slices" not in page.text


def test_three_slices_of_each_volume_and_map(page: Page) -> None:
    for name in ("Content", "Style", "Output", "Difference", "CW-SSIM, content", "CW-SSIM, style"):
        for plane in ("axial", "coronal", "sagittal"):
            assert f"{name}, {plane} slice" in page.alts


def test_uncertainty_is_shown_where_there_is_one(page: Page, case: Case, tmp_path: Path) -> None:
    assert "Uncertainty" not in page.text
    uncertainty = case.content.with_array(np.abs(case.content.array) / 10)
    result = Result(case.result.image, uncertainty, case.result.history, ["Smaller windows."])
    write_report(tmp_path / "r.html", **case.parts() | {"result": result})
    text = Page((tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert "Uncertainty" in text
    assert "style intensity" in text
    assert "Smaller windows." in text


def test_a_missing_library_is_named_with_the_remedy(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name)
    )
    with pytest.raises(InputError, match=r'matplotlib.*pip install "mrstyle\[qa\]"'):
        write_report(tmp_path / "r.html", **case.parts())
    assert not list(tmp_path.iterdir())


def decoded(uri: str) -> np.ndarray:
    png = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"), dtype=int)


def marked(toward: str) -> Volume:
    """A ball of 20 voxels with a bright mark at one side of the patient (one of R, L, A, P, S, I)."""
    axis, sign = {"R": (2, 1), "L": (2, -1), "A": (1, 1), "P": (1, -1), "S": (0, 1), "I": (0, -1)}[toward]
    grid = np.stack(np.meshgrid(*[np.linspace(-1.2, 1.2, 31)] * 3, indexing="ij"))
    array = np.where((grid**2).sum(0) < 1, 100.0, 0.0)
    mark = np.zeros((3, 1, 1, 1))
    mark[axis] = 0.7 * sign
    array[((grid - mark) ** 2).sum(0) < 0.04] = 300.0
    return Volume(array, np.diag([1.0, 2.0, 3.0, 1.0]), toward)


def turned(volume: Volume, codes: str) -> Volume:
    """The same volume stored along other axes."""
    image = nib.Nifti1Image(volume.array.T, volume.affine)
    orientation = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(volume.affine), nib.orientations.axcodes2ornt(codes)
    )
    image = image.as_reoriented(orientation)
    return Volume(np.asarray(image.dataobj).T, image.affine, volume.name)


@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR", "SLA"])
@pytest.mark.parametrize("side", list("RLAPSI"))
def test_slices_are_the_right_way_round(codes: str, side: str) -> None:
    volume = turned(marked(side), codes)
    view = View.of(volume)
    found = panels(volume, view, gray_window(volume, view))
    seen = 0
    for panel in found:
        if side not in panel.edges:
            continue
        image = decoded(panel.uri)
        rows, columns = np.nonzero(image > 200)
        edge = ("left", "right", "top", "bottom")[panel.edges.index(side)]
        offset = {
            "left": image.shape[1] / 2 - columns.mean(),
            "right": columns.mean() - image.shape[1] / 2,
            "top": image.shape[0] / 2 - rows.mean(),
            "bottom": rows.mean() - image.shape[0] / 2,
        }[edge]
        assert offset > 0.2 * min(image.shape)
        seen += 1
    assert seen == 2


def test_letters_follow_the_radiological_convention() -> None:
    volume = marked("R")
    axial, coronal, sagittal = panels(volume, View.of(volume), (0, 300))
    assert axial.edges == ("R", "L", "A", "P")
    assert coronal.edges == ("R", "L", "S", "I")
    assert sagittal.edges == ("A", "P", "S", "I")


def test_panels_have_their_size_in_mm() -> None:
    volume = turned(marked("A"), "PIR")
    axial, coronal, sagittal = panels(volume, View.of(volume), (0, 300), GRAY)
    rows, columns = decoded(axial.uri).shape
    assert axial.width_mm == pytest.approx(columns * 1.0)
    assert axial.height_mm == pytest.approx(rows * 2.0)
    assert sagittal.width_mm == pytest.approx(axial.height_mm)
    assert coronal.height_mm == pytest.approx(sagittal.height_mm)
