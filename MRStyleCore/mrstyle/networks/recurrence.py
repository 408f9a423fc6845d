"""Recurrence over time: a convolutional LSTM in both directions (Shi et al., NeurIPS 2015), in 2D and 3D.

Features are (batch, time, channel, row, column) or (batch, time, channel, slice, row, column).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .blocks import CONVOLUTIONS


class ConvLSTM(nn.Module):
    """One direction: (B, T, inputs, ...) to hidden states (B, T, hidden, ...), without peepholes.

    What the gates take from the input does not depend on the state, so one convolution computes it for all times at once; only
    the state's own convolution is left in the loop.
    """

    def __init__(self, inputs: int, hidden: int, dim: int, kernel: int = 3) -> None:
        super().__init__()
        conv = CONVOLUTIONS[dim]
        self.hidden = hidden
        self.of_input = conv(inputs, 4 * hidden, kernel, padding=kernel // 2)
        self.of_state = conv(hidden, 4 * hidden, kernel, padding=kernel // 2, bias=False)
        # At first, a cell remembers.
        nn.init.ones_(self.of_input.bias[hidden : 2 * hidden])  # type: ignore[index]

    def forward(self, x: Tensor, *, reverse: bool = False) -> Tensor:
        batch, times = x.shape[:2]
        from_input = self.of_input(x.flatten(0, 1)).unflatten(0, (batch, times))
        order = range(times - 1, -1, -1) if reverse else range(times)
        states: list[Tensor] = [x.new_empty(0)] * times
        state = cell = None
        for time in order:
            gates = from_input[:, time]
            if state is not None:
                gates = gates + self.of_state(state)
            enter, forget, leave, new = gates.chunk(4, dim=1)
            fresh = torch.sigmoid(enter) * torch.tanh(new)
            cell = fresh if cell is None else torch.sigmoid(forget) * cell + fresh
            state = torch.sigmoid(leave) * torch.tanh(cell)
            states[time] = state
        return torch.stack(states, dim=1)


class BiConvLSTM(nn.Module):
    """Both directions, their states side by side: (B, T, channels, ...) to the same shape; ``channels`` is even."""

    def __init__(self, channels: int, dim: int, kernel: int = 3) -> None:
        super().__init__()
        self.later = ConvLSTM(channels, channels // 2, dim, kernel)
        self.earlier = ConvLSTM(channels, channels // 2, dim, kernel)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.later(x), self.earlier(x, reverse=True)], dim=2)
