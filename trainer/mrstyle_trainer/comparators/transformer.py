"""The layers of a vision transformer, which ResViT and PTNet share."""

from __future__ import annotations

from torch import nn


def transformer_layers(hidden: int, layers: int, heads: int, perceptron: int) -> nn.Sequential:
    """Self-attention and perceptrons, each normed first, and a norm at the end (Dosovitskiy et al., ICLR 2021).

    Tokens are (B, T, hidden); ``perceptron`` is the hidden width of the perceptrons.
    """
    return nn.Sequential(
        *(
            nn.TransformerEncoderLayer(
                hidden, heads, perceptron, 0.0, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(layers)
        ),
        nn.LayerNorm(hidden),
    )
