"""Training samples of real people: aligned contrasts of a head, with the sequences they were taken with.

Every sample is a pure function of (seed, index), as simulated ones are.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torch.utils.data import Dataset

from mrstyle.engine.slices import resized
from mrstyle.methods.relaxometry import strength
from mrstyle.presets import PRESETS
from mrstyle.sequence_vector import parameters_of, sequence_vector

from .aligned_scans import Visit, nearest_preset
from .contrasts import nominal
from .fields import uniform
from .simulate import SimulationConfig

_KINDS = list(PRESETS)
_STRETCH = 0.08
_RIGHT_LEFT = (0, 1)  # axial and coronal slices show both


class AlignedContrasts(Dataset):
    """N contrasts of one head each, scanned, not simulated.

    Items are those of ``SimulatedContrasts`` with these differences:

    - truths are the middle slices of the scans themselves;
    - gains_known is 0: nobody knows the scanner's gain, so scan_levels and truth_levels are only what the sequence usually
      gives, and images should be compared after the gain that fits best;
    - there are no maps and no groups.

    Of ``config``, size, context, axial_share, pixel_mm and contrasts count. Slices are cut as for inference: along the
    thick axis where there is one, at a pixel size that networks are trained for.
    """

    def __init__(self, visits: list[Visit], config: SimulationConfig, seed: int, length: int) -> None:
        self.visits = visits
        self.config = config
        self.seed = seed
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        visit = self.visits[int(uniform(generator, 0, len(self.visits)))]
        axis = self._axis(generator, visit)
        chosen = _chosen(generator, len(visit.acquisitions), self.config.contrasts)
        scans, kept = self._slices(generator, visit, axis, chosen)
        acquisitions = [visit.acquisitions[each] for each in chosen]
        exact = torch.tensor([sequence_vector(acquisition) for acquisition in acquisitions])
        levels = torch.tensor([strength(acquisition) for acquisition in acquisitions])
        context = self.config.context
        truths = scans[:, context : context + 1]
        return {
            "scans": scans,
            "truths": truths,
            "content": scans[0],
            "target": truths[1],
            "scan_levels": levels,
            "truth_levels": levels,
            "gains_known": torch.tensor(0.0),
            "exact": exact,
            "vectors": nominal(generator, exact),
            "parameters": torch.tensor([parameters_of(acquisition) for acquisition in acquisitions]),
            "kinds": torch.tensor([_KINDS.index(nearest_preset(each)) for each in acquisitions]),
            "kept": kept,
            "corners": torch.rand(2, generator=generator),
        }

    def _axis(self, generator: Generator, visit: Visit) -> int:
        if len(visit.axes) == 1:
            return visit.axes[0]
        if uniform(generator, 0, 1) < self.config.axial_share:
            return 0
        return 1 + int(uniform(generator, 0, 2))

    def _slices(
        self, generator: Generator, visit: Visit, axis: int, chosen: list[int]
    ) -> tuple[Tensor, Tensor]:
        """Neighboring slices (N, 2 context + 1, S, S) of the chosen scans, and where the middle one shows the patient."""
        config = self.config
        middle = visit.slices[axis][int(uniform(generator, 0, len(visit.slices[axis])))]
        stack = visit.images.movedim(axis + 1, 1)
        neighbors = torch.arange(middle - config.context, middle + config.context + 1)
        images = stack[torch.tensor(chosen)[:, None], neighbors.clamp(0, stack.shape[1] - 1)].float()
        mask = visit.mask.movedim(axis, 0)[middle].float()

        stretched = uniform(generator, 0, 1) < 0.5  # the other half stays sharp, as it was scanned
        size = []
        pixel_mm = [spacing for index, spacing in enumerate(visit.spacing_kji_mm) if index != axis]
        for length, spacing in zip(mask.shape, pixel_mm, strict=True):
            scale = spacing / min(max(spacing, config.pixel_mm[0]), config.pixel_mm[1])
            scale *= math.exp(uniform(generator, -_STRETCH, _STRETCH)) if stretched else 1
            size.append(max(1, round(length * scale)))
        images = resized(images.flatten(0, 1), size).unflatten(0, images.shape[:2])
        mask = F.interpolate(mask[None, None], size=size, mode="nearest")[0, 0]

        # Around a point between the patient's center and one of its pixels, so that there is always someone in view.
        inside = mask.nonzero().float()
        pick = inside[int(uniform(generator, 0, len(inside)))]
        point = torch.lerp(inside.mean(dim=0), pick, uniform(generator, 0, 0.7)).round().int().tolist()
        edges = []
        for at, length in zip(reversed(point), reversed(size), strict=True):
            first = at - config.size // 2
            edges += [-first, first + config.size - length]  # less than 0 cuts off
        images, mask = F.pad(images, edges), F.pad(mask, edges)
        if axis in _RIGHT_LEFT and uniform(generator, 0, 1) < 0.5:
            images, mask = images.flip(-1), mask.flip(-1)
        return images, mask


def _chosen(generator: Generator, available: int, wanted: int) -> list[int]:
    """Places of the scans of a sample in random order; they repeat only where there are fewer than wanted."""
    order = torch.randperm(available, generator=generator).tolist()
    return [order[place % available] for place in range(wanted)]
