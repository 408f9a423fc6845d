"""The mixture method: least squares recovers a contrast, and gives tissues that the reference lacks a likely one."""

from __future__ import annotations

import torch
from torch import Tensor

from mrstyle import methods
from mrstyle.methods.anatomy_basis import AnatomyBasis

TINY = {"maps": 4, "width": 4, "max_width": 8, "downsamplings": 2, "residual_blocks": 1, "hidden": 8}


def _network() -> AnatomyBasis:
    torch.manual_seed(0)
    network = methods.build("anatomy_basis", TINY).eval()
    assert isinstance(network, AnatomyBasis)
    return network


def _fractions(*shape: int) -> Tensor:
    return torch.randn(shape[0], 5, *shape[1:]).mul(3).softmax(dim=1)[:, 1:]


def test_the_contrast_of_the_reference_is_given_to_the_content() -> None:
    """Reference and content are other people; their signal is the same mixture of their own tissue fractions."""
    network = _network()
    network.log_ridge.data.fill_(-12.0)
    contrast = torch.tensor([1.0, 0.2, 0.6, 0.4])
    reference, content = _fractions(3, 32, 32), _fractions(1, 16, 16)
    image = torch.einsum("bkhw,k->bhw", reference, contrast).unsqueeze(1)
    with torch.no_grad():
        equations = network.normal_equations(reference, image).mean(dim=0, keepdim=True)
        output = network.decode(content, equations)
    truth = torch.einsum("bkhw,k->bhw", content, contrast).unsqueeze(1)
    torch.testing.assert_close(output, truth, atol=0.01, rtol=0)


def test_the_amount_of_air_does_not_matter() -> None:
    network = _network()
    reference = _fractions(1, 32, 32)
    image = reference[:, :1] * 0.7 + reference[:, 1:2] * 0.1
    wide_reference, wide_image = (torch.nn.functional.pad(x, (32, 32, 32, 32)) for x in (reference, image))
    with torch.no_grad():
        near = network.weights(network.normal_equations(reference, image))
        far = network.weights(network.normal_equations(wide_reference, wide_image))
    torch.testing.assert_close(near, far, atol=1e-3, rtol=1e-3)


def test_a_tissue_that_the_reference_lacks_gets_what_the_guess_says() -> None:
    network = _network()
    with torch.no_grad():
        network.guess[2].weight.zero_()
        network.guess[2].bias.copy_(torch.tensor([9.0, 9.0, 9.0, 0.5]))
    reference = _fractions(1, 32, 32)
    reference[:, 3] = 0
    image = reference[:, :1] * 0.7
    with torch.no_grad():
        weights = network.weights(network.normal_equations(reference, image))[0]
    assert abs(weights[3].item() - 0.5) < 0.01
    assert abs(weights[0].item() - 0.7) < 0.3


def test_maps_are_fractions() -> None:
    network = _network()
    with torch.no_grad():
        maps = network.encode(torch.rand(2, 3, 32, 40))
    assert maps.shape == (2, 4, 32, 40)
    assert maps.min() >= 0
    assert maps.sum(dim=1).max() <= 1 + 1e-5


def test_parameters_fit_into_a_small_package() -> None:
    network = methods.build("anatomy_basis", {})
    assert sum(parameter.numel() for parameter in network.parameters()) < 4e6
