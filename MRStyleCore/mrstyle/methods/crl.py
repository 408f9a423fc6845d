"""Method ``crl``: contrast representation learning (Xiong et al., MICCAI 2024), one code for all contrasts of a slice.

A convolutional encoder turns a slice into features of its contrast; a small network turns sequence parameters into a
point of the same space. The source's point is taken out of the features, which leaves what is common to all contrasts,
the target's is put in, and a network that looks at single pixels draws the image.

With the target equal to the source, features come back as they were. ``configs/crl-faithful`` of the trainer has the sizes of
the published model without its parts that nothing reached (38.951 M values).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ..acquisition import Acquisition
from ..networks.blocks import convolution
from ..networks.estimator import SequenceEstimator
from ..presets import PRESETS
from ..sequence_vector import SEQUENCE_DIM, sequence_vector

_RESIDUAL_SCALE = 0.1
_TIMES = (0, 1, 3)  # log TR, log TE and log TI in a sequence vector


class CRLConfig(BaseModel):
    """Everything that fixes the shape of the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    context: int = Field(1, ge=0, le=4, description="neighbor slices on each side; 0 in the paper")
    width: int = Field(48, ge=4, le=512, description="256 in the paper")
    blocks: int = Field(8, ge=1, le=64, description="32 in the paper")
    mode: Literal["modulate", "film", "attend"] = Field(
        "modulate",
        description="how a point enters: as a factor (the paper's code), as scale and shift, or by attention",
    )
    heads: int = Field(8, ge=1, le=16, description="of the attention")
    parameters: Literal["times", "sequence"] = Field(
        "sequence", description="what a point is of: TR, TE and TI (the paper), or family and flip angle, too"
    )
    mapper_layers: int = Field(5, ge=2, le=8)
    decoder_layers: int = Field(6, ge=2, le=8)
    estimates: bool = Field(True, description="whether it can tell kinds of sequences from images")
    pixel_range_mm: tuple[float, float] = Field((0.7, 1.35), description="pixel sizes seen in training")


class Encoder(nn.Module):
    """EDSR without upsampling (Lim et al., CVPR workshops 2017): (B, inputs, H, W) to (B, width, H, W)."""

    def __init__(self, inputs: int, width: int, blocks: int) -> None:
        super().__init__()
        self.head = convolution(inputs, width, 3, padding="zeros")
        self.blocks = nn.ModuleList(
            nn.Sequential(
                convolution(width, width, 3, padding="zeros"),
                nn.ReLU(),
                convolution(width, width, 3, padding="zeros"),
            )
            for _ in range(blocks)
        )
        self.tail = convolution(width, width, 3, padding="zeros")

    def forward(self, image: Tensor) -> Tensor:
        head = self.head(image)
        x = head
        for block in self.blocks:
            x = x + _RESIDUAL_SCALE * block(x)
        return head + self.tail(x)


class Modulate(nn.Module):
    """Features divided by the source's code and multiplied by the target's; codes are exponentials, so never 0."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.log_code = nn.Linear(hidden, width)

    def remove(self, features: Tensor, point: Tensor) -> Tensor:
        return features * (-self._log_code(point)).exp()

    def insert(self, common: Tensor, point: Tensor) -> Tensor:
        return common * self._log_code(point).exp()

    def _log_code(self, point: Tensor) -> Tensor:
        return self.log_code(point).clamp(-4, 4)[..., None, None]


class Film(nn.Module):
    """As ``Modulate``, with a shift besides the factor."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.affine = nn.Linear(hidden, 2 * width)

    def remove(self, features: Tensor, point: Tensor) -> Tensor:
        log_scale, shift = self._affine(point)
        return (features - shift) * (-log_scale).exp()

    def insert(self, common: Tensor, point: Tensor) -> Tensor:
        log_scale, shift = self._affine(point)
        return common * log_scale.exp() + shift

    def _affine(self, point: Tensor) -> tuple[Tensor, Tensor]:
        log_scale, shift = self.affine(point)[..., None, None].chunk(2, dim=-3)
        return log_scale.clamp(-4, 4), shift


