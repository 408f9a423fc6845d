"""Heads of any contrast with their brain mask at 2 mm, simulated from label maps.

Most contrasts follow the signal equations: of T1-weighted gradient echoes, which are what brain masks are wanted of most, or
of random clinical sequences. In the rest each class has a random intensity, so that a network learns shapes and not the look
of a sequence (Billot et al., SynthSeg, Medical Image Analysis 86:102789, 2023).
Every sample is a pure function of (seed, index).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Generator, Tensor
from torch.utils.data import Dataset

from mrstyle.methods.brain_mask import normalized
from mrstyle.physics.signal import signal
from mrstyle.physics.tissues import tissue_table

from .anatomies import Anatomy, LabelTable
from .fields import rician, uniform
from .sequences import KINDS, random_acquisition
from .simulate import SimulationConfig

_SPINAL_CORD_LABEL = 512
_HULL_MM = 9
_BRIGHT = 0.99
_T1_SHARE, _CLINICAL_SHARE = 0.45, 0.3


class BrainMaskSamples(Dataset):
    """Simulated heads; items are content (1, S, S, S), as `methods.brain_mask.normalized` leaves it, and target (1, S, S, S),
    1 in the brain, ventricles and fluid between its folds, else 0; S is ``config.size`` voxels of 2 mm.
    """

    def __init__(self, anatomies: list[Anatomy], config: SimulationConfig, seed: int, length: int) -> None:
        self.anatomies, self.config = anatomies, config
        self.seed, self.length = seed, length
        self.masks = [_pooled(brain_hull(anatomy).astype(np.float32)).half() for anatomy in anatomies]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        config = self.config
        anatomy = int(uniform(generator, 0, len(self.anatomies)))
        low, high, mask = self._placed(generator, anatomy)
        patches = torch.sigmoid(4 * _field(generator, 16, config.size))
        image = torch.lerp(low, high, patches)
        mask = mask > 0.5
        if uniform(generator, 0, 1) < config.lesion_probability:
            image = _with_lesions(generator, image, mask)
        image = self._scanned(generator, image)
        if uniform(generator, 0, 1) < 0.1:
            image = image.max() - image  # bright air, dark tissue: contrasts that someone has inverted
        image, mask = self._masked(generator, image, mask)
        return {"content": normalized(image)[None], "target": mask.float()[None]}

    def _placed(self, generator: Generator, anatomy: int) -> Tensor:
        """(3, S, S, S): both intensities that mix, and the mask, turned, stretched and warped."""
        head, size = self.anatomies[anatomy], self.config.size
        values = _intensities(generator, head.table)
        mask = self.masks[anatomy]
        maps = torch.stack([*(_pooled(row[head.classes]) for row in values), mask.float()])
        grid = _grid(generator, mask, size)
        return F.grid_sample(maps[None], grid[None], align_corners=False)[0]

    def _scanned(self, generator: Generator, image: Tensor) -> Tensor:
        """With shading, at some resolution, with noise: what a scanner adds."""
        config = self.config
        shading = _field(generator, 3, config.size) * uniform(generator, 0, config.bias)
        image = image * torch.exp(shading)
        factors = [uniform(generator, 1, 1.3) for _ in range(3)]
        if uniform(generator, 0, 1) < config.thick_probability:
            factors[int(uniform(generator, 0, 3))] = uniform(generator, 1.3, 3.5)
        sizes = [max(8, round(config.size / factor)) for factor in factors]
        small = F.interpolate(image[None, None], size=sizes, mode="area")
        bright = torch.quantile(small.flatten()[::7], _BRIGHT).item()
        small = rician(generator, small, bright * config.noise * uniform(generator, 0, 1) ** 2)
        image = F.interpolate(small, size=image.shape, mode="trilinear")[0, 0]
        exponent = float(np.exp(config.gamma * uniform(generator, -1, 1)))
        return (image / max(bright, 1e-4)).clamp_min(0).pow(exponent)

    def _masked(self, generator: Generator, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Without skull, or without face, or with a part of the head only; zero is where nothing was measured."""
        kept = torch.ones_like(mask)
        draw = uniform(generator, 0, 1)
        if draw < self.config.stripped_probability:
            kept = _grown(mask, int(uniform(generator, -1.5, 3)))
        elif draw < self.config.stripped_probability + 0.15 and mask.any():
            kept = _without_face(generator, mask)
        if uniform(generator, 0, 1) < 0.3 and mask.any():
            kept = kept & _field_of_view(generator, mask)
        return image * kept, mask & kept


def brain_hull(anatomy: Anatomy) -> np.ndarray:
    """Bool (k, j, i): brain without spinal cord, and the fluid and vessels that a closing of it by 9 mm reaches."""
    table = anatomy.table
    inside = table.brain.copy()
    cord = table.class_of_label.get(_SPINAL_CORD_LABEL)
    if cord is not None:
        inside[cord] = False
    between = table.fluid | np.array(["blood" in pair for pair in table.tissues])
    brain = inside[anatomy.classes]
    box = tuple(
        slice(max(0, part.start - _HULL_MM), part.stop + _HULL_MM)
        for part in ndimage.find_objects(brain.astype(np.uint8))[0]
    )
    near = np.pad(brain[box], _HULL_MM)
    closed = ndimage.minimum_filter(ndimage.maximum_filter(near, _HULL_MM), _HULL_MM)
    brain[box] |= closed[(slice(_HULL_MM, -_HULL_MM),) * 3] & between[anatomy.classes[box]]
    return brain


