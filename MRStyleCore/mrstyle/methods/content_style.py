"""The content/style network: content of one image, style of another (systems 0 and 2 share this skeleton).

With ``ContentStyleConfig.munit()`` it is MUNIT's generator of one domain at one channel (15.007 M parameters; Huang et
al., Multimodal Unsupervised Image-to-Image Translation, ECCV 2018). The bundled models use a narrower one with skips.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ..networks.decoders import StyleDecoder
from ..networks.encoders import ContentEncoder, StyleEncoder, widths
from ..networks.modulation import modulation_class


class ContentStyleConfig(BaseModel):
    """Everything that fixes the shape of the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    context: int = Field(
        1, ge=0, le=4, description="neighbor slices on each side that the content encoder sees"
    )
    width: int = Field(32, ge=4, le=512, description="channels at full size")
    max_width: int = Field(128, ge=4, le=1024)
    downsamplings: int = Field(3, ge=1, le=5)
    residual_blocks: int = Field(3, ge=0, le=16, description="in the encoder, and again in the decoder")
    style_width: int = Field(24, ge=4, le=512)
    style_max_width: int = Field(96, ge=4, le=1024)
    style_downsamplings: int = Field(4, ge=1, le=6)
    style_dim: int = Field(64, ge=1, le=1024)
    style_hidden: int = Field(128, ge=4, le=1024)
    modulation: str = "adain"
    stem_kernel: Literal[3, 5, 7] = 3
    up_kernel: Literal[3, 5] = 3
    stem_norm: bool = Field(True, description="normalize at full size too; False keeps absolute intensities")
    skips: bool = True
    tanh: bool = False
    foreground_pooling: bool = True
    padding: Literal["reflect", "zeros"] = "zeros"
    pixel_range_mm: tuple[float, float] = Field((0.7, 1.35), description="pixel sizes seen in training")

    @classmethod
    def munit(cls) -> ContentStyleConfig:
        """The published network, for slices of one channel."""
        return cls(
            context=0,
            width=64,
            max_width=256,
            downsamplings=2,
            residual_blocks=4,
            style_width=64,
            style_max_width=256,
            style_dim=8,
            style_hidden=256,
            stem_kernel=7,
            up_kernel=5,
            skips=False,
            tanh=True,
            foreground_pooling=False,
            padding="reflect",
        )


class ContentStyle(nn.Module):
    """Method ``content_style``: slices with their neighbors as channels, a style from slices of a reference.

    Intensities are scaled so that air is near 0 and the 99.5th percentile of the head is 1.
    """

    dim = 2
    style_context = 0

    def __init__(self, config: ContentStyleConfig) -> None:
        super().__init__()
        self.context = config.context
        self.divisor = 2**config.downsamplings
        self.pixel_range_mm = config.pixel_range_mm
        channels = widths(config.width, config.downsamplings, config.max_width)
        style_channels = widths(config.style_width, config.style_downsamplings, config.style_max_width)
        self.content_encoder = ContentEncoder(
            2 * config.context + 1,
            channels,
            config.residual_blocks,
            config.stem_kernel,
            config.stem_norm,
            config.padding,
        )
        self.style_encoder = StyleEncoder(
            style_channels,
            config.style_dim,
            modulation_class(config.modulation).descriptor_size,
            config.stem_kernel,
            config.padding,
            config.foreground_pooling,
        )
        self.decoder = StyleDecoder(
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
        )
        self.style_encoder.apply(_keep_variance)
        self.decoder.mapper.apply(_keep_variance)

    def encode(self, x: Tensor, source: None = None) -> list[Tensor]:
        """Content features of slices (B, 2 context + 1, H, W), H and W divisible by ``divisor``."""
        return self.content_encoder(x)

    def style(self, target: Tensor, like: None = None) -> Tensor:
        """Style descriptors (B, style_dim, m, m) of reference slices (B, 1, H, W)."""
        return self.style_encoder(target)

    def decode(self, code: list[Tensor], w: Tensor) -> Tensor:
        """Image (B, 1, H, W) in the intensity scale of the reference, from a code and one style or one a slice."""
        return self.decoder(code, w)

    def forward(self, content: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        """Training's way through: content (B, 2 context + 1, H, W), reference (B, slices, H, W), one style an item.

        Returns the images (B, 1, H, W) and the styles (B, style_dim, m, m).
        """
        batch, slices = reference.shape[:2]
        style = self.style(reference.flatten(0, 1).unsqueeze(1))
        style = style.reshape(batch, slices, *style.shape[1:]).mean(dim=1)
        return self.decode(self.encode(content), style), style


def _keep_variance(module: nn.Module) -> None:
    """Kaiming initialization: with PyTorch's default a style fades on its way through layers that have no norm."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight)


def build(config: dict) -> ContentStyle:
    """The network of a configuration as a model card holds it."""
    return ContentStyle(ContentStyleConfig.model_validate(config))


METHODS = {"content_style": build}
