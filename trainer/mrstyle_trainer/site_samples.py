"""Training samples for harmonization: blocks of heads as one site shows them, and as another would.

Every sample is a pure function of (seed, index): a training that is resumed, or spread over processes, sees the
same data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torch.utils.data import Dataset

from mrstyle.errors import InputError
from mrstyle.methods.light3d import COARSE_MM
from mrstyle.physics.signal import signal
from mrstyle.physics.sites import (
    LOOK_TISSUES,
    SITES,
    WHITE_MATTER_LEVEL,
    SimulatedSite,
    appearance,
    displaced,
    field_of,
    look_of,
    magnitude,
    receive_field,
    scan,
    shading_weights,
)

from .anatomies import Anatomy, LabelTable
from .fields import uniform
from .heads import Block, Head, Person, block, level, smooth_field3d
from .sequences import KINDS
from .simulate import SimulationConfig
from .site_config import SitesConfig

RANDOM_SITE = -1
_T1_KINDS = (("mprage", 0.55), ("spgr", 0.25), ("t1_inversion", 0.10), ("t1_spin_echo", 0.10))
_SLAB_MARGIN = 2
_REST = len(LOOK_TISSUES) + 1  # the kind of all that is neither white matter nor in a look
COARSE_SHAPE = (48, 56, 48)
"""Of whole heads at 4 mm, along superior, anterior and right."""


def simulated_names(sites: SitesConfig) -> tuple[str, ...]:
    """The simulated sites that a configuration names; all where it names none.

    Raises:
        InputError: a name is no simulated site.
    """
    names = sites.names or tuple(SITES)
    if unknown := [name for name in names if name not in SITES]:
        raise InputError(f"sites.names has {', '.join(unknown)}; the simulated sites are {', '.join(SITES)}.")
    return names


@dataclass(frozen=True)
class Scanner:
    """A site, and how far its signals deviate from the equations: one gain a class, None for not at all."""

    site: SimulatedSite
    class_gain: Tensor | None = None


class SimulatedSites(Dataset):
    """Blocks of one head as two sites show it.

    Items are dicts of tensors, float32 unless said; D, H, W are ``sites.patch``, for slabs with the neighboring slices first:

    - content (1, D, H, W), as site ``source`` (int64, an index of ``names``, or -1: a random scanner) gives it;
    - truth (1, D, H, W), the same head as ``target_site`` (likewise) would show it, without noise and shading; where gradients
      of the source moved things, they stay there: a look is asked for, not a geometry;
    - reference (1, D, H, W), a slab of another head as ``target_site`` gives it; only where ``sites.patch`` is no cube;
    - log_gain (1, D, H, W), nearly that which takes shading out of the content and brings white matter to 0.6: a little off,
      as an estimate is;
    - coarse (1, 48, 56, 48), the whole head of the content at 4 mm, coarse_log_gain (exact) and coarse_weight, 1 in tissue,
      of the same shape, coarse_kinds (48, 56, 48), int64, which tissue is there (see `kinds_of`), and coarse_levels (5,),
      those of the tissues of a look (exact); only where ``sites.patch`` is a cube;
    - source_look (9,), the look of ``source`` (see `mrstyle.physics.sites.look_of`), and look (9,), that of ``target_site``;
    - paired, 1: the truth is known; target is the truth.

    Content, reference and coarse are scaled so that the 99.5th percentile of their head is about 1, as a volume's own
    intensities tell; the truth so that white matter is 0.6, because a block alone does not tell how bright the rest of
    the head is. Air is about 0.

    Raises:
        InputError: ``sites.names`` has a name that is no simulated site.
    """

    def __init__(
        self,
        anatomies: list[Anatomy],
        simulation: SimulationConfig,
        seed: int,
        length: int,
        sites: SitesConfig,
    ) -> None:
        self.heads = [Head(anatomy) for anatomy in anatomies]
        self.simulation, self.config = simulation, sites
        self.seed, self.length = seed, length
        self.names = simulated_names(sites)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        config = self.config
        first, second = torch.randperm(len(self.heads), generator=generator)[:2].tolist()
        source = self._index(generator, config.random_sources)
        target = self._index(generator, config.random_targets)
        taker, shower = (self._scanner(generator, index) for index in (source, target))
        stripped = uniform(generator, 0, 1) < self.simulation.stripped_probability
        axis = self._axis(generator)
        person = self.heads[first].person(generator, self.simulation.tissue_spread)
        content = self._take(generator, person, taker, shower, axis, stripped)
        item = {
            "content": content.scan,
            "truth": content.truth,
            "target": content.truth,
            "log_gain": content.log_gain,
            "source": torch.tensor(source),
            "target_site": torch.tensor(target),
            "paired": torch.tensor(1.0),
            "source_look": look_of(taker.site),
            "look": look_of(shower.site),
        }
        if config.patch[0] == config.patch[1]:
            return item | self._coarse(generator, person, taker, stripped)
        other = self.heads[second].person(generator, self.simulation.tissue_spread)
        return item | {"reference": self._take(generator, other, shower, shower, axis, stripped).scan}

    def _index(self, generator: Generator, random_share: float) -> int:
        if uniform(generator, 0, 1) < random_share:
            return RANDOM_SITE
        return int(uniform(generator, 0, len(self.names)))

    def _scanner(self, generator: Generator, index: int) -> Scanner:
        if index != RANDOM_SITE:
            return Scanner(SITES[self.names[index]])
        spread = self.simulation.sequence_spread
        classes = len(self.heads[0].table.tissues)
        gain = torch.exp(spread * torch.randn(classes, generator=generator).clamp(-2, 2))
        return Scanner(random_site(generator), gain)

    def _axis(self, generator: Generator) -> int:
        if uniform(generator, 0, 1) < self.config.axial_share:
            return 0
        return 1 + int(uniform(generator, 0, 2))

    def _take(
        self,
        generator: Generator,
        person: Person,
        taker: Scanner,
        shower: Scanner,
        axis: int,
        stripped: bool,
    ) -> Taken:
        """A random block of a person: the scan by ``taker``, the truth by ``shower``."""
        voxel_mm = float(np.exp(uniform(generator, *np.log(self.config.voxel_mm))))
        points_mm = self._points(generator, person.head, voxel_mm, axis)
        at_mm = turned(generator, displaced(points_mm, taker.site.nonlinearity))
        voxels = block(
            generator, person, points_mm, voxel_mm, self.simulation, stripped=stripped, at_mm=at_mm
        )
        image, log_gain = taken(generator, person, voxels, taker, stripped)
        log_gain = log_gain + 0.015 * torch.randn((), generator=generator).clamp(-2, 2)
        log_gain = log_gain + 0.02 * smooth_field3d(generator, image.shape, 40 / voxel_mm)
        truth = shown(person, voxels, shower, stripped)
        return Taken(self._cut(image, axis), self._cut(truth, axis), self._cut(log_gain, axis))

    def _coarse(
        self, generator: Generator, person: Person, taker: Scanner, stripped: bool
    ) -> dict[str, Tensor]:
        """A whole head at 4 mm; of it, a scan may miss the top or the neck."""
        head = person.head
        lines = [(torch.arange(2 * size) - size + 0.5) * (COARSE_MM / 2) for size in COARSE_SHAPE]
        shift_mm = 8 * torch.randn(3, 1, 1, 1, generator=generator)
        points_mm = torch.stack(torch.meshgrid(*lines, indexing="ij")) + shift_mm
        classes = head.classes_at(turned(generator, points_mm))
        site = taker.site
        values = _signals(person, taker)
        patches = smooth_field3d(generator, classes.shape, 4)
        clean = torch.where(patches > 0, values[:, 0][classes], values[:, 1][classes])
        if stripped:
            clean = clean * torch.from_numpy(head.table.brain)[classes]
        first, second = kinds_of(head.table)[classes].unbind(-1)
        kinds = torch.where(patches > 0, first, second)
        top, bottom = (int(18 * max(0.0, uniform(generator, -2, 1))) for _ in range(2))
        clean[: 2 * bottom] = 0
        clean[len(clean) - 2 * top :] = 0
        kinds = torch.where(clean > 0, kinds, _REST)
        weights = shading_weights(site, generator)
        clean = F.avg_pool3d(clean[None], 2)
        points_mm = F.avg_pool3d(points_mm[None], 2)[0]
        field = receive_field(points_mm, weights)[None]
        unit = level(person, site.acquisition, stripped, weights) * float(
            np.exp(0.08 * uniform(generator, -1, 1))
        )
        white = white_level(person, taker)
        # The noise of 64 voxels of 1 mm.
        image = magnitude(clean * field / unit, site.noise / 8, generator)
        return {
            "coarse": image,
            "coarse_log_gain": torch.log(WHITE_MATTER_LEVEL * unit / (white * field)),
            "coarse_weight": (clean > 0.2 * white).float(),
            "coarse_kinds": _pooled_kinds(kinds),
            "coarse_levels": levels_of(person, taker),
        }

    def _points(self, generator: Generator, head: Head, voxel_mm: float, axis: int) -> Tensor:
        """Positions of a block (3, …) along the patient's axes: the center most often in the brain."""
        choices = head.brain_mm if uniform(generator, 0, 1) < 0.75 else head.patient_mm
        center = choices[int(uniform(generator, 0, len(choices)))]
        slices, rows, columns = self.config.patch
        if slices < rows:
            slices += 2 * _SLAB_MARGIN
            # A slice is seen whole: in plane it is about the brain's center.
            center = np.where(np.arange(3) == axis, center, 0.3 * center)
        size = [rows, columns]
        size.insert(axis, slices)
        lines = [
            torch.arange(length, dtype=torch.float32)
            .sub_((length - 1) / 2)
            .mul_(voxel_mm)
            .add_(float(middle))
            for length, middle in zip(size, center, strict=True)
        ]
        return torch.stack(torch.meshgrid(*lines, indexing="ij"))

    def _cut(self, image: Tensor, axis: int) -> Tensor:
        """Slices first, without the margin that neighbors needed."""
        image = image.movedim(axis, 0)
        margin = (image.shape[0] - self.config.patch[0]) // 2
        return image[margin : margin + self.config.patch[0]].unsqueeze(0).contiguous()


