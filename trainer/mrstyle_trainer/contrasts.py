"""Training samples for synthesis from sequence parameters: one head in several contrasts, and what it is made of.

Every sample is a pure function of (seed, index): a training that is resumed, or spread over processes, sees the
same data.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Generator, Tensor
from torch.utils.data import Dataset

from mrstyle.acquisition import Acquisition
from mrstyle.presets import PRESETS
from mrstyle.sequence_vector import parameters_of, sequence_vector

from .anatomies import Anatomy
from .fields import uniform
from .sequences import FSE, fse_kind, random_synthesis
from .simulate import Contrast, SimulationConfig, Simulator

_KINDS = list(PRESETS)
# Protocols state a nominal echo time, flip angle and so on; what acts on the signal is a little different.
_NOMINAL_SPREAD = 0.04


class SimulatedContrasts(Dataset):
    """N contrasts of one head each.

    Items are dicts of tensors, float32 unless said:

    - scans (N, 2 context + 1, S, S), with the scanner's imperfections, divided by scan_levels (N), and truths (N, 1, S, S),
      the middle slices without them, divided by truth_levels (N): the 99.5th percentiles of the head's signals;
    - gains_known, 1: levels tell how the contrasts of a head compare;
    - vectors (N, D), the sequences as networks read them, slightly off; exact (N, D), not off; parameters (N, 6), the
      same as numbers (see ``mrstyle.sequence_vector``); kinds (N), int64, their places in ``mrstyle.presets``;
    - maps (3, S, S): PD, and R1 and R2 in 1/s, of the middle slice; kept (S, S), 1 where the scans show the patient;
      groups (S, S), int64, tissue groups; corners (2), 0 to 1, where a recipe that wants crops may cut one;
    - content and target: scan 0 and truth 1, between which validation measures.
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
        anatomy = int(uniform(generator, 0, len(simulator.anatomies)))
        field_t = 3.0 if config.sequences or uniform(generator, 0, 1) < 0.7 else 1.5
        axis = 0 if uniform(generator, 0, 1) < config.axial_share else 1 + int(uniform(generator, 0, 2))
        stripped = uniform(generator, 0, 1) < config.stripped_probability
        tissues = simulator.tissues(generator, simulator.anatomies[anatomy].table, field_t)
        view = simulator.view(generator, anatomy, axis, tissues, stripped)

        unit_gain = torch.ones(len(tissues))
        scans, truths, scan_levels, truth_levels = [], [], [], []
        sequences = self._sequences(generator, field_t)
        for _, acquisition in sequences:
            real = simulator.contrast(generator, len(tissues), partial(_always, acquisition))
            ideal = Contrast(acquisition, unit_gain, gamma=1.0)
            scan_levels.append(simulator.level(view, real))
            truth_levels.append(simulator.level(view, ideal))
            scans.append(simulator.scan(generator, view, real, scan_levels[-1]))
            truths.append(simulator.truth(generator, view, ideal, truth_levels[-1]))
        exact = torch.tensor([sequence_vector(acquisition) for _, acquisition in sequences])
        maps, middle = view.maps, config.context
        return {
            "scans": torch.stack(scans),
            "truths": torch.stack(truths),
            "content": scans[0],
            "target": truths[1],
            "scan_levels": torch.tensor(scan_levels),
            "truth_levels": torch.tensor(truth_levels),
            "gains_known": torch.tensor(1.0),
            "exact": exact,
            "vectors": nominal(generator, exact),
            "parameters": torch.tensor([parameters_of(acquisition) for _, acquisition in sequences]),
            "kinds": torch.tensor([_KINDS.index(kind) for kind, _ in sequences]),
            "maps": torch.stack([maps.pd[middle], 1000 * maps.r1[middle], 1000 * maps.r2[middle]]),
            "kept": maps.kept[middle].float(),
            "groups": maps.groups[middle].long(),
            "corners": torch.rand(2, generator=generator),
        }

    def _sequences(self, generator: Generator, field_t: float) -> list[tuple[str, Acquisition]]:
        if self.config.sequences:
            return [(fse_kind(name), FSE[name]) for name in self.config.sequences]
        share = self.config.fse_share
        return [random_synthesis(generator, field_t, share) for _ in range(self.config.contrasts)]


def _always(acquisition: Acquisition, _: Generator) -> Acquisition:
    return acquisition


def nominal(generator: Generator, exact: Tensor) -> Tensor:
    """Sequence vectors whose entries that are not 0 or 1 (flags) are a little off."""
    off = _NOMINAL_SPREAD * torch.randn(exact.shape, generator=generator).clamp(-2, 2)
    return exact + off * ((exact != 0) & (exact != 1))
