"""What MRStyleLib knows of many volumes at once: files of directories, folders of the scene, jobs for the worker."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import slicer
from mrml_helpers import add_volume, affine_of, image_array, oblique_affine, write_image

from MRStyleLib.environment import worker_environment
from MRStyleLib.job import HarmonizeCase, HarmonizeJob, SitesCase, SitesJob, ThicknessCase, ThicknessJob
from MRStyleLib.volume_inputs import load_file, name_of_file, volume_files, write_acquisition

READ = """
import sys
from mrstyle.worker_job import read_job
for path in sys.argv[1:]:
    job = read_job(path)
    print(ascii([job.task, job.device, len(job.cases), job.cases[0].name, str(job.cases[0].volume)]))
"""


def drained(work):
    """What a generator returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def test_worker_reads_the_jobs_that_are_written(tmp_path: Path) -> None:
    volume = tmp_path / "Kopf ä.nrrd"
    harmonize = HarmonizeCase(volume, tmp_path / "o.nrrd", tmp_path / "mask.nrrd", name="Kopf")
    jobs = [
        HarmonizeJob("m", {"site": "A"}, (harmonize,), {"n4": True, "conform": False, "brain": "keep"}),
        HarmonizeJob("m", {"reference": tmp_path / "r.nrrd"}, (harmonize,), {}, planes="single"),
        HarmonizeJob("m", {"sample": 3, "site": None}, (harmonize,), {}, seed=3, device="cpu"),
        ThicknessJob((ThicknessCase(volume, tmp_path / "t", compare=tmp_path / "b.nrrd", name="Kopf"),)),
        SitesJob((SitesCase(volume, "Kopf"),)),
    ]
    files = [tmp_path / f"{number}.json" for number in range(len(jobs))]
    for job, file in zip(jobs, files, strict=True):
        job.write(file)
    done = subprocess.run(
        [sys.executable, "-c", READ, *map(str, files)],
        env=worker_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    tasks = [("harmonize", "auto"), ("harmonize", "auto"), ("harmonize", "cpu")]
    tasks += [("thickness", "auto"), ("sites", "auto")]
    assert done.stdout.splitlines() == [ascii([*task, 1, "Kopf", str(volume)]) for task in tasks]


def test_files_of_volumes_are_found(tmp_path: Path) -> None:
    for name in ("b.NII.GZ", "a/c.nrrd", ".hidden.nii", "d.json", "e.mha"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = [path.relative_to(tmp_path).as_posix() for path in drained(volume_files(tmp_path))]
    assert found == ["a/c.nrrd", "b.NII.GZ", "e.mha"]
    assert name_of_file(Path("sub-01_T1w.nii.gz")) == "sub-01_T1w"
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no volume .* DICOM"):
        drained(volume_files(tmp_path / "empty"))


@pytest.mark.parametrize("name", ["scan.nii.gz", "scan.nrrd"])
def test_file_is_loaded_on_its_grid(scene, tmp_path: Path, name: str) -> None:
    array, affine = image_array(), oblique_affine()
    write_image(tmp_path / name, array, affine)
    (tmp_path / "work").mkdir()
    node = drained(load_file(scene, tmp_path / name, tmp_path / "work"))
    np.testing.assert_allclose(slicer.util.arrayFromVolume(node), array, rtol=1e-6)
    np.testing.assert_allclose(affine_of(node), affine, atol=1e-4)
    assert node.GetName() == "scan" and node.GetStorageNode().GetFileName() == str(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"no image", gzip.compress(b"x" * 1000)[:40]])
def test_damaged_file_is_told_and_adds_nothing(scene, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "scan.nii.gz").write_bytes(content)
    nodes = scene.GetNumberOfNodes()
    (tmp_path / "work").mkdir()
    with pytest.raises((ValueError, OSError), match=r"scan\.nii|gzip"):
        drained(load_file(scene, tmp_path / "scan.nii.gz", tmp_path / "work"))
    assert scene.GetNumberOfNodes() == nodes


def test_acquisition_of_a_volumes_file_goes_with_it(scene, tmp_path: Path) -> None:
    write_image(tmp_path / "scan.nrrd", image_array(), np.eye(4))
    sidecar = {"ContrastBolusIngredient": "Gadobutrol", "MagneticFieldStrength": 3, "PatientName": "Somebody"}
    (tmp_path / "scan.json").write_text(json.dumps(sidecar))
    node = slicer.util.loadVolume(str(tmp_path / "scan.nrrd"))
    write_acquisition(node, tmp_path / "exported.nrrd")
    written = json.loads((tmp_path / "exported.json").read_text())
    assert written == {"ContrastBolusIngredient": "GADOLINIUM", "MagneticFieldStrength": 3}
    write_acquisition(add_volume(scene), tmp_path / "other.nrrd")
    assert not (tmp_path / "other.json").exists()