@dataclass(frozen=True)
class Taken:
    """A block as it was taken, as it should be shown, and the logarithm of the gain between their levels."""

    scan: Tensor
    truth: Tensor
    log_gain: Tensor


def taken(
    generator: Generator, person: Person, voxels: Block, scanner: Scanner, stripped: bool
) -> tuple[Tensor, Tensor]:
    """A scan (D, H, W) of a block, and the logarithm of the gain that takes out its shading.

    The scan is scaled as volumes are, by the 99.5th percentile of the head under its shading; the gain brings white
    matter to ``WHITE_MATTER_LEVEL``.
    """
    site = scanner.site
    weights = shading_weights(site, generator)
    plain = level(person, site.acquisition, stripped)
    shaded = level(person, site.acquisition, stripped, weights) / plain
    shaded *= float(np.exp(0.05 * uniform(generator, -1, 1)))
    clean = voxels.signal(site.acquisition, scanner.class_gain) / plain
    image = scan(clean, site, voxels.points_mm, (voxels.voxel_mm,) * 3, generator, weights)
    if stripped:
        image = image * voxels.kept
    field = receive_field(voxels.points_mm, weights)
    white = white_level(person, scanner)
    return image / shaded, torch.log(WHITE_MATTER_LEVEL * plain * shaded / (white * field))


