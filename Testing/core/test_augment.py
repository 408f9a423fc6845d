"""Labelled cases as data sets: labels byte for byte, layouts as trainers read them, and what is refused."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from augment_fixtures import decathlon_cases, nnunet_cases, save_labels, save_segmentation
from cli_fixtures import OBLIQUE, contents, head

from mrstyle.augment import Export, LabelledCase
from mrstyle.augment_layouts import LAYOUTS
from mrstyle.errors import InputError
from mrstyle.labels import Labels, on_grid, read_label_names, read_labels
from mrstyle.volume import Volume, read_volume, write_volume

IMAGE = head((6, 20, 18), OBLIQUE)
DRAWN = np.zeros(IMAGE.shape, np.uint8)
DRAWN[2:4, 5:12, 4:9] = 1
DRAWN[3, 12:15, 4:9] = 3
NAMES = {1: "cortex", 3: "lesion"}


@pytest.fixture
def labels(tmp_path: Path) -> Labels:
    return read_labels(save_labels(DRAWN, IMAGE, tmp_path / "drawn.nii.gz"), NAMES)


def case(labels: Labels, source: str = "case", variant: str = "level0", **more: Any) -> LabelledCase:
    images = {"T1w": IMAGE} | more
    return LabelledCase(source, variant, images, labels, {"model": "made@1"})


def export(out: Path, layout: str, *cases: LabelledCase) -> Path:
    export = Export(out, layout)
    with export.writing() as add:
        for each in cases:
            add(each)
    return export.home


def test_nnunet_reads_the_data_set(tmp_path: Path, labels: Labels) -> None:
    cases = [case(labels, "kidney 1", f"level{level}", T2w=IMAGE) for level in range(3)]
    folder = export(tmp_path / "out", "nnunet", *cases)
    assert folder == tmp_path / "out" / "Dataset501_out"
    found = nnunet_cases(folder)
    assert list(found) == ["kidney-1_level0", "kidney-1_level1", "kidney-1_level2"]
    told = json.loads((folder / "dataset.json").read_text())
    assert told["channel_names"] == {"0": "T1w", "1": "T2w"}
    # nnU-Net takes no gaps between values; voxels are not changed for that.
    assert told["labels"] == {"background": 0, "cortex": 1, "unused_2": 2, "lesion": 3}
    assert read_volume(found["kidney-1_level1"][0][0]).has_grid_of(IMAGE)
    assert not (folder / "splits_final.json").exists()  # one person cannot be split


def test_a_folder_that_is_named_as_nnunet_wants_is_the_data_set(tmp_path: Path, labels: Labels) -> None:
    out = tmp_path / "nnUNet_raw" / "Dataset123_Kidney"
    assert export(out, "nnunet", case(labels)) == out
    assert list(nnunet_cases(out)) == ["case_level0"]


def test_what_shows_one_person_is_in_one_fold(tmp_path: Path, labels: Labels) -> None:
    people = [f"sub-{number:02d}" for number in range(7)]
    sources = [f"{person}_ses-{session}" for session in (1, 2) for person in people]
    cases = [case(labels, source, f"level{level}") for source in sources for level in range(2)]
    splits = json.loads((export(tmp_path / "n", "nnunet", *cases) / "splits_final.json").read_text())
    assert len(splits) == 5
    for split in splits:
        train, validate = ({name[:6] for name in split[part]} for part in ("train", "val"))
        assert validate
        assert train | validate == set(people)
        assert not train & validate
    assert sum(len(split["val"]) for split in splits) == len(cases)
    told = json.loads((export(tmp_path / "d", "decathlon", *cases) / "dataset.json").read_text())
    folds: dict[str, set[int]] = {}
    for item in told["training"]:
        folds.setdefault(Path(item["image"]).name[:6], set()).add(item["fold"])
    assert all(len(each) == 1 for each in folds.values())
    assert set.union(*folds.values()) == set(range(5))


def test_monai_reads_the_data_set(tmp_path: Path, labels: Labels) -> None:
    one = export(tmp_path / "one", "decathlon", case(labels), case(labels, variant="level1"))
    (images, label), _ = decathlon_cases(one)
    assert [path.name for path in images] == ["case_level0.nii.gz"]
    assert label.read_bytes() == labels.nifti
    told = json.loads((one / "dataset.json").read_text())
    assert told["labels"] == {"0": "background", "1": "cortex", "3": "lesion"}
    two = export(tmp_path / "two", "decathlon", case(labels, T2w=IMAGE))
    assert [len(images) for images, _ in decathlon_cases(two)] == [2]


def test_bids_derivatives_have_their_names(tmp_path: Path, labels: Labels) -> None:
    cases = [case(labels, "sub-01_ses-2_desc-raw_dce"), case(labels, "Mr. K_2")]
    folder = export(tmp_path / "out", "bids", *cases)
    stems = ("sub-01/ses-2/anat/sub-01_ses-2_desc-level0", "sub-MrK2/anat/sub-MrK2_desc-level0")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    ends = ("_T1w.nii.gz", "_T1w.json", "_dseg.nii.gz")
    assert files == {f"{stem}{end}" for stem in stems for end in ends} | {
        "dataset_description.json",
        "dseg.tsv",
    }
    told = json.loads((folder / "dataset_description.json").read_text())
    assert told["DatasetType"] == "derivative"
    assert told["GeneratedBy"][0]["Name"] == "MRStyle"
    assert read_label_names(folder / "dseg.tsv") == {0: "background", **NAMES}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_labels_stay_byte_for_byte_and_the_sidecar_says_so(
    tmp_path: Path, labels: Labels, layout: str
) -> None:
    data = (tmp_path / "drawn.nii.gz").read_bytes()
    folder = export(tmp_path / "out", layout, case(labels), case(labels, variant="level1"))
    copies = [*folder.rglob("labelsTr/*.nii.gz"), *folder.rglob("*_dseg.nii.gz")]
    assert len(copies) == 2
    assert {path.read_bytes() for path in copies} == {data}
    sidecars = [*folder.rglob("provenance/*.json"), *folder.rglob("*_T1w.json")]
    assert len(sidecars) == 2
    for path in sidecars:
        told = json.loads(path.read_text())["MRStyle"]
        assert told["model"] == "made@1"
        assert told["source"] == "case"
        assert told["labels"]["sha256"] == told["labels"]["written_sha256"] == labels.sha256
        assert told["labels"]["written"] == "copied byte for byte"


def test_labels_of_other_formats_keep_every_voxel(tmp_path: Path) -> None:
    save_labels(DRAWN, IMAGE, tmp_path / "drawn.nii")
    assert gzip.decompress(read_labels(tmp_path / "drawn.nii").nifti) == (tmp_path / "drawn.nii").read_bytes()
    segmentation = save_segmentation(DRAWN, IMAGE, tmp_path / "drawn.seg.nrrd", NAMES)
    found = read_labels(segmentation)
    assert found.names == NAMES
    (tmp_path / "again.nii.gz").write_bytes(found.nifti)
    again = read_volume(tmp_path / "again.nii.gz")
    np.testing.assert_array_equal(again.array, DRAWN)
    assert again.has_grid_of(IMAGE)
    assert read_labels(segmentation).nifti == found.nifti


def test_values_get_names(tmp_path: Path) -> None:
    path = save_labels(DRAWN, IMAGE, tmp_path / "sub-1_dseg.nii.gz")
    assert read_labels(path).names == {1: "label_1", 3: "label_3"}
    (tmp_path / "sub-1_dseg.tsv").write_text("index\tname\n0\tair\n1\tcortex\n2\tmedulla\n3\tlesion\n")
    assert read_labels(path).names == {1: "cortex", 2: "medulla", 3: "lesion"}
    assert read_labels(path, NAMES).names == NAMES


def labels_of(tmp_path: Path, array: np.ndarray, **more: Any) -> Labels:
    return read_labels(save_labels(array, IMAGE, tmp_path / "bad.nii.gz"), **more)


def in_layers(path: Path) -> Labels:
    layers = [sitk.Cast(sitk.GetImageFromArray(DRAWN), sitk.sitkUInt8)] * 2
    image = sitk.Compose(layers)
    image.SetMetaData("Segment0_LabelValue", "1")
    sitk.WriteImage(image, str(path / "bad.seg.nrrd"))
    return read_labels(path / "bad.seg.nrrd")


def text(path: Path, name: str, content: str = "x") -> Path:
    (path / name).write_text(content)
    return path / name


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (lambda path: labels_of(path, 0 * DRAWN), "bad.nii.gz are empty"),
        (lambda path: labels_of(path, 0.5 * DRAWN), "have the value 0.5; labels are whole numbers"),
        (lambda path: labels_of(path, -DRAWN.astype(np.int16)), "have the value -1; labels are whole"),
        (lambda path: labels_of(path, DRAWN * np.int32(70000)), "value 210000; values up to 65535"),
        (lambda path: labels_of(path, DRAWN[0]), "is a 2D image"),
        (lambda path: labels_of(path, np.stack([DRAWN, DRAWN])), "is a 4D image"),
        (lambda path: labels_of(path, DRAWN, names={1: "a"}), "the value 3, which has no name"),
        (lambda path: labels_of(path, DRAWN, names={1: "a", 3: "a"}), "values 1 and 3 both 'a'"),
        (lambda path: labels_of(path, DRAWN, names={1: "background", 3: "a"}), "0 and 1 both 'background'"),
        (lambda path: in_layers(path), "overlap .2 layers."),
        (lambda path: read_labels(text(path, "bad.nii.gz")), "damaged"),
        (lambda path: read_labels(text(path, "bad.seg.nrrd")), "damaged"),
        (lambda path: read_labels(text(path, "bad.png")), "not of a format"),
        (lambda path: read_labels(path), "not of a format"),
        (lambda path: read_labels(path / "none.nii.gz"), "does not exist"),
        (lambda path: read_label_names(path / "none.tsv"), "Cannot read"),
        (
            lambda path: read_label_names(text(path, "a.tsv", "value\tname\n1\ta\n")),
            "no columns index and name",
        ),
        (lambda path: read_label_names(text(path, "a.tsv", "index\tname\nx\ta\n")), "index 'x'"),
        (lambda path: read_label_names(text(path, "a.tsv", "index\tname\n1\ta\n1\tb\n")), "a value twice"),
    ],
)
def test_what_are_no_labels_is_refused(tmp_path: Path, read: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path)


def test_labels_on_another_grid_are_resampled_only_if_wanted(tmp_path: Path, labels: Labels) -> None:
    fine_affine = OBLIQUE @ np.diag([0.5, 0.5, 1, 1])
    fine_affine[:3, 3] = (OBLIQUE @ [-0.25, -0.25, 0, 1])[:3]
    fine = Volume(DRAWN.repeat(2, axis=1).repeat(2, axis=2), fine_affine, "fine")
    write_volume(fine, tmp_path / "fine.nii.gz")
    drawn = read_labels(tmp_path / "fine.nii.gz", NAMES)
    with pytest.raises(
        InputError, match=r"another grid than scan \(36 x 40 x 6 and 18 x 20 x 6.*--resample-labels"
    ):
        on_grid(drawn, IMAGE, "scan", resample=False)
    with pytest.raises(ValueError, match="another grid"):
        case(drawn)
    found = on_grid(drawn, IMAGE, "scan", resample=True)
    np.testing.assert_array_equal(found.volume.array, DRAWN)
    assert found.origin == "resampled to the grid of scan by nearest neighbor"
    assert found.record()["written_sha256"] != found.record()["sha256"] == drawn.sha256
    assert on_grid(labels, IMAGE, "scan", resample=True) is labels
    far = IMAGE.affine.copy()
    far[:3, 3] += 1000
    elsewhere = Volume(IMAGE.array, far, "elsewhere")
    with pytest.raises(InputError, match="differ in place or voxel size"):
        on_grid(labels, elsewhere, "scan", resample=False)
    with pytest.raises(InputError, match="lie outside of scan"):
        on_grid(labels, elsewhere, "scan", resample=True)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_cases_that_do_not_fit_together_leave_nothing(tmp_path: Path, labels: Labels, layout: str) -> None:
    other = read_labels(tmp_path / "drawn.nii.gz", {1: "medulla", 3: "lesion"})
    again = replace(labels, names={2: "lesion"})
    before = contents(tmp_path)
    for bad, said in (
        (case(labels, "CASE"), "Two cases would be called"),
        (case(labels, variant="level1", T2w=IMAGE), "case has T1w, T2w, other cases T1w"),
        (case(other, "b"), "1 is 'medulla' in the labels of b and 'cortex' in others"),
        (case(again, "b"), "all cases together call the values 2 and 3 both 'lesion'"),
    ):
        with pytest.raises(InputError, match=said):
            export(tmp_path / "new" / "out", layout, case(labels), bad)
        assert contents(tmp_path) == before


def test_a_folder_with_something_in_it_stays_as_it_is(tmp_path: Path, labels: Labels) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="full is not empty; name a new one"):
        Export(tmp_path / "full", "bids")
    with pytest.raises(InputError, match="it is a file"):
        Export(tmp_path / "drawn.nii.gz", "bids")
    with pytest.raises(InputError, match="Cannot write"):
        Export(Path("/proc/out"), "bids")
    started = Export(tmp_path / "empty", "bids")
    with pytest.raises(InputError, match="Cannot write"), started.writing() as add:
        add(case(labels))
        (tmp_path / "empty" / "meanwhile.txt").touch()
    assert [path.name for path in (tmp_path / "empty").iterdir()] == ["meanwhile.txt"]
    (tmp_path / "empty" / "meanwhile.txt").unlink()
    assert export(tmp_path / "empty", "bids", case(labels)) == tmp_path / "empty"
    assert not list(tmp_path.glob(".partial-*"))


def test_an_interrupted_export_leaves_nothing(tmp_path: Path, labels: Labels) -> None:
    before = contents(tmp_path)
    with pytest.raises(KeyboardInterrupt), Export(tmp_path / "out", "decathlon").writing() as add:
        add(case(labels))
        raise KeyboardInterrupt
    assert contents(tmp_path) == before
    export = Export(tmp_path / "out", "decathlon")
    with pytest.raises(InputError), export.writing() as add:
        add(case(labels))
        export.discard()  # as from the thread that ends the process
        assert contents(tmp_path) == before
        raise InputError("ended")
    assert contents(tmp_path) == before
