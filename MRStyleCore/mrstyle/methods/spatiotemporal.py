"""Spatio-temporal style transfer of dynamic contrast-enhanced series: enhancement taken away, added, or that of a frame.

System 0 of the project's sources: each of five frames goes through a content encoder, a convolutional LSTM in both directions
joins them, and a decoder draws the middle one in the style of a frame of any series, with AdaConv. There is a decoder for
enhanced images and one for images without enhancement; encoder and style encoder serve both. Skeleton and losses follow MUNIT
(Huang et al., ECCV 2018). ``SpatioTemporalConfig.published()`` has the published widths; the bundled models are narrower, with
skips that keep fine anatomy, and draw what differs from the content.

Intensities: air 0, the 99.5th percentile of the patient in the first frame 1, one scale for the whole series.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ..networks.decoders import StyleDecoder
from ..networks.encoders import ContentEncoder, StyleEncoder, widths
from ..networks.modulation import modulation_class
from ..networks.recurrence import BiConvLSTM

ENHANCEMENTS = ("baseline", "enhanced")
WINDOW = 5
"""Frames that the network sees at once; the middle one is drawn."""


class SpatioTemporalConfig(BaseModel):
    """Everything that fixes the shape of the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dim: Literal[2, 3] = Field(2, description="3: volumes of few slices, halved in plane only")
    width: int = Field(16, ge=4, le=512, description="channels at full size")
    max_width: int = Field(64, ge=4, le=1024)
    downsamplings: int = Field(2, ge=1, le=4)
    residual_blocks: int = Field(2, ge=0, le=16, description="in the encoder, and again in each decoder")
    style_width: int = Field(16, ge=4, le=512)
    style_max_width: int = Field(64, ge=4, le=1024)
    style_downsamplings: int = Field(4, ge=1, le=6)
    style_dim: int = Field(32, ge=1, le=1024)
    style_hidden: int = Field(32, ge=4, le=1024)
    modulation: str = "adaconv"
    recurrent: bool = Field(True, description="False leaves the LSTM out: an ablation, each frame for itself")
    stem_kernel: Literal[3, 5, 7] = 3
    up_kernel: Literal[3, 5] = 3
    stem_norm: bool = False
    skips: bool = True
    residual: bool = Field(True, description="draw what differs from the content; False as published")
    tanh: bool = False
    padding: Literal["reflect", "zeros"] = "zeros"
    pixel_range_mm: tuple[float, float] = Field((0.8, 2.2), description="pixel sizes seen in training")

    @classmethod
    def published(cls, dim: Literal[2, 3] = 2) -> SpatioTemporalConfig:
        """The published network; sizes that the source does not give are those of MUNIT and AdaConv."""
        return cls(
            dim=dim,
            width=64,
            max_width=256,
            residual_blocks=4,
            style_width=64,
            style_max_width=256,
            style_dim=64,
            style_hidden=64,
            stem_kernel=7,
            up_kernel=5,
            stem_norm=True,
            skips=False,
            residual=False,
            padding="reflect",
        )


class SpatioTemporal(nn.Module):
    """Method ``spatiotemporal``: windows of frames (B, T, H, W), or (B, T, D, H, W) with ``dim`` 3.

    H and W are divisible by ``divisor``; D is any.
    """

    context = style_context = 0

    def __init__(self, config: SpatioTemporalConfig) -> None:
        super().__init__()
        self.dim = config.dim
        self.divisor = 2 ** max(config.downsamplings, config.style_downsamplings)
        self.residual = config.residual
        self.pixel_range_mm = config.pixel_range_mm
        self.window = WINDOW if config.recurrent else 1
        channels = widths(config.width, config.downsamplings, config.max_width)
        self.content_encoder = ContentEncoder(
            1,
            channels,
            config.residual_blocks,
            config.stem_kernel,
            config.stem_norm,
            config.padding,
            config.dim,
        )
        self.recurrence = BiConvLSTM(channels[-1], config.dim) if config.recurrent else None
        self.style_encoder = StyleEncoder(
            widths(config.style_width, config.style_downsamplings, config.style_max_width),
            config.style_dim,
            modulation_class(config.modulation).descriptor_size,
            config.stem_kernel,
            config.padding,
            False,
            config.dim,
        )
        self.decoders = nn.ModuleDict(
            {
                enhancement: StyleDecoder(
                    channels,
                    config.style_dim,
                    config.style_hidden,
                    config.residual_blocks,
                    config.modulation,
                    config.up_kernel,
                    config.stem_kernel,
                    config.skips,
                    config.tanh,
                    config.padding,
                    config.dim,
                )
                for enhancement in ENHANCEMENTS
            }
        )
        for decoder in self.decoders.values():
            decoder.mapper.apply(_keep_variance)  # type: ignore[union-attr]
            if config.residual:
                nn.init.normal_(decoder.head.weight, std=1e-2)  # type: ignore[union-attr, arg-type]
                nn.init.zeros_(decoder.head.bias)  # type: ignore[union-attr, arg-type]
        self.style_encoder.apply(_keep_variance)

    def encode(self, x: Tensor, source: None = None) -> list[Tensor]:
        """Features of single frames (N, 1, H, W) or (N, 1, D, H, W), full size first, after the frame itself."""
        return [x, *self.content_encoder(x)]

    def joined(self, codes: Tensor) -> Tensor:
        """The smallest features (B, T, C, ...) of a window of frames to those of its middle frame, which knows the others."""
        middle = codes.shape[1] // 2
        return codes[:, middle] if self.recurrence is None else self.recurrence(codes)[:, middle]

    def style(self, target: Tensor, like: None = None) -> Tensor:
        """Style descriptors (N, style_dim, m, m) of frames (N, 1, H, W), likewise in 3D."""
        return self.style_encoder(target)

    def decode(self, code: list[Tensor], w: tuple[Tensor, str]) -> Tensor:
        """The frames (N, 1, H, W) of codes whose smallest features are `joined`, in a style (N or 1, ...) by the decoder of
        that enhancement."""
        style, enhancement = w
        drawn = self.decoders[enhancement](code[1:], style).float()
        return code[0].float() + drawn if self.residual else drawn

    def forward(self, frames: Tensor, style: Tensor, *enhancements: str) -> tuple[Tensor, Tensor, Tensor]:
        """Training's way through: windows (B, T, ...), style frames (B, n, ...) and the decoder of each.

        Returns the middle frames (B, n, ...), the styles (B, n, ...), and the joined content codes, which are read once for
        all decoders.
        """
        batch, times = frames.shape[:2]
        middle = times // 2
        codes = self.encode(frames.flatten(0, 1).unsqueeze(1))
        codes = [each.unflatten(0, (batch, times)) for each in codes]
        code = [*(each[:, middle] for each in codes[:-1]), self.joined(codes[-1])]
        styles = self.style(style.flatten(0, 1).unsqueeze(1)).unflatten(0, (batch, -1))
        drawn = [self.decode(code, (styles[:, index], name)) for index, name in enumerate(enhancements)]
        return torch.cat(drawn, dim=1), styles, code[-1]


def _keep_variance(module: nn.Module) -> None:
    """Kaiming initialization, or styles fade on their way through layers without norms."""
    if isinstance(module, nn.Conv2d | nn.Conv3d):
        nn.init.kaiming_normal_(module.weight)


def _spatiotemporal(config: dict[str, object]) -> SpatioTemporal:
    return SpatioTemporal(SpatioTemporalConfig.model_validate(config))


METHODS = {"spatiotemporal": _spatiotemporal}
