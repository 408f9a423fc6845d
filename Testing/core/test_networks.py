"""Networks: published parameter counts, shapes, and what each modulation does with a style."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from mrstyle import methods
from mrstyle.errors import PackageError
from mrstyle.methods.content_style import ContentStyle, ContentStyleConfig
from mrstyle.networks.blocks import doubled
from mrstyle.networks.instance_norm import InstanceNorm
from mrstyle.networks.modulation import MODULATIONS, AdaConv

TINY = {
    "width": 8,
    "max_width": 16,
    "style_width": 4,
    "style_max_width": 8,
    "style_dim": 6,
    "style_hidden": 8,
}


def test_the_faithful_configuration_has_the_published_parameter_count() -> None:
    network = ContentStyle(ContentStyleConfig.munit())
    millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert round(millions, 3) == 15.007


@pytest.mark.parametrize("modulation", sorted(MODULATIONS))
@pytest.mark.parametrize("skips", [True, False])
def test_every_modulation_lets_the_style_change_the_image(modulation: str, skips: bool) -> None:
    torch.manual_seed(0)
    network = methods.build("content_style", TINY | {"modulation": modulation, "skips": skips}).eval()
    content = torch.rand(2, 3, 32, 48)
    dark, bright = (network.style(torch.rand(1, 1, 40, 40) * level) for level in (0.1, 1.0))
    with torch.no_grad():
        code = network.encode(content)
        outputs = [network.decode(code, style) for style in (dark, bright)]
    assert outputs[0].shape == (2, 1, 32, 48)
    assert not torch.allclose(outputs[0], outputs[1], atol=1e-5)


@pytest.mark.parametrize("modulation", sorted(MODULATIONS))
def test_one_style_serves_a_batch(modulation: str) -> None:
    """A style of batch 1 gives each image what it would get alone."""
    torch.manual_seed(0)
    network = methods.build("content_style", TINY | {"modulation": modulation}).eval()
    content = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        style = network.style(torch.rand(1, 1, 32, 32))
        together = network.decode(network.encode(content), style)
        alone = torch.cat([network.decode(network.encode(image[None]), style) for image in content])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_instance_norm_is_that_of_torch() -> None:
    x = torch.randn(2, 5, 13, 9) * 3 + 1
    torch.testing.assert_close(InstanceNorm()(x), F.instance_norm(x), atol=1e-5, rtol=1e-5)


def gradient(function: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Of a sum over the output with other weights for each value."""
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    output = function(x)
    weights = torch.linspace(-1, 1, output.numel()).reshape(output.shape)
    (output * weights).sum().backward()
    return x.grad


@pytest.mark.parametrize("size", [(6, 7), (40, 31), (3, 20, 24)])
@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
def test_the_gradients_of_norm_and_doubling_are_those_of_torch(size: tuple[int, ...], last: bool) -> None:
    """Few and many pixels, and volumes: each goes another way."""
    torch.manual_seed(0)
    x = torch.randn(2, 5, *size) * 3 + 1
    if last:
        x = x.to(memory_format={4: torch.channels_last, 5: torch.channels_last_3d}[x.ndim])
    torch.testing.assert_close(
        gradient(InstanceNorm(), x), gradient(F.instance_norm, x), atol=1e-5, rtol=1e-4
    )
    factors = (1.0,) * (len(size) - 2) + (2.0, 2.0)
    nearest = partial(F.interpolate, scale_factor=factors)
    torch.testing.assert_close(doubled(x), nearest(x))
    torch.testing.assert_close(gradient(doubled, x), gradient(nearest, x))


def test_adaconv_convolves_by_its_kernels_one_after_the_other() -> None:
    """Depthwise, then pointwise within groups, then an ordinary convolution (Chandran et al., CVPR 2021)."""
    torch.manual_seed(0)
    layer, x, style = AdaConv(8, 6), torch.randn(2, 8, 9, 7), torch.randn(2, 6, 3, 3)
    with torch.no_grad():
        output = layer(x, style)
        pooled = style.mean(dim=(2, 3), keepdim=True)
        depthwise = layer.depthwise(F.pad(style, (1, 1, 1, 1), mode="replicate"))
        pointwise = layer.pointwise(pooled).reshape(2, 8, 8 // layer.pointwise_groups, 1, 1)
        padded = F.pad(F.instance_norm(x), (1, 1, 1, 1), mode="reflect")
        for index in range(2):
            y = F.conv2d(padded[[index]], depthwise[index][:, None], groups=8)
            y = F.conv2d(y, pointwise[index], groups=layer.pointwise_groups)
            expected = layer.conv(y + layer.bias(pooled[[index]]))
            torch.testing.assert_close(output[[index]], expected, atol=1e-5, rtol=1e-4)


def test_foreground_pooling_ignores_how_much_air_there_is() -> None:
    torch.manual_seed(0)
    network = methods.build("content_style", TINY | {"padding": "zeros"}).eval()
    head = torch.zeros(1, 1, 64, 64)
    head[..., 16:48, 16:48] = torch.rand(32, 32) * 0.5 + 0.5
    wide = F.pad(head, (64, 64, 64, 64))
    with torch.no_grad():
        near, far = network.style(head), network.style(wide)
        other = network.style(head * 0.5)
    assert (near - far).norm() < 0.05 * near.norm()
    assert (near - other).norm() > 3 * (near - far).norm()


@pytest.mark.parametrize(
    ("name", "config", "complaint"),
    [
        ("pix2pix", {}, "Unknown method"),
        ("content_style", {"modulation": "adagain"}, "Unknown modulation"),
        ("content_style", {"width": -1}, "width"),
        ("content_style", {"wdith": 8}, "wdith"),
        ("nyul", {"landmarks": 3}, "landmarks"),
    ],
)
def test_what_cannot_be_built_is_refused(name: str, config: dict, complaint: str) -> None:
    with pytest.raises(PackageError, match=complaint):
        methods.build(name, config)
