"""What the tests of the commands share: small volumes, a small model, and a way to run a command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import torch

from mrstyle import cli, methods
from mrstyle.models.package import save_package
from mrstyle.volume import Volume, write_volume

TURN = sitk.Euler3DTransform((0, 0, 0), 0.2, -0.35, 0.5).GetMatrix()
OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = np.reshape(TURN, (3, 3)) @ np.diag([-1.2, -1.1, 3.5])
OBLIQUE[:3, 3] = (12.5, -31.25, 40.0)
TINY = {"context": 0, "width": 4, "max_width": 8, "downsamplings": 2, "residual_blocks": 1}
TINY |= {"style_width": 4, "style_max_width": 8, "style_downsamplings": 2, "style_dim": 4, "style_hidden": 8}


class Run(NamedTuple):
    code: int
    out: str
    err: str


def head(shape: tuple[int, int, int], affine: np.ndarray, power: float = 1.0) -> Volume:
    """A bright ellipsoid with a gradient and a dark core, in noise."""
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    radius = k**2 + j**2 + i**2
    clean = np.where(radius < 0.7, 900 * (0.3 + 0.3 * (j + 1)) ** power, 0) * np.where(radius < 0.1, 0.4, 1)
    noise = np.random.default_rng(1).normal(0, 4, shape)
    return Volume(np.abs(clean + noise).astype(np.float32), affine, "head")


CONTENT = head((20, 36, 32), OBLIQUE)
STYLE = head((28, 30, 26), np.diag([2.0, 2.0, 2.0, 1.0]), power=0.4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with content.nii.gz, its sidecar, and style.nii.gz."""
    write_volume(CONTENT, tmp_path / "content.nii.gz")
    (tmp_path / "content.json").write_text('{"EchoTime": 0.003}')
    write_volume(STYLE, tmp_path / "style.nii.gz")
    return tmp_path


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of a small network that was never trained."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    accepts = {"dim": 2, "body_part": "brain", "contrasts": [], "skull": "any", "minimum_size_voxels": 24}
    fields: dict[str, Any] = {
        "schema_version": 1,
        "id": "tiny",
        "version": "1.2.3",
        "title": "Tiny",
        "description": "For tests.",
        "method": "content_style",
        "config": TINY,
        "accepts": accepts | {"spacing_mm": [0.5, 6.0]},
        "target_kinds": ["reference"],
        "training": {"description": "None.", "data": [], "subjects": {"train": 0, "validation": 0}},
        "license": "Apache-2.0",
        "bf16_psnr_db": 50.0,
        "citation": "None.",
        "recipe": "none.yaml",
    }
    save_package(folder, fields, methods.build("content_style", TINY))
    return folder


@pytest.fixture
def mrstyle(capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Runs a command in this process."""

    def run(*arguments: object) -> Run:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
        return Run(int(stop.value.code or 0), *capsys.readouterr())

    return run


def contents(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def assert_refused(run: Run, *words: object) -> None:
    """Exit code 2 and one sentence that holds the words."""
    assert run.code == 2
    assert run.out == ""
    lines = run.err.splitlines()
    assert len(lines) == 1, run.err
    assert lines[0].startswith("mrstyle: ")
    assert lines[0].endswith(".")
    assert "Traceback" not in run.err
    for word in words:
        assert str(word) in lines[0]
