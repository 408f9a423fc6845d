"""One scan of a cohort, as a Dask worker does it: harmonized, measured, written and recorded."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from dataclasses import asdict, dataclass, field, fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from .cohort_bids import Scan, read_json, sidecar_keys, write_json
from .errors import InputError, MRStyleError, OutOfMemory, PackageError
from .files import sidecar_path
from .preparation import Preparation
from .translate import Planes
from .worker_job_harmonize import HarmonizeTarget

STAGING = ".partial"
HISTOGRAM_BINS, HISTOGRAM_RANGE = 90, (0.0, 1.35)  # of intensities whose 99.5th percentile in the head is 1
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Options:
    """What is done to each scan.

    Attributes:
        model: folder of the package.
        target: what scans shall look like; the path of a reference is absolute.
        preparation, planes, device, seed: see `harmonize.harmonize`.
        request: what a finished scan must have been made with so as not to be done again.
        threads: of torch in each worker; None leaves it to the environment of the worker.
    """

    model: Path
    target: HarmonizeTarget
    preparation: Preparation
    planes: Planes
    device: str
    seed: int
    request: dict[str, Any]
    threads: int | None = None


@dataclass(frozen=True)
class Record:
    """What became of a scan.

    Attributes:
        source, participant, session: see `cohort_bids.Scan`.
        status: "harmonized", "failed" or "duplicate".
        request: how it was made: the options, and the state of the scan's file.
        message: why it was not harmonized.
        exit_code: 0 when it was.
        output: the image in the data set.
        flicker_ratio: see `harmonize.Harmonized`; None where it is infinite.
        histograms: share of voxels by intensity (`HISTOGRAM_RANGE`), "before" and "after".
        sites: probability of each site that the classifier knows, "before" and "after"; empty without a classifier.
    """

    source: str
    participant: str
    session: str
    status: str
    request: dict[str, Any]
    message: str = ""
    exit_code: int = 0
    output: str = ""
    seconds: float = 0.0
    flicker_ratio: float | None = None
    notes: list[str] = field(default_factory=list)
    histograms: dict[str, list[float]] = field(default_factory=dict)
    sites: dict[str, dict[str, float]] = field(default_factory=dict)

    @classmethod
    def read(cls, scan: Scan, out: Path) -> Record | None:
        """The record of an earlier run, if there is one."""
        content = read_json(out / scan.record)
        try:
            return cls(**content) if content.keys() <= {each.name for each in fields(cls)} else None
        except TypeError:
            return None

    def write(self, scan: Scan, out: Path) -> None:
        """Write it; what an earlier run made of a scan that now fails is removed.

        Raises:
            InputError: it cannot be written.
        """
        if self.status != "harmonized":
            _remove(scan, out)
        write_json(out / scan.record, asdict(self))


def is_done(scan: Scan, options: Options, out: Path) -> Record | None:
    """The record of a scan that needs no work: harmonized before, from this file and with these options."""
    record = Record.read(scan, out)
    if record is None or record.status != "harmonized" or not (out / scan.output).is_file():
        return None
    try:
        return record if record.request == options.request | {"source": scan.stamp()} else None
    except OSError:
        return None


def failed(scan: Scan, options: Options, message: str, exit_code: int, status: str = "failed") -> Record:
    """The record of a scan that was not harmonized."""
    return Record(scan.source, scan.participant, scan.session, status, options.request, message, exit_code)


def harmonize_scan(scan: Scan, options: Options, out: Path) -> Record:
    """Harmonize a scan, write its files and its record; a scan that cannot be used is recorded, too.

    It can be called twice for a scan, also at the same time, as Dask does when it takes a worker for lost.

    Raises:
        PackageError: the model cannot be loaded where the worker runs.
        InputError: ``out`` cannot be written to.
    """
    with _one_at_a_time:
        if (before := is_done(scan, options, out)) is not None:
            return before
        try:
            record = _harmonized(scan, options, out)
        except PackageError:
            raise
        except MRStyleError as error:
            record = failed(scan, options, str(error), error.exit_code)
        except MemoryError:
            record = failed(scan, options, "The worker ran out of memory.", OutOfMemory.exit_code)
        except Exception as error:  # one scan must not end the cohort
            message = f"MRStyle failed in a way that it should not: {type(error).__name__}: {error}"
            record = failed(scan, options, message, 1)
        record.write(scan, out)
        return record


def _harmonized(scan: Scan, options: Options, out: Path) -> Record:
    from .harmonize import finite, harmonize
    from .history import write_sidecar
    from .volume import read_volume, write_volume

    started = time.monotonic()
    if options.threads is not None:
        _use_threads(options.threads)
    package, target = _model(options.model, options.target, json.dumps(options.request))
    stamp = scan.stamp()
    volume = read_volume(scan.path)
    done = harmonize(
        volume,
        package,
        target,
        preparation=options.preparation,
        planes=options.planes,
        device=options.device,
        seed=options.seed,
    )
    brain_only = options.preparation.brain == "extract"
    staging = out / STAGING / f"{scan.entities}_{scan.suffix}-{socket.gethostname()}-{os.getpid()}"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir(parents=True)
        image = staging / Path(scan.output).name
        write_volume(done.image, image, done.history.to_json())
        write_sidecar(done.history, image, sidecar_keys(scan, brain_only=brain_only))
        if done.mask is not None:
            mask = staging / Path(scan.mask).name
            write_volume(done.mask, mask)
            write_json(sidecar_path(mask), {"Type": "Brain", "Sources": [f"bids:raw:{scan.source}"]})
        # Were the worker lost from here on, the record of an earlier run would speak of another image.
        _remove(scan, out)
        (out / scan.folder).mkdir(parents=True, exist_ok=True)
        for file in staging.iterdir():
            file.replace(out / scan.folder / file.name)
    except OSError as error:
        raise InputError(f"Cannot write to {out}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    volumes = {"before": volume, "after": done.image}
    return Record(
        source=scan.source,
        participant=scan.participant,
        session=scan.session,
        status="harmonized",
        request=options.request | {"source": stamp},
        output=scan.output,
        flicker_ratio=finite(done.flicker_ratio),
        notes=done.notes,
        histograms=_histograms(volumes, done.mask if brain_only else None),
        sites=_sites(volumes, options.device),
        seconds=round(time.monotonic() - started, 2),
    )


def _remove(scan: Scan, out: Path) -> None:
    """Remove what an earlier run made of a scan."""
    for path in (scan.record, scan.output, scan.mask):
        (out / path).unlink(missing_ok=True)
        sidecar_path(out / path).unlink(missing_ok=True)


def _histograms(volumes: dict[str, Any], brain: Any) -> dict[str, list[float]]:
    """Shares of the voxels of the head, or of the brain where all else was removed; each image scaled by its own
    intensities.
    """
    from .intensity import IntensityMap, foreground_mask

    mask = foreground_mask(volumes["before"].array) if brain is None else brain.array > 0.5
    found = {}
    for name, volume in volumes.items():
        values = IntensityMap.robust(volume.array, mask).forward(volume.array)[mask]
        counts, _ = np.histogram(values, HISTOGRAM_BINS, HISTOGRAM_RANGE)
        found[name] = [round(float(share), 5) for share in counts / values.size]
    return found


def _sites(volumes: dict[str, Any], device: str) -> dict[str, dict[str, float]]:
    """What the site classifier thinks; nothing where there is none, or where it cannot tell."""
    from .qa.sites import classify

    if (classifier := _classifier()) is None:
        return {}
    try:
        opinions = {name: classify(volume, classifier, device=device) for name, volume in volumes.items()}
    except InputError:
        return {}
    return {
        name: {site: round(share, 4) for site, share in opinion.probabilities.items()}
        for name, opinion in opinions.items()
    }


def _use_threads(count: int) -> None:
    import SimpleITK as sitk  # noqa: N813
    import torch

    torch.set_num_threads(count)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(count)


@lru_cache(maxsize=1)
def _model(folder: Path, target: HarmonizeTarget, request: str) -> tuple[Any, Any]:
    """The model and the target, read once a process and ``request``: where they are, others may be later."""
    from .models.package import load_package
    from .worker_harmonize import read_target

    return load_package(folder), read_target(target)


@cache
def _classifier() -> Any:
    from .qa.sites import site_classifier

    try:
        return site_classifier()
    except PackageError:
        return None
