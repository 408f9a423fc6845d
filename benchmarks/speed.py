"""How fast and how large a translation is, against the same network run the plain way; all in one run.

    python benchmarks/speed.py [--model brain-reference] [--repeats 3] > result.json

The plain way is what a port of published code does: float32, NCHW, F.instance_norm, every slice of the volume in each of the
three directions, one after the other. The content is a digital head phantom without skull on a 182 x 218 x 182 grid of 1 mm.
"""

from __future__ import annotations

import argparse
import copy
import json
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mrstyle.acquisition import Acquisition
from mrstyle.engine.device import has_fast_bfloat16
from mrstyle.engine.plan import Plan, first_plan
from mrstyle.engine.prepared import Prepared
from mrstyle.engine.report import Reporter
from mrstyle.engine.run import translate_slices
from mrstyle.models.catalogue import find
from mrstyle.models.package import Package, load_package
from mrstyle.networks.instance_norm import InstanceNorm
from mrstyle.physics.phantom import head_phantom
from mrstyle.targets import Reference
from mrstyle.translate import translate
from mrstyle.volume import Volume

SHAPE = (182, 218, 182)
T1W = Acquisition("mprage", 2300, 3, 900, 9, 3.0)
T2W = Acquisition("spin_echo", 5000, 100, field_strength_t=3.0)


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Median wall time."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def plain(network: nn.Module) -> nn.Module:
    """The same network as published code runs it."""
    network = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
    for module in network.modules():
        if isinstance(module, InstanceNorm):
            module.forward = F.instance_norm  # type: ignore[method-assign]
    return network


def plain_volume(network: nn.Module, content: np.ndarray, style: np.ndarray) -> None:
    """Axial, coronal and sagittal slices, one by one, float32, each with its neighbors."""
    with torch.inference_mode():
        for axis in range(3):
            slices, middle = (_padded(np.moveaxis(array, axis, 0), network) for array in (content, style))
            examples = range(len(middle) // 4, len(middle) - len(middle) // 4, 6)
            codes = [network.style(_with_neighbors(middle, index)) for index in examples]
            code = torch.cat(codes).mean(0, keepdim=True)
            for index in range(len(slices)):
                network.decode(network.encode(_with_neighbors(slices, index)), code)


def _padded(array: np.ndarray, network: nn.Module) -> Tensor:
    slices = torch.from_numpy(np.ascontiguousarray(array))
    return F.pad(slices, (0, -slices.shape[2] % network.divisor, 0, -slices.shape[1] % network.divisor))


def _with_neighbors(slices: Tensor, index: int) -> Tensor:
    """(1, 3, H, W); the ends are repeated."""
    return slices[[min(max(index + offset, 0), len(slices) - 1) for offset in (-1, 0, 1)]][None]


def one_slice(network: nn.Module, layout: torch.memory_format, dtype: torch.dtype) -> Callable[[], Tensor]:
    """A single slice through encoder and decoder."""
    image = torch.rand(1, 3, 192, 224).contiguous(memory_format=layout)
    code = network.style(torch.rand(1, 3, 192, 192))

    def work() -> Tensor:
        with torch.inference_mode(), torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
            return network.decode(network.encode(image), code)

    return work


def convolution_peak(dtype: torch.dtype) -> float:
    """GFLOP/s of the machine's best 3x3 convolution."""
    x = torch.randn(4, 128, 192, 192, dtype=dtype).contiguous(memory_format=torch.channels_last)
    w = torch.randn(128, 128, 3, 3, dtype=dtype).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        F.conv2d(x, w, padding=1)
        return 2 * 4 * 128 * 128 * 9 * 192 * 192 / seconds(lambda: F.conv2d(x, w, padding=1), 5) / 1e9


def network_gflop(network: nn.Module) -> float:
    """Floating-point operations of one 192 x 224 slice, in 1e9."""
    from torch.utils.flop_counter import FlopCounterMode

    work = one_slice(network, torch.contiguous_format, torch.float32)
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() / 1e9


def run(package: Package, repeats: int) -> dict:
    """All figures."""
    network = package.network
    content, style = (
        head_phantom(seed, SHAPE).render(acquisition, skull=False, seed=seed)
        for seed, acquisition in ((1, T1W), (2, T2W))
    )
    dtype = torch.bfloat16 if has_fast_bfloat16(torch.device("cpu")) else torch.float32
    slow = plain(network)
    fast = copy.deepcopy(network).to(memory_format=torch.channels_last)
    works = (
        one_slice(slow, torch.contiguous_format, torch.float32),
        one_slice(fast, torch.channels_last, dtype),
    )
    for work in works:
        work()
    plain_s, ours_s = (seconds(work, 5 * repeats) for work in works)
    peak = convolution_peak(dtype)

    prepared = Prepared.of(content, 1), Prepared.of(style, 1)
    plain_volume_s = seconds(lambda: plain_volume(slow, prepared[0].array, prepared[1].array), 1)
    ours_volume_s = seconds(lambda: translate(content, package, Reference(style), device="cpu"), repeats)
    return {
        "model": package.card.name,
        "threads": torch.get_num_threads(),
        "precision": str(dtype).removeprefix("torch."),
        "amx": bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()),
        "slice_192x224": {
            "plain_ms": plain_s * 1e3,
            "ours_ms": ours_s * 1e3,
            "ratio": plain_s / ours_s,
            "fraction_of_convolution_peak": network_gflop(network) / ours_s / peak,
        },
        "volume_182x218x182": {
            "plain_s": plain_volume_s,
            "ours_s": ours_volume_s,
            "ratio": plain_volume_s / ours_volume_s,
        },
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "windowed_relative_l2": windowed_error(network, content, style),
    }


def windowed_error(network: nn.Module, content: Volume, style: Volume) -> float:
    """Relative L2 difference of the output in windows of 192 pixels from the output of whole slices."""
    part = content.with_array(np.where(np.arange(SHAPE[0])[:, None, None] // 8 == 10, content.array, 0))
    prepared = Prepared.of(part, 1), Prepared.of(style, 1)
    plan = first_plan(torch.device("cpu"))
    whole, windowed = (
        translate_slices(
            network, *prepared, Plan(plan.device, plan.precision, 1, size), 1, 0, Reporter(None, None)
        )[0]
        for size in (None, 192)
    )
    return float(np.linalg.norm(windowed - whole) / np.linalg.norm(whole))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="brain-reference", help="id or folder of a package")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    print(json.dumps(run(load_package(find(arguments.model)), arguments.repeats), indent=2))


if __name__ == "__main__":
    main()
