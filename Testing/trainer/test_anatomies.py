"""Label maps and label tables: what is read, and what a user is told when they do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import yaml
from small_training import TABLE, head_labels, write_labels

from mrstyle.errors import InputError
from mrstyle_trainer.anatomies import Anatomy, LabelTable, phantom_anatomy, read_label_map
from mrstyle_trainer.config import SimulationConfig
from mrstyle_trainer.pairs import SimulatedPairs

CONFIGS = Path(__file__).resolve().parents[2] / "trainer" / "configs"


@pytest.fixture
def table(heads: Path) -> LabelTable:
    return LabelTable.read(heads / "table.yaml")


def test_a_label_map_is_turned_to_superior_anterior_right(table: LabelTable, tmp_path: Path) -> None:
    labels = head_labels(0)
    labels[:20] = 0  # now bottom and top differ
    image = sitk.GetImageFromArray(labels)
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))  # stored toward right, anterior, superior
    sitk.WriteImage(image, str(tmp_path / "ras.nii.gz"))
    sitk.WriteImage(sitk.DICOMOrient(image, "PIL"), str(tmp_path / "pil.nii.gz"))

    one, other = (read_label_map(tmp_path / name, table).classes for name in ("ras.nii.gz", "pil.nii.gz"))

    np.testing.assert_array_equal(one, other)
    inside = labels[np.ix_(*(np.unique(axis) for axis in np.nonzero(labels)))]
    np.testing.assert_array_equal(one > 0, inside > 0)


def test_a_label_map_of_other_spacing_is_brought_to_one_millimeter(table: LabelTable, tmp_path: Path) -> None:
    write_labels(tmp_path / "two.nii.gz", head_labels(0), spacing_mm=2.0)
    head = read_label_map(tmp_path / "two.nii.gz", table)
    brain_mm3 = np.isin(head_labels(0), (2, 3, 4)).sum() * 8
    assert table.brain[head.classes].sum() == pytest.approx(brain_mm3, rel=0.02)


def test_the_tables_that_come_along_are_usable() -> None:
    table = LabelTable.read(CONFIGS / "labels" / "freesurfer_head.yaml")
    white = table.class_of_label[2]
    assert table.tissues[white] == ("white_matter", "white_matter")
    assert table.class_of_label[41] == white
    assert table.brain[white]
    assert table.fluid[table.class_of_label[24]]
    assert not table.brain[0]


def test_an_unknown_label_is_named_with_its_file(table: LabelTable, tmp_path: Path) -> None:
    labels = head_labels(0)
    labels[20:22] = 77
    write_labels(tmp_path / "odd.nii.gz", labels)
    with pytest.raises(InputError, match=r"odd\.nii\.gz.* 77"):
        read_label_map(tmp_path / "odd.nii.gz", table)


@pytest.mark.parametrize("labels", [np.zeros((8, 8, 8), np.int16), np.full((8, 8, 8), 507, np.int16)])
def test_a_map_without_brain_is_refused(table: LabelTable, tmp_path: Path, labels: np.ndarray) -> None:
    write_labels(tmp_path / "no_brain.nii.gz", labels)
    with pytest.raises(InputError, match=r"no_brain\.nii\.gz shows no brain"):
        read_label_map(tmp_path / "no_brain.nii.gz", table)


def test_a_file_that_is_no_3d_image_is_refused(table: LabelTable, tmp_path: Path) -> None:
    (tmp_path / "text.nii.gz").write_text("not an image")
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((8, 8), np.uint8)), str(tmp_path / "flat.nii.gz"))
    for name in ("text.nii.gz", "flat.nii.gz"):
        with pytest.raises(InputError, match=name):
            read_label_map(tmp_path / name, table)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[1, 2]", "needs lines like `name: value`"),
        ("a: {labels: [1]", "Cannot read"),
        (yaml.safe_dump(TABLE | {"extra": {"labels": [9], "tissue": "cheese"}}), "cheese"),
        (yaml.safe_dump(TABLE | {"extra": {"labels": [9], "tissue": ["fat"] * 3}}), "one or two"),
        (yaml.safe_dump(TABLE | {"extra": {"labels": ["x"], "tissue": "fat"}}), "extra.labels"),
        (yaml.safe_dump(TABLE | {"extra": {"labels": [2], "tissue": "fat"}}), "gives label 2 to"),
        (yaml.safe_dump(TABLE | {"extra": {"labels": [9], "tissue": "fat", "inside": "leg"}}), "inside"),
        (yaml.safe_dump(TABLE | {"extra": {"labels": [9], "tissue": "fat", "outside": 1}}), "outside"),
    ],
)
def test_a_wrong_table_is_refused_with_its_reason(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "table.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=reason) as raised:
        LabelTable.read(path)
    assert "table.yaml" in str(raised.value)


def test_phantoms_serve_as_label_maps() -> None:
    head = phantom_anatomy(1)
    names = [first for first, _ in head.table.tissues]
    assert head.table.brain[names.index("white_matter")]
    assert not head.table.brain[names.index("fat")]
    mirrored = Anatomy("mirrored", np.ascontiguousarray(head.classes[..., ::-1]), head.table)
    simulation: dict[str, Any] = {"size": 64, "context": 0, "pixel_mm": [2.5, 3.0]}
    pairs = SimulatedPairs([head, mirrored], SimulationConfig.model_validate(simulation), seed=0, length=4)
    for sample in (pairs[index] for index in range(4)):
        assert sample["target"].max() > 0.3
