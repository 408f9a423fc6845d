"""What kind of sequence an image is of, by its look."""

from __future__ import annotations

from torch import Tensor, nn

from .encoders import StyleEncoder


class SequenceEstimator(nn.Module):
    """Logits (B, kinds) of a slice (B, 1, H, W) with air near 0 and the 99.5th percentile at 1.

    Pooled over the patient alone, so that neither the field of view nor where things are matters much.
    """

    def __init__(self, kinds: int, width: int = 16) -> None:
        super().__init__()
        channels = [width, 2 * width, 4 * width, 4 * width]
        self.encoder = StyleEncoder(channels, kinds, 1, 3, "zeros", foreground_pooling=True)

    def forward(self, image: Tensor) -> Tensor:
        return self.encoder(image).flatten(1)