def _intensities(generator: Generator, table: LabelTable) -> np.ndarray:
    """(2, classes) float32, 0 to about 1: of the two tissues of each class, in a random contrast."""
    classes = len(table.tissues)
    draw = uniform(generator, 0, 1)
    if draw < _T1_SHARE + _CLINICAL_SHARE:
        field_t = 3.0 if uniform(generator, 0, 1) < 0.6 else 1.5
        if draw < _T1_SHARE:
            name = "mprage" if draw < 0.7 * _T1_SHARE else "spgr"
            acquisition = KINDS[name].draw(generator, field_t, (1.0, 1.0))
        else:
            acquisition = random_acquisition(generator, field_t)
        tissues = torch.tensor([tissue_table(names, field_t) for names in zip(*table.tissues, strict=True)])
        spread = torch.tensor([0.1, 0.15, 0.15])
        tissues = tissues * torch.exp(spread * torch.randn(tissues.shape, generator=generator).clamp(-2, 2))
        pd, t1_ms, t2_ms = tissues.unbind(-1)
        values = signal(pd, t1_ms, t2_ms, acquisition)
        values = values / values.max().clamp_min(1e-4)
    else:
        first = torch.rand(classes, generator=generator)
        mixed = first + 0.2 * torch.randn(classes, generator=generator)
        values = torch.stack([first, mixed]).clamp(0, 1.2)
        values[:, 0] = 0.3 * uniform(generator, 0, 1) if uniform(generator, 0, 1) < 0.1 else 0.0
    return values.float().numpy()


def _pooled(array: np.ndarray) -> Tensor:
    """Means of 2 x 2 x 2 voxels."""
    return F.avg_pool3d(torch.from_numpy(array)[None, None], 2, ceil_mode=True)[0, 0]


def _grid(generator: Generator, mask: Tensor, size: int) -> Tensor:
    """Sampling positions (S, S, S, 3) in the coordinates of ``grid_sample``, around the brain, never far from it."""
    extent = torch.tensor(mask.shape, dtype=torch.float32)
    inside = torch.nonzero(mask > 0.5).float()
    middle = inside.mean(0) + torch.tensor(
        [uniform(generator, -22, 10), *(uniform(generator, -12, 12) for _ in "ji")]
    )
    offsets = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
    positions = torch.stack(torch.meshgrid(offsets, offsets, offsets, indexing="ij"), -1)
    scale = uniform(generator, 0.82, 1.2)
    stretch = torch.diag(torch.tensor([scale * uniform(generator, 0.93, 1.07) for _ in range(3)]))
    if uniform(generator, 0, 1) < 0.5:
        stretch[2, 2] *= -1  # left and right are alike
    turn = torch.eye(3)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        angle = np.deg2rad(uniform(generator, -25, 25))
        plane = torch.eye(3)
        plane[first, first] = plane[second, second] = float(np.cos(angle))
        plane[first, second], plane[second, first] = float(-np.sin(angle)), float(np.sin(angle))
        turn = turn @ plane
    warp = torch.stack([_field(generator, 5, size) for _ in range(3)], -1) * uniform(generator, 0, 1.5)
    positions = positions @ (turn @ stretch) + warp + middle
    return ((2 * positions + 1) / extent - 1).flip(-1)


def _field(generator: Generator, cells: int, size: int) -> Tensor:
    """(S, S, S) of about unit variance that varies over about ``size / cells`` voxels."""
    coarse = torch.randn(1, 1, cells, cells, cells, generator=generator)
    return 1.5 * F.interpolate(coarse, size=(size,) * 3, mode="trilinear", align_corners=True)[0, 0]


def _with_lesions(generator: Generator, image: Tensor, mask: Tensor) -> Tensor:
    """Some per mille to percent of the brain brighter or darker, in blobs."""
    if not mask.any():
        return image
    field = _field(generator, int(uniform(generator, 6, 20)), len(image))
    threshold = torch.quantile(field[mask][::7], 1 - uniform(generator, 0.002, 0.06))
    extent = torch.sigmoid(6 * (field - threshold)) * mask
    return torch.lerp(image, torch.full_like(image, uniform(generator, 0, 1.1) * image.max().item()), extent)


def _grown(mask: Tensor, radius: int) -> Tensor:
    """Dilated, or eroded where the radius is negative, by a cube."""
    if radius == 0:
        return mask
    values = (mask if radius > 0 else ~mask).float()[None, None]
    width = 2 * abs(radius) + 1
    grown = F.max_pool3d(values, width, 1, abs(radius))[0, 0] > 0
    return grown if radius > 0 else ~grown


def _without_face(generator: Generator, mask: Tensor) -> Tensor:
    """A plane in front of and below the brain; what is beyond it has been removed."""
    normal = torch.tensor(
        [-uniform(generator, 0, 1), uniform(generator, 0, 1), 0.4 * uniform(generator, -1, 1)]
    )
    normal = normal / normal.norm().clamp_min(1e-3)
    axes = [torch.arange(len(mask)) * part for part in normal.tolist()]
    distance = axes[0][:, None, None] + axes[1][:, None] + axes[2]
    return distance < distance[mask].max() + uniform(generator, 0, 8)


def _field_of_view(generator: Generator, mask: Tensor) -> Tensor:
    """A slab along one axis, most often from top to bottom, around some voxel of the brain."""
    axis = max(0, int(uniform(generator, -2, 3)))
    inside = torch.nonzero(mask)
    center = inside[int(uniform(generator, 0, len(inside))), axis].item()
    half = uniform(generator, 0.15, 0.45) * len(mask)
    shape = [1, 1, 1]
    shape[axis] = len(mask)
    return ((torch.arange(len(mask)) - center).abs() < half).reshape(shape).expand_as(mask)
