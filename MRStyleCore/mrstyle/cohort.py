"""Many scans of a BIDS folder harmonized by many workers: what is done already is skipped, and nothing of what is done
gets lost.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .cohort_bids import Scan, find_duplicates, find_scans, start_derivatives
from .cohort_scan import STAGING, Options, Record, failed, harmonize_scan, is_done
from .engine.device import choose
from .errors import InputError, MRStyleError, OutOfMemory
from .harmonize import NOTHING, check_target
from .history import array_sha256
from .models.package import Package
from .preparation import Preparation
from .targets import Reference
from .translate import Planes
from .worker_harmonize import read_target
from .worker_job_harmonize import HarmonizeTarget

if TYPE_CHECKING:
    from distributed import Client

WORKER_BYTES = 4 << 30
_CONNECTING_S = 20


def cohort_options(
    package: Package,
    target: HarmonizeTarget,
    *,
    preparation: Preparation = NOTHING,
    planes: Planes = "fused",
    device: str = "auto",
    seed: int = 0,
) -> Options:
    """The options of a cohort, with what tells them from others.

    Args:
        package: the model.
        target: what the scans shall look like.
        preparation, planes, device, seed: see `harmonize.harmonize`.

    Raises:
        InputError: the model does not know the target, or its reference cannot be read.
    """
    read = read_target(target)
    check_target(package.card, read)
    identity = {"kind": read.kind} | target.model_dump(mode="json", exclude_none=True)
    if isinstance(read, Reference):
        # Its place does not matter, and what is there may change.
        identity |= {"reference": array_sha256(read.volume.array), "name": read.volume.name}
    request = {
        "model": package.card.name,
        "weights_sha256": package.weights_sha256,
        "target": identity,
        "preparation": asdict(preparation),
        "planes": planes,
        "seed": seed,
    }
    return Options(package.folder.resolve(), target, preparation, planes, device, seed, request)


def harmonize_cohort(
    bids: Path,
    out: Path,
    options: Options,
    *,
    suffix: str = "T1w",
    labels: tuple[str, ...] = (),
    scheduler: str | None = None,
    workers: int | None = None,
    threads: int | None = None,
    finished: Callable[[Record, bool], None] = lambda record, is_new: None,
) -> list[Record]:
    """Harmonize the scans of a BIDS folder into a data set of derivatives.

    Args:
        bids: the BIDS folder.
        out: the data set of derivatives; made if needed.
        options: from `cohort_options`.
        suffix: the BIDS suffix of the contrast.
        labels: participants; none: all.
        scheduler: address of a Dask scheduler, whose workers see the same folders; None: workers on this machine.
        workers: on this machine; None: as many as there are cores and memory for.
        threads: of torch in each of them; None: cores / workers.
        finished: told each record when it is there, and whether it is of this run.

    Returns:
        The record of each scan, in the order of their paths.

    Raises:
        InputError: folders, participants or the scheduler are not usable, or Dask is not installed.
        PackageError: a worker could not load the model.
    """
    if importlib.util.find_spec("distributed") is None:
        raise InputError('A cohort needs Dask; run pip install "mrstyle[cluster]" first.')
    start = find_scans(bids, suffix, labels)
    duplicates = find_duplicates(find_scans(bids, suffix))
    start_derivatives(out, bids)
    out = out.resolve()
    records: dict[str, Record] = {}
    todo = []
    for scan in start:
        if scan.source in duplicates:
            message = f"It is the same image as {duplicates[scan.source]}, which stands for both; remove one of them."
            records[scan.source] = failed(scan, options, message, InputError.exit_code, "duplicate")
            records[scan.source].write(scan, out)
            finished(records[scan.source], True)
        elif (record := is_done(scan, options, out)) is not None:
            records[scan.source] = record
            finished(record, False)
        else:
            todo.append(scan)
    if todo:
        from dask.system import CPU_COUNT

        count = min(workers or _local_workers(options.device), len(todo))
        if scheduler is None:
            options = replace(options, threads=threads or max(1, CPU_COUNT // count))
        try:
            with _client(scheduler, count) as client:
                for record in _run(client, todo, options, out):
                    records[record.source] = record
                    finished(record, True)
        finally:
            _clean(out, todo)
    return [records[scan.source] for scan in start]


def _run(client: Client, scans: list[Scan], options: Options, out: Path) -> Iterator[Record]:
    """The records of scans, in the order in which they are finished."""
    from distributed import KilledWorker, as_completed

    futures = {client.submit(harmonize_scan, scan, options, out, pure=False): scan for scan in scans}
    for future in as_completed(list(futures)):
        scan, error = futures.pop(future), future.exception()
        if error is None:
            record = future.result()
        elif isinstance(error, MRStyleError):
            raise error
        elif isinstance(error, KilledWorker):
            message = "The worker died again and again while on it, most likely for want of memory; try fewer workers."
            record = failed(scan, options, message, OutOfMemory.exit_code)
            record.write(scan, out)
        else:
            raise InputError(
                f"A worker cannot run this ({type(error).__name__}: {error}); install the same mrstyle where the workers run."
            ) from error
        future.release()
        yield record


@contextmanager
def _client(scheduler: str | None, workers: int) -> Iterator[Client]:
    """A client of the scheduler, or of a cluster of this machine with so many workers."""
    from distributed import Client, LocalCluster

    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=_CONNECTING_S)
        except (OSError, ValueError) as error:
            raise InputError(
                f"There is no Dask scheduler at {scheduler} ({error}); check its address, such as tcp://host:8786."
            ) from error
        with client:
            yield client
        return
    # Dask would end a worker by its own idea of memory; the engine steps down by itself where memory runs out.
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=None,
            dashboard_address="127.0.0.1:0",
            silence_logs=50,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def _local_workers(device: str) -> int:
    """One for each core that has memory for it; one where a GPU does the work."""
    if choose(device)[0].type != "cpu":
        return 1
    from dask.system import CPU_COUNT
    from psutil import virtual_memory

    return max(1, min(CPU_COUNT, int(virtual_memory().available // WORKER_BYTES)))


def _clean(out: Path, scans: list[Scan]) -> None:
    """Remove what workers that were lost had begun to write."""
    for scan in scans:
        for left in (out / STAGING).glob(f"{scan.entities}_{scan.suffix}-*"):
            shutil.rmtree(left, ignore_errors=True)
    with suppress(OSError):  # another run may write there, too
        (out / STAGING).rmdir()