def white_level(person: Person, scanner: Scanner) -> float:
    """The signal of a person's white matter, in units of proton density."""
    return float(_signals(person, scanner)[kinds_of(person.head.table) == 0].mean())


def levels_of(person: Person, scanner: Scanner) -> Tensor:
    """The levels (5,) of the tissues of a look in that person, white matter at ``WHITE_MATTER_LEVEL``."""
    signals, kinds = _signals(person, scanner), kinds_of(person.head.table)
    unit = signals[kinds == 0].mean() / WHITE_MATTER_LEVEL
    usual = look_of(scanner.site)
    levels = [signals[kinds == 1 + number] for number in range(len(LOOK_TISSUES))]
    return torch.stack(
        [level.mean() / unit if len(level) else usual[number] for number, level in enumerate(levels)]
    )


def kinds_of(table: LabelTable) -> Tensor:
    """What both tissues of each class (classes, 2) are: 0 for white matter, from 1 the tissues of a look, then the rest.

    Where two tissues mix, only fat is seen apart.
    """
    names = {name: 1 + number for number, name in enumerate(LOOK_TISSUES)}
    names |= {"white_matter": 0, "cerebellar_gray_matter": 1, "thalamus": 2}
    return torch.tensor(
        [
            [
                names.get(name, _REST) if first == second or name == "fat" else _REST
                for name in (first, second)
            ]
            for first, second in table.tissues
        ]
    )


