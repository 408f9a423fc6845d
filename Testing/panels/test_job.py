"""Job files: what a panel writes is what the worker reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from worker_helpers import HOST

from MRStyleLib.environment import package_folder, worker_environment
from MRStyleLib.job import Case, DynamicCase, DynamicJob, Job, LikeFrame
from MRStyleLib.run_folder import RunFolder, sweep

READ = """
import sys
from mrstyle.worker_job import read_job
job = read_job(sys.argv[1])
case = job.cases[0]
print(ascii([job.model, job.device, job.samples, job.seed, job.series, len(job.cases)]))
print(ascii([str(p) for p in (case.content, case.style, case.output, case.uncertainty, case.maps, case.report)]))
print(ascii([case.name, job.cases[1].report]))
"""


def test_the_worker_reads_what_is_written(tmp_path: Path) -> None:
    paths = [
        tmp_path / name for name in ("Inhalt ä.nrrd", "スタイル.nrrd", "o.nrrd", "u.nrrd", "maps", "r.html")
    ]
    cases = (Case(*paths, name='Kopf "1" \\ é'), Case(paths[0], paths[1], tmp_path / "o2.nrrd"))
    job = Job("brain-reference", cases, device="cpu", samples=4, seed=7, series=True)
    file = tmp_path / "job.json"
    job.write(file)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(file)],
        env=worker_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        ascii(["brain-reference", "cpu", 4, 7, True, 2]),
        ascii([str(path) for path in paths]),
        ascii(['Kopf "1" \\ é', None]),
    ]


def test_the_worker_reads_a_job_on_series(tmp_path: Path) -> None:
    read = """
import sys
from mrstyle.worker_job import read_job
job = read_job(sys.argv[1])
first, second = job.cases
print(job.task, job.device, first.enhancement, first.like, second.enhancement, second.like.frame, second.like.name)
"""
    cases = (
        DynamicCase(tmp_path / "a", tmp_path / "made_a.nii", "enhanced", maps=tmp_path / "maps"),
        DynamicCase(tmp_path / "b", tmp_path / "made_b.nii", like=LikeFrame(tmp_path / "c", 3, "Niere")),
    )
    DynamicJob("dce", cases, device="cpu").write(tmp_path / "job.json")
    done = subprocess.run(
        [sys.executable, "-c", read, str(tmp_path / "job.json")],
        env=worker_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["dynamic", "cpu", "enhanced", "None", "None", "3", "Niere"]


def test_the_file_is_utf_8(tmp_path: Path) -> None:
    Job("m", (Case(Path("é"), Path("s"), Path("o")),)).write(tmp_path / "job.json")
    assert json.loads((tmp_path / "job.json").read_bytes())["cases"][0]["content"] == "é"


def test_the_workers_environment(monkeypatch) -> None:
    environment = worker_environment({"PYTHONPATH": "before", "OMP_NUM_THREADS": "1000"})
    assert environment["PYTHONPATH"].split(os.pathsep) == [str(package_folder()), "before"]
    assert environment["PYTHONNOUSERSITE"] == "1"
    assert environment["PYTHONIOENCODING"] == "utf-8"
    assert 1 <= int(environment["OMP_NUM_THREADS"]) <= max(1, os.cpu_count() - 1)
    assert worker_environment({"OMP_NUM_THREADS": "1"})["OMP_NUM_THREADS"] == "1"


def test_a_run_folder_lives_under_slicers_temporary_folder(host) -> None:
    folder = RunFolder()
    assert folder.path.parent == Path(host.temporaryPath)
    (folder.path / "a.nrrd").write_bytes(b"1")
    folder.remove()
    assert not folder.path.exists()
    folder.remove()


def test_only_old_run_folders_are_swept(host) -> None:
    new, old = RunFolder(), RunFolder()
    foreign = Path(host.temporaryPath) / "other"
    foreign.mkdir(exist_ok=True)
    for path in (old.path, foreign):
        os.utime(path, (0, 0))
    sweep()
    assert new.path.exists()
    assert foreign.exists()
    assert not old.path.exists()
    new.remove()


def test_nothing_that_slicer_loads_imports_torch_or_the_core() -> None:
    packages = package_folder()
    script = f"""
import os, sys
sys.path[:0] = {[str(packages), str(HOST)]!r}
import slicerhost
slicerhost.start()
slicerhost.app.loadModule({str(packages / "MRStyleCore.py")!r})
import importlib, pkgutil, MRStyleLib
for module in pkgutil.walk_packages(MRStyleLib.__path__, "MRStyleLib."):
    importlib.import_module(module.name)
heavy = [m for m in sys.modules if m.split(".")[0] in ("torch", "pydantic", "monai", "typer") or m.startswith("mrstyle.")]
print(len([m for m in sys.modules if m.startswith("MRStyleLib.")]), heavy, flush=True)
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    count, heavy = done.stdout.splitlines()[-1].split(" ", 1)
    assert int(count) >= 15
    assert heavy == "[]"
