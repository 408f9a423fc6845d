"""From one or a few scans of a patient to any contrast: they are encoded once, then every target is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import cast

import numpy as np
import torch
from torch import Tensor

from .acquisition import Acquisition, label, missing
from .encoding import Encoding, ResidualGain, stored_residual
from .engine.channels import read_channels, variations
from .engine.device import choose
from .engine.fusion import fused
from .engine.plan import Plan, first_plan, run_down
from .engine.prepared import Prepared
from .engine.report import Progress, Reporter
from .engine.slices import PLANES, slice_axes
from .errors import InputError
from .estimate import estimate
from .history import History, versions
from .methods.crl import CRL
from .methods.relaxometry import GREATEST_RESIDUAL, LOG_SD, PD, R1, R2, RESIDUAL, Relaxometry, strength
from .models.package import Package
from .result import Result
from .sequence_range import SequenceRange, outside
from .volume import Volume

__all__ = ["drawn_from", "encode", "estimate", "synthesize"]

_SAME_PATIENT_DICE = 0.85
_LAPLACE_SD = float(np.sqrt(2))  # standard deviation of a Laplace distribution of scale 1
_LEAST_LOG_SD, _GREATEST_LOG_SD = -7.0, 2.0

Tell = Callable[[Progress], None] | None
Asked = Callable[[], bool] | None


def synthesize(
    sources: Sequence[Volume],
    model: Package,
    targets: Sequence[Acquisition],
    *,
    samples: int = 1,
    device: str = "auto",
    seed: int = 0,
    progress: Tell = None,
    cancel: Asked = None,
) -> list[Result]:
    """Draw each of ``targets`` from scans of one patient; all targets share one encoding.

    Args:
        sources: scans on one grid, each with a complete acquisition; the images are in the intensities of the first.
        model: a package of method ``relaxometry`` or ``crl``.
        targets: complete acquisitions.
        samples: 1 is deterministic; ``relaxometry`` then has an uncertainty all the same. More are for ``crl``: the mean of as
            many runs, with random gains and mirrored, and their standard deviation as uncertainty.
        device: "auto", "cpu", "cuda" or "mps".
        seed: of the samples.
        progress: is told how far it is, a few times a second.
        cancel: asked several times a second; True ends the run.

    Returns:
        One result a target, in their order, with warnings in its notes.

    Raises:
        InputError: the model does not take sequence parameters, a parameter is missing, or the volumes do not belong together.
        Cancelled: ``cancel`` said so.
        OutOfMemory: not even the smallest plan fits into memory.
    """
    for target in targets:
        _check_complete(target, "The target")
    if isinstance(model.network, Relaxometry):
        encoding = encode(sources, model, device=device, progress=progress, cancel=cancel)
        return [drawn_from(encoding, sources[0], target) for target in targets]
    report = Reporter(progress, cancel)
    prepared = _prepared(sources, model, report)
    drawn, plan = _draw(prepared, model, targets, samples, device, seed, report)
    report.at("finishing", 0.99)
    return [
        _result(
            sources[0],
            target,
            image,
            spread,
            _history(prepared, model, target, plan, samples, seed),
            report.notes,
            model.card.sequences,
        )
        for target, (image, spread) in zip(targets, drawn, strict=True)
    ]


def encode(
    sources: Sequence[Volume],
    model: Package,
    *,
    device: str = "auto",
    progress: Tell = None,
    cancel: Asked = None,
) -> Encoding:
    """What the tissue is, from scans of one patient; see `synthesize` for the arguments and errors.

    Raises:
        InputError: also when the model is not of method ``relaxometry``: others have no tissue maps.
    """
    report = Reporter(progress, cancel)
    if not isinstance(model.network, Relaxometry):
        raise InputError(
            f"The model {model.card.id} has no tissue maps; choose one of method relaxometry, such as contrast-relaxometry."
        )
    encoding = _encode(_prepared(sources, model, report), model, device, report)
    report.at("finishing", 0.99)
    return encoding


def drawn_from(encoding: Encoding, source: Volume, target: Acquisition) -> Result:
    """What `synthesize` gives of a target, from an encoding of ``source``, at once.

    Raises:
        InputError: a parameter of the target is missing.
    """
    _check_complete(target, "The target")
    facts = {name: value for name, value in encoding.history.items() if name != "notes"}
    history = replace(History.from_dict(facts), target={"kind": "acquisition"} | target.as_dict())
    image, spread = encoding.render(target), encoding.standard_deviation(target)
    return _result(source, target, image, spread, history, encoding.history["notes"], encoding.trained)


def _result(
    source: Volume,
    target: Acquisition,
    image: np.ndarray,
    spread: np.ndarray | None,
    history: History,
    notes: list[str],
    seen: Sequence[SequenceRange],
) -> Result:
    volume = replace(source, acquisition=target).with_array(image, f"{source.name} as {_name(target)}")
    uncertainty = None
    if spread is not None:
        blank = replace(source, acquisition=None)
        uncertainty = blank.with_array(spread, f"Uncertainty of {volume.name}")
    warning = outside(target, seen)
    return Result(volume, uncertainty, history, [*notes, *([f"Target: {warning}"] if warning else [])])


def _prepared(sources: Sequence[Volume], model: Package, report: Reporter) -> list[Prepared]:
    """The scans ready for the network, checked one by one and together."""
    if "acquisition" not in model.card.target_kinds:
        raise InputError(
            f"The model {model.card.id} takes a target of kind {', '.join(model.card.target_kinds)}, not sequence "
            "parameters; choose one that does, such as contrast-relaxometry."
        )
    if not sources:
        raise InputError("Give at least one scan to synthesize from.")
    report.at("reading intensities", 0.0)
    for volume in sources:
        acquisition = _acquisition(volume)
        _check_complete(acquisition, f"The scan {volume.name}")
        if warning := outside(acquisition, model.card.sequences):
            report.tell(f"{volume.name}: {warning}")
    prepared = [Prepared.of(volume, model.card.accepts.minimum_size_voxels) for volume in sources]
    first = prepared[0]
    for other in prepared[1:]:
        if not other.volume.has_grid_of(first.volume):
            raise InputError(
                f"{other.volume.name} is not on the grid of {first.volume.name}; register and resample it to that volume "
                "first (the same size, spacing, orientation and origin)."
            )
        overlap = 2 * (first.mask & other.mask).sum() / max(1, first.mask.sum() + other.mask.sum())
        if overlap < _SAME_PATIENT_DICE:
            report.tell(
                f"{other.volume.name} and {first.volume.name} do not show the same outline (overlap {overlap:.2f}); check "
                "that they are of one patient, in one place, and both with or both without skull."
            )
    return prepared


def _acquisition(volume: Volume) -> Acquisition:
    return volume.acquisition or Acquisition()


def _check_complete(acquisition: Acquisition, what: str) -> None:
    if names := missing(acquisition):
        words = ", ".join(label(name) for name in names)
        raise InputError(f"{what} lacks its {words}; enter it, or let it be estimated from the image.")


def _encode(sources: list[Prepared], model: Package, device: str, report: Reporter) -> Encoding:
    network = cast(Relaxometry, model.network)
    first = sources[0]

    def work(plan: Plan) -> np.ndarray:
        codes = []
        for index, source in enumerate(sources):
            span = (0.02 + 0.95 * index / len(sources), 0.02 + 0.95 * (index + 1) / len(sources))
            acquisition = _acquisition(source.volume)
            codes.append(
                read_channels(
                    network,
                    lambda slices, taken=acquisition: network.encode(slices[0], taken),  # type: ignore[misc]
                    [source],
                    plan,
                    report,
                    span,
                )
            )
        return fused(codes, first.mask)

    code, plan = _run(work, device, report)
    inside = code[R1] != 0  # where there were slices; elsewhere is air without a patient near
    pd = np.where(inside, np.exp(code[PD]), 0)
    # In air a network may make tissue out of noise; there is no more of it than the scan can show.
    air = (
        np.zeros_like(pd) if first.is_cut_out else first.array.clip(0) / strength(_acquisition(first.volume))
    )
    pd = np.where(first.mask, pd, np.minimum(pd, air)) * np.float32(first.intensity.scale)
    log_sd = np.clip(code[LOG_SD] + np.log(_LAPLACE_SD), _LEAST_LOG_SD, _GREATEST_LOG_SD)
    gain = ResidualGain(*(values.detach().float().cpu().numpy() for values in network.gain.parameters()))
    restore = first.restore
    return Encoding(
        pd=restore(pd.astype(np.float32)),
        r1_per_s=restore(np.exp(code[R1])),
        r2_per_s=restore(np.exp(code[R2])),
        log_sd=np.stack([restore(np.exp(each)) for each in log_sd]).astype(np.float16),
        residual=np.stack([restore(stored_residual(each, GREATEST_RESIDUAL)) for each in code[RESIDUAL:]]),
        gain=gain,
        greatest_residual=GREATEST_RESIDUAL,
        affine=first.volume.affine,
        sources=tuple(_acquisition(source.volume) for source in sources),
        model_name=model.card.name,
        trained=model.card.sequences,
        history=_history(sources, model, None, plan, 1, 0).to_dict() | {"notes": list(report.notes)},
    )


def _draw(
    sources: list[Prepared],
    model: Package,
    targets: Sequence[Acquisition],
    samples: int,
    device: str,
    seed: int,
    report: Reporter,
) -> tuple[list[tuple[np.ndarray, np.ndarray | None]], Plan]:
    """Mean and standard deviation of each target by ``crl``, on the grid and in the intensities of the first source."""
    network = cast(CRL, model.network)
    taken = [_acquisition(source.volume) for source in sources]
    first = sources[0]

    def compute(slices: list[Tensor]) -> Tensor:
        codes = [network.encode(image, each) for image, each in zip(slices, taken, strict=True)]
        common = torch.stack(codes).mean(dim=0)
        return torch.cat([network.decode(common, target) for target in targets], dim=1)

    def work(plan: Plan) -> np.ndarray:
        runs = variations(samples, seed)
        return np.stack(
            [
                read_channels(
                    network,
                    compute,
                    sources,
                    plan,
                    report,
                    (0.02 + 0.95 * index / len(runs), 0.02 + 0.95 * (index + 1) / len(runs)),
                    run,
                )
                for index, run in enumerate(runs)
            ]
        )

    outputs, plan = _run(work, device, report)
    outputs = np.where(first.mask, outputs, 0 if first.is_cut_out else np.minimum(outputs, first.array))
    outputs *= first.intensity.scale
    means = [first.restore(each) for each in outputs.mean(axis=0)]
    spreads: list[np.ndarray | None] = [None] * len(means)
    if samples > 1:
        spreads = [first.restore(each) for each in outputs.std(axis=0, ddof=1)]
    return list(zip(means, spreads, strict=True)), plan


def _run(work: Callable[[Plan], np.ndarray], device: str, report: Reporter) -> tuple[np.ndarray, Plan]:
    """``work`` by the first plan that fits into memory."""
    chosen, reason = choose(device)
    if device == "auto":
        report.tell(f"Device: {reason}")
    return run_down(first_plan(chosen), work, report.tell)


def _history(
    sources: list[Prepared], model: Package, target: Acquisition | None, plan: Plan, samples: int, seed: int
) -> History:
    first, *others = (
        source.record() | {"acquisition": _acquisition(source.volume).as_dict()} for source in sources
    )
    spacing = sources[0].spacing_kji_mm
    return History(
        model_id=model.card.id,
        model_version=model.card.version,
        weights_sha256=model.weights_sha256,
        target={"kind": "acquisition"} | (target.as_dict() if target else {}),
        content=first | ({"others": others} if others else {}),
        samples=samples,
        seed=seed,
        device=str(plan.device),
        precision=plan.precision,
        planes=[PLANES[axis] for axis in slice_axes(spacing, spacing)],
        versions=versions(),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def _name(target: Acquisition) -> str:
    """A target in a few characters, for the name of an image."""
    parts = {"TR": target.repetition_time_ms, "TE": target.echo_time_ms, "TI": target.inversion_time_ms}
    return " ".join(f"{name} {value:g}" for name, value in parts.items() if value)
