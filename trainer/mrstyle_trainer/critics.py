"""Critics of adversarial training: only the trainer has them, no model carries one."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mrstyle.networks.blocks import convolution
from mrstyle.networks.instance_norm import InstanceNorm
from mrstyle.networks.stargan import DownBlock, Trunk, initialized


class PatchCritic(nn.Module):
    """PatchGAN: one score for each overlapping patch of 70x70 pixels (Isola et al., CVPR 2017).

    Input (B, inputs, H, W) with H and W at least 32, output float32 scores (B, 1, H/8 - 2, W/8 - 2). At the published
    width of 64 and one input channel it has 2.763 M parameters.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        channels = [inputs, width, 2 * width, 4 * width, 8 * width]
        strides = (2, 2, 2, 1)
        self.convs = nn.ModuleList(
            convolution(before, after, 4, stride=stride, padding="zeros")
            for (before, after), stride in zip(pairwise(channels), strides, strict=True)
        )
        # A normalized image has lost its brightness, so the first layer comes without.
        self.norms = nn.ModuleList([nn.Identity(), *(InstanceNorm() for _ in strides[1:])])
        self.head = convolution(channels[-1], 1, 4, padding="zeros")

    def forward(self, x: Tensor) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.leaky_relu(norm(conv(x)), 0.2)
        with torch.autocast(x.device.type, enabled=False):
            return self.head(x.float())


class SiteCritic(nn.Module):
    """The critic of StarGAN v2 (Choi et al., CVPR 2020): for each site, whether an image could be of that site.

    Input (B, inputs, size, size), output float32 scores (B, sites). As published, of 4 sites, 3 channels and 256 pixels,
    it has 20.853 M parameters. ``steps`` counts those of the training.
    """

    steps: Tensor

    def __init__(self, inputs: int, sites: int, size: int, width: int, max_width: int) -> None:
        super().__init__()
        self.trunk = Trunk(inputs, size, width, max_width)
        self.head = nn.Linear(self.trunk.outputs, sites)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        initialized(self)

    def forward(self, x: Tensor) -> Tensor:
        features = self.trunk(x)
        with torch.autocast(x.device.type, enabled=False):
            return self.head(features.float())


class BlockCritic(nn.Module):
    """Whether blocks (B, 1, D, H, W) could be of a site (B,): one score for each overlapping patch of 22 voxels, float32.

    The 3D form of the patch critic, with a head for each site as StarGAN v2 has them.
    """

    def __init__(self, sites: int, width: int = 24) -> None:
        super().__init__()
        channels = [1, width, 2 * width, 4 * width]
        self.convs = nn.ModuleList(nn.Conv3d(before, after, 4, 2, 1) for before, after in pairwise(channels))
        self.head = nn.Conv3d(channels[-1], sites, 1)

    def forward(self, x: Tensor, site: Tensor) -> Tensor:
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.2)
        with torch.autocast(x.device.type, enabled=False):
            scores = self.head(x.float())
        return scores[torch.arange(len(x), device=x.device), site].unsqueeze(1)


class MultiScaleCritic(nn.Module):
    """The critic of MUNIT (Huang et al., ECCV 2018): scores of patches of an image and of its halves.

    Input (B, 1, H, W), or (B, 1, D, H, W), whose slices are judged one by one; H and W at least 2**(scales + layers - 1).
    Output: for each scale, float32 scores. With 3 scales, 4 layers and a width of 64 it has 8.27 M parameters.
    """

    def __init__(self, width: int, scales: int = 3, layers: int = 4) -> None:
        super().__init__()
        channels = [1, *(min(width * 2**layer, 8 * width) for layer in range(layers))]
        self.scales = nn.ModuleList(
            nn.Sequential(
                *(
                    nn.Sequential(convolution(before, after, 4, stride=2), nn.LeakyReLU(0.2))
                    for before, after in pairwise(channels)
                ),
                nn.Conv2d(channels[-1], 1, 1),
            )
            for _ in range(scales)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        if x.ndim == 5:
            x = x.transpose(1, 2).flatten(0, 1)
        scores = []
        for scale in self.scales:
            scores.append(scale(x).float())
            x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        return scores


class FrameCritic(nn.Module):
    """The critic of StyleGAN (Karras et al., CVPR 2020): whether images (N, inputs, *size) could be real, float32 (N,).

    Residual blocks down to a sixteenth of the size, there how much the images of a batch differ as one more channel, and a
    layer over all that is left. ``steps`` counts those of the training.
    """

    steps: Tensor

    def __init__(self, size: tuple[int, int], width: int, max_width: int, inputs: int = 1) -> None:
        super().__init__()
        channels = [min(width * 2**level, max_width) for level in range(5)]
        self.stem = convolution(inputs, width, 3, padding="zeros")
        self.blocks = nn.Sequential(
            *(DownBlock(before, after, normalize=False, shrink=True) for before, after in pairwise(channels))
        )
        self.last = convolution(channels[-1] + 1, channels[-1], 3, padding="zeros")
        self.head = nn.Linear(channels[-1] * (size[0] // 16) * (size[1] // 16), 1)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        initialized(self)

    def forward(self, x: Tensor) -> Tensor:
        features = self.blocks(F.leaky_relu(self.stem(x), 0.2))
        spread = (features.float().var(dim=0, unbiased=False) + 1e-8).sqrt().mean()
        features = torch.cat([features, spread.to(features.dtype).expand_as(features[:, :1])], dim=1)
        features = F.leaky_relu(self.last(features), 0.2)
        with torch.autocast(x.device.type, enabled=False):
            return self.head(features.float().flatten(1)).squeeze(1)


class ImagePool(nn.Module):
    """Images (1, *size) that were drawn in earlier steps, of which a critic also learns (Shrivastava et al., CVPR 2017).

    They are part of its state, so that a training that was stopped goes on as it would have.
    """

    images: Tensor
    count: Tensor

    def __init__(self, length: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(length, 1, *size))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def exchanged(self, drawn: Tensor, generator: torch.Generator) -> Tensor:
        """``drawn`` (N, 1, *size), half of it exchanged for kept images, by chance, once the pool is full."""
        chosen = []
        for image in drawn.detach():
            if int(self.count) < len(self.images):
                self.images[int(self.count)] = image
                self.count += 1
            elif torch.rand((), generator=generator) < 0.5:
                place = int(torch.randint(len(self.images), (), generator=generator))
                kept = self.images[place].clone()
                self.images[place] = image
                image = kept
            chosen.append(image)
        return torch.stack(chosen)


class Critics(nn.Module):
    """One critic for each name, that learn together, with their pools where ``pool`` is above 0.

    ``steps`` counts those of the training.
    """

    steps: Tensor

    def __init__(self, critics: dict[str, nn.Module], pool: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.critics = nn.ModuleDict(critics)
        self.pools = nn.ModuleDict({name: ImagePool(pool, size) for name in critics} if pool else {})
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, images: dict[str, Tensor]) -> dict[str, list[Tensor]]:
        """Scores of images by name, a list for critics that look at several scales."""
        scores = {name: self.critics[name](each) for name, each in images.items()}
        return {name: each if isinstance(each, list) else [each] for name, each in scores.items()}
