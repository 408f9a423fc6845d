"""VGG (Simonyan & Zisserman, ICLR 2015) in one channel, up to the fourth of its stages."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512))
SMALL = ((16, 16), (32, 32), (48, 48, 48), (64, 64, 64))


class VGG(nn.Module):
    """Images (B, 1, H, W) to the activations relu1_2, relu2_2, relu3_3 and relu4_3; H and W at least 8.

    Volumes (B, 1, D, H, W) are seen slice by slice, and activations are (B, C, D, ...).

    Args:
        stages: channels of the 3x3 convolutions of each stage; between stages, images are halved by their maximum.
        mean, spread: of the intensities that the weights know, in those of the input.
    """

    def __init__(self, stages: Sequence[Sequence[int]], mean: float = 0.0, spread: float = 1.0) -> None:
        super().__init__()
        self.mean, self.spread = mean, spread
        self.channels = [stage[-1] for stage in stages]
        layers: list[nn.Module] = []
        ends = []
        before = 1
        for number, stage in enumerate(stages):
            if number:
                layers.append(nn.MaxPool2d(2))
            for after in stage:
                layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
                before = after
            ends.append(len(layers) - 1)
        # The places of torchvision's layers.
        self.features = nn.Sequential(*layers)
        self.ends = frozenset(ends)

    def forward(self, image: Tensor) -> list[Tensor]:
        depth = image.shape[2] if image.ndim == 5 else 0
        x = (image.transpose(1, 2).flatten(0, 1) if depth else image) - self.mean
        x = x / self.spread
        activations = []
        for place, layer in enumerate(self.features):
            x = layer(x)
            if place in self.ends:
                activations.append(x.unflatten(0, (-1, depth)).transpose(1, 2) if depth else x)
        return activations


def vgg16_weights(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those of torchvision's VGG-16 that `VGG` has: the first kernels summed over red, green and blue.

    The mean and spread of a gray image are those of the three channels, on average.
    """
    places = {f"features.{place}." for place in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21)}
    kept = {name: value for name, value in tensors.items() if name.rpartition(".")[0] + "." in places}
    first = kept.get("features.0.weight")
    if first is not None and first.ndim == 4:
        kept["features.0.weight"] = first.sum(dim=1, keepdim=True)
    return kept
