"""Method ``anatomy_basis``: an image is a mixture of a few anatomy maps, and a style is the mixture's weights.

A voxel's signal is the sum of the signals of the tissues in it, weighted by their fractions. So a network reads maps of such
fractions from a slice of any contrast, and the contrast itself is one number a map: what the tissue gives in that
sequence. These numbers need not be learned. They are read from the reference by least squares: its own maps,
weighted, must give its intensities. The same weights on the maps of the content give the content in that contrast.

The maps are those of SDNet (Chartsias et al., Medical Image Analysis 58:101535, 2019): spatial anatomy factors by
softmax. There a network predicts the style; here it is solved for, which needs far less training (our own).
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ..acquisition import Acquisition
from ..networks.blocks import UpBlock, convolution
from ..networks.encoders import ContentEncoder, widths


class AnatomyBasisConfig(BaseModel):
    """Everything that fixes the shape of the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    context: int = Field(1, ge=0, le=4, description="neighbor slices on each side that are seen along")
    maps: int = Field(16, ge=2, le=128)
    width: int = Field(32, ge=4, le=512, description="channels at full size")
    max_width: int = Field(128, ge=4, le=1024)
    downsamplings: int = Field(3, ge=1, le=5)
    residual_blocks: int = Field(2, ge=0, le=16)
    hidden: int = Field(
        64, ge=4, le=512, description="of the network that guesses tissues the reference lacks"
    )
    padding: Literal["reflect", "zeros"] = "zeros"
    pixel_range_mm: tuple[float, float] = Field((0.7, 1.35), description="pixel sizes seen in training")


class AnatomyBasis(nn.Module):
    """Slices (B, 2 context + 1, H, W) to anatomy maps; a reference to mixture weights; both to an image.

    Intensities are scaled so that air is near 0 and the 99.5th percentile of the head is 1.
    """

    dim = 2

    def __init__(self, config: AnatomyBasisConfig) -> None:
        super().__init__()
        self.context = self.style_context = config.context
        self.divisor = 2**config.downsamplings
        self.pixel_range_mm = config.pixel_range_mm
        self.maps = config.maps
        channels = widths(config.width, config.downsamplings, config.max_width)
        self.encoder = ContentEncoder(
            2 * config.context + 1,
            channels,
            config.residual_blocks,
            3,
            stem_norm=False,
            padding=config.padding,
        )
        pairs = list(zip(channels[:0:-1], channels[-2::-1], strict=True))
        self.ups = nn.ModuleList(
            UpBlock(deep, shallow, 3, lambda _: nn.Identity(), config.padding, skip=shallow)
            for deep, shallow in pairs
        )
        # One map more than are mixed: that of air, which gives no signal in any contrast.
        self.head = convolution(channels[0], config.maps + 1, 1)
        self.guess = nn.Sequential(
            nn.Linear(2 * config.maps, config.hidden), nn.ReLU(), nn.Linear(config.hidden, config.maps)
        )
        self.log_ridge = nn.Parameter(torch.tensor(-6.0))

    def encode(self, x: Tensor, source: Acquisition | None = None) -> Tensor:
        """Anatomy maps (B, maps, H, W), float32, 0 to 1, of slices with H and W divisible by ``divisor``."""
        features = self.encoder(x)
        deep = features.pop()
        for up in self.ups:
            deep = up(deep, features.pop())
        with torch.autocast(deep.device.type, enabled=False):
            return self.head(deep.float()).softmax(dim=1)[:, 1:]

    def style(self, target: Tensor, like: Tensor | None = None) -> Tensor:
        """Normal equations (B, maps, maps + 1) of reference slices (B, 2 context + 1, H, W); their mean over slices serves
        a whole volume.
        """
        return self.normal_equations(self.encode(target), target[:, [self.context]])

    def normal_equations(self, maps: Tensor, image: Tensor) -> Tensor:
        """[M'M | M'y] per pixel of maps M (B, maps, H, W) and intensities y (B, 1, H, W)."""
        m, y = maps.flatten(2), image.float().flatten(2)
        with torch.autocast(m.device.type, enabled=False):
            return m @ torch.cat([m, y], dim=1).transpose(1, 2) / m.shape[2]

    def weights(self, equations: Tensor) -> Tensor:
        """Mixture weights (B, maps) by ridge regression.

        Twice: toward zero first, then toward what a small network guesses from the first solution and from how much there is
        of each tissue. So a tissue that the reference does not show (a lesion, the scalp) gets a likely intensity.
        """
        gram, moment = equations[..., :-1], equations[..., -1:]
        identity = torch.eye(self.maps, device=gram.device)
        ridge = self.log_ridge.exp()
        # Relative to the mean fraction of head in view, so that the amount of air does not matter.
        scale = gram.diagonal(dim1=1, dim2=2).sum(1)[:, None, None] + 1e-6
        gram, moment = gram / scale, moment / scale
        system = gram + ridge * identity
        first = torch.linalg.solve(system, moment)
        shown = gram.diagonal(dim1=1, dim2=2).clamp_min(1e-6).log()
        prior = self.guess(torch.cat([first.squeeze(2), shown / 4], dim=1)).unsqueeze(2)
        return torch.linalg.solve(system, moment + ridge * prior).squeeze(2)

    def decode(self, code: Tensor, w: Tensor) -> Tensor:
        """Image (B, 1, H, W) in the intensity scale of the reference, from maps and normal equations."""
        with torch.autocast(code.device.type, enabled=False):
            weights = self.weights(w.float()).expand(len(code), -1)
            return torch.einsum("bkhw,bk->bhw", code, weights).unsqueeze(1)

    def forward(self, images: Tensor) -> Tensor:
        """Training's way through: anatomy maps of images."""
        return self.encode(images)


def _build(config: dict) -> AnatomyBasis:
    return AnatomyBasis(AnatomyBasisConfig.model_validate(config))


METHODS = {"anatomy_basis": _build}