def _signals(person: Person, scanner: Scanner) -> Tensor:
    """The signals of both tissues of each class (classes, 2), in units of proton density."""
    acquisition = scanner.site.acquisition
    pd, t1_ms, t2_ms = person.tissues[field_of(acquisition)].unbind(-1)
    values = signal(pd, t1_ms, t2_ms, acquisition)
    return values if scanner.class_gain is None else values * scanner.class_gain[:, None]


def _pooled_kinds(kinds: Tensor) -> Tensor:
    """Of blocks of 2 x 2 x 2 voxels (D, H, W) of nearly one kind that kind, else the last."""
    shares = F.avg_pool3d(F.one_hot(kinds, _REST + 1).permute(3, 0, 1, 2).float(), 2)
    share, kind = shares.max(dim=0)
    return torch.where(share > 0.8, kind, _REST)


def shown(person: Person, voxels: Block, scanner: Scanner, stripped: bool) -> Tensor:
    """The truth (D, H, W) of a block at a site, scaled so that the person's white matter is ``WHITE_MATTER_LEVEL``."""
    site = scanner.site
    unit = white_level(person, scanner) / WHITE_MATTER_LEVEL
    clean = voxels.signal(site.acquisition, scanner.class_gain) / unit
    image = appearance(clean, site, (voxels.voxel_mm,) * 3)
    return image * voxels.kept if stripped else image


def random_site(generator: Generator) -> SimulatedSite:
    """A scanner that takes T1-weighted heads in some way of its own."""
    draw, kind = uniform(generator, 0, 1), _T1_KINDS[-1][0]
    for name, share in _T1_KINDS:
        if draw < share:
            kind = name
            break
        draw -= share
    field_t = 3.0 if uniform(generator, 0, 1) < 0.6 else 1.5
    resolution_mm = [uniform(generator, 0.8, 1.4) for _ in range(3)]
    if uniform(generator, 0, 1) < 0.25:
        resolution_mm[int(uniform(generator, 0, 3))] = uniform(generator, 1.2, 3.0)
    return SimulatedSite(
        "a random scanner",
        KINDS[kind].draw(generator, field_t, (1.0, 1.0)),
        (resolution_mm[0], resolution_mm[1], resolution_mm[2]),
        noise=0.05 * uniform(generator, 0.1, 1) ** 2,
        shading=0.6 * uniform(generator, 0, 1) ** 1.5,
        surface=uniform(generator, 0, 1),
        sharpening=uniform(generator, -0.6, 0.9),
        nonlinearity=uniform(generator, 0, 0.012),
    )


def turned(generator: Generator, points_mm: Tensor) -> Tensor:
    """Points of the label map: turned and stretched about the brain's center, mirrored half of the time, gently warped."""
    angles = np.deg2rad([uniform(generator, -12, 12) for _ in range(3)])
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        one, other = [index for index in range(3) if index != axis]
        turn = np.eye(3)
        turn[one, one] = turn[other, other] = np.cos(angle)
        turn[one, other], turn[other, one] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    matrix = matrix @ np.diag(np.exp([uniform(generator, -0.08, 0.08) for _ in range(3)]))
    if uniform(generator, 0, 1) < 0.5:
        matrix[2] *= -1
    turned = torch.einsum("ab,bdhw->adhw", torch.from_numpy(matrix).float(), points_mm)
    amount = uniform(generator, 0, 2.0)
    warp = torch.stack([smooth_field3d(generator, points_mm.shape[1:], 24) for _ in range(3)])
    return turned + amount * warp
