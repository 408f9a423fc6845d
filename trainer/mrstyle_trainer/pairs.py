"""Training pairs: one head in the contrast of another.

A sample is: content = slices of head 1 in sequence A, reference = slices of head 2 in sequence B, target = head 1
in sequence B, without noise and shading, and swapped = head 2 in sequence A, likewise.

Every sample is a pure function of (seed, index): a training that is resumed, or spread over processes, sees the
same data.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mrstyle.physics.signal import signal

from .anatomies import Anatomy, LabelTable
from .fields import uniform
from .sequences import random_acquisition
from .simulate import Contrast, SimulationConfig, Simulator

# Tissues whose intensities in the reference are known and given along, as hints of what a style should hold.
ANCHORS = (
    "csf",
    "gray_matter",
    "white_matter",
    "thalamus",
    "cerebellar_gray_matter",
    "brainstem",
    "fat",
    "muscle",
)


class SimulatedPairs(Dataset):
    """Content, reference and target slices from label maps; see the module's text.

    Items are dicts of float32 tensors: content (2 context + 1, S, S), head 1 in sequence A; reference of the same shape,
    head 2 in B; target (1, S, S), the middle of head 1 in B; swapped (1, S, S), the middle of head 2 in A; each
    scaled so that the 99.5th percentile of its head is about 1; groups (2, S, S), the tissue groups of both heads' middle
    slices; and anchors (len(ANCHORS)), the reference's
    intensities of those tissues without noise and shading, NaN for a tissue that the label table does not have.
    """

    def __init__(self, anatomies: list[Anatomy], config: SimulationConfig, seed: int, length: int) -> None:
        self.simulator = Simulator(anatomies, config)
        self.config = config
        self.seed = seed
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        config, simulator = self.config, self.simulator
        first, second = torch.randperm(len(simulator.anatomies), generator=generator)[:2].tolist()
        field_t = 3.0 if uniform(generator, 0, 1) < 0.6 else 1.5
        draw = uniform(generator, 0, 1)
        axis = 0 if draw < config.axial_share else 1 + int(uniform(generator, 0, 2))
        stripped = uniform(generator, 0, 1) < config.stripped_probability
        reference_stripped = stripped != (uniform(generator, 0, 1) < config.mixed_probability)

        table = simulator.anatomies[first].table
        tissues = simulator.tissues(generator, table, field_t)
        one = simulator.view(generator, first, axis, tissues, stripped)
        two = simulator.view(generator, second, axis, tissues, reference_stripped)
        a, b = (
            simulator.contrast(generator, len(tissues), lambda drawn: random_acquisition(drawn, field_t))
            for _ in range(2)
        )
        level_a, level_b = (
            simulator.level(view, contrast) * float(np.exp(0.04 * uniform(generator, -1, 1)))
            for view, contrast in ((one, a), (two, b))
        )
        return {
            "content": simulator.scan(generator, one, a, level_a),
            "reference": simulator.scan(generator, two, b, level_b),
            "target": simulator.truth(generator, one, b, level_b),
            "swapped": simulator.truth(generator, two, a, level_a),
            "groups": torch.cat([view.maps.groups[config.context][None] for view in (one, two)]),
            "anchors": (_anchors(table, two.tissues, b) / level_b).pow(b.gamma),
        }


def _anchors(table: LabelTable, tissues: Tensor, contrast: Contrast) -> Tensor:
    """Clean signal of each anchor tissue."""
    pd, t1_ms, t2_ms = tissues[:, 0].unbind(-1)
    values = signal(pd, t1_ms, t2_ms, contrast.acquisition) * contrast.class_gain
    first = [tissue for tissue, _ in table.tissues]
    return torch.stack(
        [values[first.index(name)] if name in first else torch.tensor(np.nan) for name in ANCHORS]
    )