class Attend(nn.Module):
    """Every pixel asks three tokens, of TR, TE and TI, and adds the answer.

    As printed, the paper has one token; a softmax over one key is constant, so nothing of the pixel would pass.
    """

    tokens = 3

    def __init__(self, width: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.keys = nn.Linear(hidden, self.tokens * width)
        self.values = nn.Linear(hidden, self.tokens * width)
        self.queries = nn.Conv2d(width, width, 1)
        self.out = nn.Conv2d(width, width, 1)

    def remove(self, features: Tensor, point: Tensor) -> Tensor:
        return features - self._answer(features, point)

    def insert(self, common: Tensor, point: Tensor) -> Tensor:
        return common + self._answer(common, point)

    def _answer(self, x: Tensor, point: Tensor) -> Tensor:
        batch, width, height, columns = x.shape
        split = (batch, self.heads, width // self.heads, height * columns)
        queries = self.queries(x).reshape(split).transpose(2, 3)
        tokens = (batch, self.tokens, self.heads, width // self.heads)
        keys, values = (
            layer(point).expand(batch, -1).reshape(tokens).transpose(1, 2).to(queries.dtype)
            for layer in (self.keys, self.values)
        )
        answer = F.scaled_dot_product_attention(queries, keys, values)
        return self.out(answer.transpose(2, 3).reshape(x.shape))


class CRL(nn.Module):
    """Slices (B, 2 context + 1, H, W) to features common to all contrasts (B, width, H, W), and those to images.

    Intensities of every contrast are scaled so that air is near 0 and the 99.5th percentile of the head is 1.
    """

    dim = 2
    divisor = 1

    def __init__(self, config: CRLConfig) -> None:
        super().__init__()
        self.context = self.style_context = config.context
        self.pixel_range_mm = config.pixel_range_mm
        self.times_only = config.parameters == "times"
        width = config.width
        self.encoder = Encoder(2 * config.context + 1, width, config.blocks)
        inputs = len(_TIMES) if self.times_only else SEQUENCE_DIM
        # The last layer of the mapper is that of the mixing.
        self.mapper = _perceptron(
            nn.Linear, [inputs, *[width] * (config.mapper_layers - 1)], last_active=True
        )
        self.mixing: Modulate | Film | Attend
        if config.mode == "attend":
            self.mixing = Attend(width, width, config.heads)
        else:
            self.mixing = (Modulate if config.mode == "modulate" else Film)(width, width)
        self.decoder = _perceptron(_pixelwise, [*[width] * config.decoder_layers, 1])
        self.estimator = SequenceEstimator(len(PRESETS)) if config.estimates else None

    def forward(self, images: Tensor, vectors: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Training's way through.

        Args:
            images: (B, 2 context + 1, H, W).
            vectors: (B, D), their sequences.
            targets: (B, N, D), the sequences to draw from each.

        Returns:
            images (B, N, H, W) and the common features (B, width, H, W).
        """
        common = self.common(images, vectors)
        outputs = [self.draw(common, targets[:, index]) for index in range(targets.shape[1])]
        return torch.cat(outputs, dim=1), common

    def common(self, images: Tensor, vectors: Tensor) -> Tensor:
        """Features with the source's point taken out."""
        return self.mixing.remove(self.encoder(images), self.mapper(self._inputs(vectors)))

    def draw(self, common: Tensor, vectors: Tensor) -> Tensor:
        """Images (B, 1, H, W), float32, of common features in the sequences of ``vectors`` (B or 1, D)."""
        return self.decoder(self.mixing.insert(common, self.mapper(self._inputs(vectors)))).float()

    def encode(self, x: Tensor, source: Acquisition) -> Tensor:
        """Common features of slices that were all taken with ``source``."""
        return self.common(x, self._vector(source, x))

    def style(self, target: Acquisition, like: Tensor | None = None) -> Acquisition:
        """A target is its own style."""
        return target

    def decode(self, code: Tensor, w: Acquisition) -> Tensor:
        """Image (B, 1, H, W) of common features in sequence ``w``."""
        return self.draw(code, self._vector(w, code)).clamp_min(0)

    def _inputs(self, vectors: Tensor) -> Tensor:
        return vectors[..., list(_TIMES)] if self.times_only else vectors

    def _vector(self, acquisition: Acquisition, like: Tensor) -> Tensor:
        return torch.tensor([sequence_vector(acquisition)], device=like.device)


def _pixelwise(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 1)


def _perceptron(
    layer: type[nn.Linear] | object, sizes: list[int], last_active: bool = False
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [layer(inputs, outputs), nn.ReLU()]  # type: ignore[operator]
    return nn.Sequential(*(layers if last_active else layers[:-1]))


def _build(config: dict) -> CRL:
    return CRL(CRLConfig.model_validate(config))


METHODS = {"crl": _build}
