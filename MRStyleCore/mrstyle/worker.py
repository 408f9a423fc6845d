"""``mrstyle infer --job job.json``: one model, many cases, for programs that run MRStyle as a process.

A job is of one task: "transfer" (`worker_job.Job`, also where no task is named), "synthesize", "harmonize", "thickness",
"sites" or "dynamic"; the schema of each is in its module `worker_job_…`.

Protocol 1. Standard output carries one ASCII JSON object a line, and nothing else; whatever libraries print
goes to standard error. Closing standard input cancels, within two seconds.

    hello     protocol, mrstyle, torch, device, name, vram_free_mb (null unless CUDA), reason (of the device)
    progress  case, cases, stage, fraction and eta_s, both of the whole job: the fraction never falls, eta_s
              is null when unknown; at most ten a second
    warning   case, code, message
    result    case, name, outputs, seconds
    error     code, message; case when the others still run; traceback when it is our own fault

Outputs of a transfer: image, history and, when asked for, uncertainty, metrics, report: paths; maps: path by name.
Outputs of a synthesis: sources (volume, acquisition, and origins: where each of its values came from), encoding (path or
null), maps (path by name: effective_pd, effective_t1_ms, effective_t2_ms), targets (image, history, uncertainty: paths or
null; metrics: rows against the reference or null), notes.
Outputs of a harmonization: image, history, mask (path or null), flicker_ratio (1: no more jumps between slices than
in the scan; null where the scan has none), notes.
Outputs of a thickness case: thickness, surface, regions: paths; mean_mm; where there is a second scan also compare (the
same of that), difference, difference_surface: paths, agreement.
Outputs of a sites case: site, probabilities by site, notes.
Outputs of a dynamic series: series (4D file), history, maps (path by name: enhancement, the mean difference from the first
frame in units of its 99.5th percentile; content_weight, by the distance from what enhances; and with one frame for each of the
series cw_ssim_content and, where the style is a frame of the series itself, cw_ssim_style), metrics (path or null), over_time
(CW-SSIM and mean signal of the region frame by frame, as in metrics.json), notes.

Cases count from 1, in the order of the job. What a case writes appears whole or not at all. A case that fails
does not stop the others. Exit codes: 0 all is well, 2 bad input, 3 canceled, 4 out of memory, 5 bad model
package, 1 anything else; of several failures the first one counts, but a cancel always gives 3.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import torch

from . import __version__
from .engine.device import choose
from .intensity import IntensityMap
from .models.catalogue import find
from .models.package import Package, load_package
from .outputs import METRICS_NAME, Outputs, write_maps, write_result
from .qa.evaluate import evaluate
from .qa.report import missing_libraries, write_report
from .targets import Reference
from .translate import content_intensity, translate
from .volume import read_volume
from .worker_cancel import Cancel
from .worker_job import Case, Job, read_job
from .worker_lines import ProgressLines, Sender, private_stream

PROTOCOL = 1
_TRANSLATION_SHARE = 0.75  # of the time of a case whose quality is measured, too


def run(job_path: str | Path, stdin: TextIO | None, stdout: TextIO) -> int:
    """Do the job and return the exit code.

    Args:
        job_path: the job file.
        stdin: closing its other end cancels; None, or a terminal (where Ctrl-C cancels), is not watched.
        stdout: where the protocol goes; it has a file descriptor, which no other output reaches meanwhile.
    """
    with private_stream(stdout) as stream:
        sender = Sender(stream)
        cancel = Cancel(sender)
        if stdin is not None and not stdin.isatty():
            threading.Thread(target=cancel.watch, args=(stdin.fileno(),), daemon=True).start()
        try:
            return _run_job(read_job(job_path), sender, cancel)
        except (Exception, KeyboardInterrupt) as error:
            return sender.failure(error)
        finally:
            cancel.ended.set()


def _run_job(job: Any, sender: Sender, cancel: Cancel) -> int:
    device, reason = choose(job.device)
    sender.send("hello", **_describe(device), reason=reason)
    progress = ProgressLines(sender, len(job.cases))
    run_case = _runner(job, str(device), progress, cancel)
    first_failure = 0
    for number, case in enumerate(job.cases, start=1):
        progress.start_case(number)
        started = time.monotonic()
        try:
            outputs = run_case(case)
        except Exception as error:
            # After a cancel, files vanish under the work that is still going on.
            cancel.check()
            code = sender.failure(error, case=number)
            first_failure = first_failure or code
        else:
            seconds = round(time.monotonic() - started, 3)
            sender.result(case=number, name=case.name, outputs=outputs, seconds=seconds)
    return first_failure


def _runner(
    job: Any, device: str, progress: ProgressLines, cancel: Cancel
) -> Callable[[Any], dict[str, Any]]:
    """What does one case of the job; models are loaded here, once for all cases."""
    if job.task == "synthesize":
        from .synthesis_run import synthesis_model
        from .worker_synthesis import SynthesisRunner

        return SynthesisRunner(job, synthesis_model(job.model), device, progress, cancel)
    if job.task == "harmonize":
        from .worker_harmonize import HarmonizeRunner

        return HarmonizeRunner.of(job, device, progress, cancel)
    if job.task == "thickness":
        from .worker_thickness import ThicknessRunner

        return ThicknessRunner(job, progress, cancel)
    if job.task == "sites":
        from .worker_sites import SitesRunner

        return SitesRunner(job, progress, cancel)
    if job.task == "dynamic":
        from .worker_dynamic import DynamicRunner

        return DynamicRunner.of(job, device, progress, cancel)
    package = load_package(find(job.model))
    # Were the first frame skipped as a bad case, the others would be scaled by a frame with contrast agent.
    intensity = content_intensity(read_volume(job.cases[0].content), package) if job.series else None
    return partial(
        _run_case,
        job=job,
        package=package,
        device=device,
        intensity=intensity,
        progress=progress,
        cancel=cancel,
    )


def _run_case(
    case: Case,
    *,
    job: Job,
    package: Package,
    device: str,
    intensity: IntensityMap | None,
    progress: ProgressLines,
    cancel: Cancel,
) -> dict[str, Any]:
    """Translate one case and write its files; returns their paths by kind."""
    cancel.check()
    case = _without_impossible_report(case, progress)
    measured = case.maps is not None or case.report is not None
    outputs = Outputs([case.content, case.style])
    outputs.add_transfer(case.output, case.uncertainty, case.maps, case.report)
    volumes = {"content": read_volume(case.content), "style": read_volume(case.style)}
    if measured:
        progress.part = (0.0, _TRANSLATION_SHARE)
    result = translate(
        volumes["content"],
        package,
        Reference(volumes["style"]),
        samples=job.samples,
        device=device,
        seed=job.seed,
        intensity=intensity,
        progress=progress,
        cancel=cancel.asked.is_set,
    )
    for note in result.notes:
        progress.warn(note)
    if case.uncertainty is not None and result.uncertainty is None:
        progress.warn("This model gives no uncertainty; only the image is written.")
    evaluation = None
    if measured:
        progress.part = (_TRANSLATION_SHARE, 1.0)
        evaluation = evaluate(result.image, **volumes, progress=progress, cancel=cancel.asked.is_set)
    with cancel.staged(outputs) as place:
        paths = write_result(result, case.output, case.uncertainty, place)
        written: dict[str, Any] = {"image": paths.pop("output"), "history": paths.pop("sidecar")} | paths
        if case.maps is not None and evaluation is not None:
            written["maps"] = write_maps(evaluation, case.maps, place, result.history)
            written["metrics"] = str(case.maps / METRICS_NAME)
        if case.report is not None and evaluation is not None:
            write_report(
                place(case.report), **volumes, result=result, evaluation=evaluation, card=package.card
            )
            written["report"] = str(case.report)
    return written


def _without_impossible_report(case: Case, progress: ProgressLines) -> Case:
    """The case; without its report, and with a warning, where the libraries for one are missing."""
    if case.report is None or not (missing := missing_libraries()):
        return case
    progress.warn(f"No report is written, because it needs {' and '.join(missing)}; install them first.")
    return case.model_copy(update={"report": None})


def _describe(device: torch.device) -> dict[str, Any]:
    """The fields of the hello line that say what runs the job."""
    on_gpu = device.type == "cuda"
    return {
        "protocol": PROTOCOL,
        "mrstyle": __version__,
        "torch": torch.__version__,
        "device": str(device),
        "name": torch.cuda.get_device_name(device) if on_gpu else device.type.upper(),
        "vram_free_mb": torch.cuda.mem_get_info(device)[0] // 2**20 if on_gpu else None,
    }
