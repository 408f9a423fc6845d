"""What loop.compile relies on: compiled networks learn as uncompiled ones do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mrstyle.methods import build

IMAGES = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))


def gradients(network: nn.Module, run: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    network.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = run(*inputs)
    output = output[0] if isinstance(output, tuple) else output
    weights = torch.linspace(-1, 1, output.numel()).reshape(output.shape)
    (output.float() * weights).sum().backward()
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("method", ["anatomy_basis", "content_style"])
def test_compiled_gradients_are_those_of_the_uncompiled_network(method: str) -> None:
    torch.manual_seed(0)
    config = {"context": 0, "width": 8, "max_width": 16, "downsamplings": 2, "residual_blocks": 1}
    network = build(method, config).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    inputs = (IMAGES,) if method == "anatomy_basis" else (IMAGES, IMAGES.flip(0))
    plain = gradients(network, network, inputs)
    compiled = gradients(network, torch.compile(network), inputs)
    largest = max(gradient.norm().item() for gradient in plain.values())
    assert plain.keys() == compiled.keys()
    for name, gradient in plain.items():
        # bfloat16 keeps two to three digits; before a norm, the gradient of a bias is nothing but rounding.
        assert (compiled[name] - gradient).norm() < 0.1 * gradient.norm() + 0.01 * largest, name
