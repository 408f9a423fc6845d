"""Method ``light3d``: one light 3D network that makes the scans of any site look like those of another.

Two steps. A small network sees the whole head at 4 mm and says where white matter and some other tissues are; a smooth gain,
fitted to the intensities of all of them, brings white matter to one level everywhere. That takes out the shading of the coil,
and no later step needs to know how bright the rest of the head is. A curve then brings the other tissues from the levels that
they have in the source to those of the target, t = curve(x), and another network says for every place what is left to do,

    image = t + sum over k of c_k(t, looks) b_k(t),

where b_k are t, t blurred, and by how much the blurred t exceeds five levels. The coefficients c are those of a U-Net at half
the resolution, interpolated: contrast, sharpness and noise can change, but an edge that is not in x has nothing to be drawn
with.

A look is a few numbers with a meaning (``mrstyle.physics.sites.look_of``): the levels of five tissues, the resolution, the
reconstruction filter. Of the source, the levels are read by the first network, of the target from a table of sites or, for
a reference, likewise. Part of how a scan's levels differ from the usual ones is the person's: a third network, which knows how
scanners vary in all levels together, says which part is the scanner's, and only that is changed. A U-Net that drew voxels
itself, or styles that an encoder had to invent, learned next to nothing in the same time.

The U-Net works on blocks of 2 x 2 x 2 voxels as channels, which is four times as fast on a CPU as convolutions of few channels
at full size.

Our own. That one 3D generator serves all source sites follows IGUANe (Roca et al., Medical Image Analysis 99:103388, 2025),
that coefficients are predicted coarsely and applied finely follows HDRnet (Gharbi et al., ACM TOG 36:118, 2017). There are no
norms: what a block becomes does not depend on what else is in it, so that blocks and whole volumes agree.
"""

from __future__ import annotations

import math
from itertools import combinations_with_replacement, pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ..acquisition import Acquisition
from ..networks.blocks3d import LEAK, FiLM3D, ResidualBlock3D, doubled3d
from ..networks.unet3d import UNet3d, folded
from ..physics.sites import LOOK_SIZE, LOOK_TISSUES, SHADING_REACH_MM, SITES, WHITE_MATTER_LEVEL, look_of

COARSE_MM = 4.0
# Far from white matter, the gain must not grow without end; where there is none, it is near 1.
_STIFFNESS = 1e-4
_DARKEST, _AIR = 0.01, 0.05
_HEAD_SLICES = 48  # from the crown: 192 mm
# Of white matter and the tissues of a look. To powers, voxels of several tissues count less; of cortex, hardly any voxel of
# 4 mm is pure, and of marrow few.
_POWERS = (4, 2, 8, 8, 4, 4)
_VOICES = (1.0, 0.3, 0.3, 0.0, 0.3, 0.3)  # in the fit of the shading; fluid is all noise and partial volume
_DEGREE = 4
# Voxels that differ from the fit by more than some tenths are of other tissues, whatever the network said.
_TOLERANCES = (0.3, 0.15, 0.1)
_REACH_MM, _SOFT_MM = 110.0, 5.0  # of what counts, from the center of white matter
LEVELS = len(LOOK_TISSUES)
_USUAL = look_of(SITES["sim-3T-mprage"]).tolist()
# Levels that usual sites differ by, so that all numbers of a look count alike.
_SPREAD = (0.05, 0.05, 0.05, 0.3, 0.4, 0.25, 0.25, 0.25, 0.4)
_OWN = (0.7, 1.4)  # how far people's tissues may be from usual ones
_LEAST_WEIGHT = 1e-3
_LEAST_STEP = 0.03  # between the levels of a curve
_SOME = 0.3  # voxels that a tissue must have for its level to count
# White matter is at 0.6, gray matter between 0.3 and 0.5, fat above 1.
_KNEES = (0.2, 0.4, 0.6, 0.9, 1.4)
_IMAGES = 3 + len(_KNEES)
_HIDDEN = 64  # of the network that tells a scanner's levels from a person's
# Coefficients are small: at first, a step of Adam changes all inputs of a coefficient in the same direction.
_COEFFICIENT = 0.1


class Light3DConfig(BaseModel):
    """Everything that fixes the shape of the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sites: tuple[str, ...] = Field((), description="names of the rows of the table of styles")
    channels: tuple[int, ...] = Field(
        (32, 64, 128, 256),
        min_length=2,
        max_length=5,
        description="of each level, of which the first has half the resolution of the image",
    )
    level_channels: tuple[int, ...] = Field(
        (16, 32, 64),
        min_length=2,
        max_length=5,
        description="of the network that sees the whole head at 4 mm",
    )
    voxel_range_mm: tuple[float, float] = Field((0.85, 1.25), description="voxel sizes seen in training")


class Light3D(nn.Module):
    """Blocks (B, 1, D, H, W), each size a multiple of ``divisor``, air 0 and usual white matter at 0.6, to such blocks."""

    dim = 3
    context = 0

    def __init__(self, config: Light3DConfig) -> None:
        super().__init__()
        channels = config.channels
        self.sites = config.sites
        self.divisor = 2 ** len(channels)
        self.voxel_range_mm = config.voxel_range_mm
        # Sites that nobody has described start alike, but not quite.
        self.table = nn.Parameter(torch.tensor(_USUAL) + 0.05 * torch.randn(len(config.sites), LOOK_SIZE))
        self.level = UNet3d(1, 2 + LEVELS, config.level_channels)
        self.scanner = nn.Sequential(
            nn.Linear(LEVELS, _HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, LEVELS),
        )
        self.stem = nn.Conv3d(8, channels[0], 3, padding=1)
        self.downs = nn.ModuleList(
            nn.Conv3d(before, after, 2, stride=2) for before, after in pairwise(channels)
        )
        self.blocks = nn.ModuleList(ResidualBlock3D(size) for size in channels[1:])
        pairs = list(pairwise(reversed(channels)))
        self.reduces = nn.ModuleList(nn.Conv3d(deep, shallow, 1) for deep, shallow in pairs)
        self.ups = nn.ModuleList(nn.Conv3d(2 * size, size, 3, padding=1) for _, size in pairs)
        self.films = nn.ModuleList(FiLM3D(size, LEVELS + LOOK_SIZE) for size in reversed(channels))
        self.coefficients = nn.Conv3d(channels[0], 1 + _IMAGES, 3, padding=1)
        # At first, an image is what it was.
        nn.init.zeros_(self.coefficients.weight)
        nn.init.zeros_(self.coefficients.bias)  # type: ignore[arg-type]

    def levels(self, coarse: Tensor, passes: int = 1) -> Levels:
        """What whole heads (B, 1, D, H, W) at ``COARSE_MM``, of any size, tell; air is 0, the 99.5th percentile 1.

        Under strong shading, white matter is better found in another pass, when most of the shading is taken out.
        """
        told = self._told(coarse, coarse)
        for _ in range(passes - 1):
            leveled = coarse * told.log_gain.exp()
            unit = torch.stack([_brightest(each) for each in leveled]).view(-1, 1, 1, 1, 1)
            told = self._told(leveled / unit, coarse)
        return told

    def _told(self, seen: Tensor, coarse: Tensor) -> Levels:
        """What whole heads tell by the tissues that are found in ``seen``, the same heads with less shading."""
        # A neck, of which the training saw less, can look like a brain.
        below = max(0, coarse.shape[2] - _HEAD_SLICES)
        seen = seen[:, :, below:]
        size = seen.shape[2:]
        padding = [pad for length in reversed(size) for pad in (0, -length % self.level.divisor)]
        kinds = self.level(F.pad(seen, padding))[:, :, : size[0], : size[1], : size[2]].float()
        with torch.autocast(coarse.device.type, enabled=False):
            shares = kinds.softmax(dim=1)[:, : 1 + LEVELS]
            powers, voices = (
                torch.tensor(each, device=coarse.device).view(-1, 1, 1, 1) for each in (_POWERS, _VOICES)
            )
            shares = F.pad(shares**powers, (0, 0, 0, 0, below, 0))
            log_gain = math.log(WHITE_MATTER_LEVEL) - smooth_level(coarse.float(), voices * shares)
            weight = shares[:, 1:].flatten(2)
            leveled = (coarse.float() * log_gain.exp()).flatten(2)
            usual = torch.tensor(_USUAL[:LEVELS], device=coarse.device)
            levels = ((weight * leveled).sum(dim=2) + _SOME * usual) / (weight.sum(dim=2) + _SOME)
        return Levels(kinds, log_gain, levels)

    def usual_levels(self, levels: Tensor) -> Tensor:
        """The levels (B, LEVELS) of tissues that a scanner most likely gives most people, of those in one scan.

        What is left of the difference to the scan is the person's own, and no other scanner would take it away.
        """
        with torch.autocast(levels.device.type, enabled=False):
            usual, spread = (torch.tensor(each[:LEVELS], device=levels.device) for each in (_USUAL, _SPREAD))
            read = (levels.float() - usual) / spread
            return usual + spread * (read + self.scanner(read))

    def encode(self, x: Tensor, source: Acquisition | None = None) -> list[Tensor]:
        """The blocks alone: the network sees them after the curve to the target."""
        return [x]

    def style(self, target: Tensor, like: list[Tensor] | None = None) -> Tensor:
        """Whole heads of a site, as `levels` takes them, to looks (B, LOOK_SIZE): of 1 mm, and as if nothing was filtered."""
        return self.look(self.levels(target).levels)

    def look(self, levels: Tensor) -> Tensor:
        """The look (B, LOOK_SIZE) of a scanner, of the levels (B, LEVELS) in its scans."""
        return F.pad(self.usual_levels(levels), (0, LOOK_SIZE - LEVELS))

    def decode(self, code: list[Tensor], w: Tensor) -> Tensor:
        """Features to blocks (B, 1, D, H, W), float32; ``w`` (B or 1, LEVELS + LOOK_SIZE) is the levels of the source and the
        look of the target."""
        w = w.float()
        levels, wanted = w[:, :LEVELS], w[:, LEVELS : 2 * LEVELS]
        # What is a person's own stays.
        own = (levels / self.usual_levels(levels).clamp_min(_LEAST_STEP)).clamp(*_OWN)
        wanted = wanted * own
        image = toned(code[0].float(), levels, wanted)
        w = torch.cat([levels, wanted, w[:, 2 * LEVELS :]], dim=1)
        usual = torch.tensor([*_USUAL[:LEVELS], *_USUAL], device=w.device)
        spread = torch.tensor([*_SPREAD[:LEVELS], *_SPREAD], device=w.device)
        w = (w - usual) / spread
        features = [F.leaky_relu(self.stem(folded(image)), LEAK)]
        for down, block in zip(self.downs, self.blocks, strict=True):
            features.append(block(F.leaky_relu(down(features[-1]), LEAK)))
        y = F.leaky_relu(self.films[0](features.pop(), w), LEAK)
        for up, reduce, film in zip(self.ups, self.reduces, self.films[1:], strict=True):
            y = up(torch.cat([doubled3d(reduce(y)), features.pop()], dim=1))
            y = F.leaky_relu(film(y, w), LEAK)
        return drawn(image, _COEFFICIENT * self.coefficients(y).float())

    def forward(
        self, x: Tensor, levels: Tensor | None, look: Tensor, site: Tensor, coarse: Tensor
    ) -> tuple[Tensor, Levels, Tensor]:
        """What a training step needs at once: blocks (B, 1, D, H, W), drawn, what whole heads tell, and `usual_levels`.

        Args:
            x: blocks (B, 1, D, H, W).
            levels: of their heads (B, LEVELS); None reads them from ``coarse``.
            look: of the targets (B, LOOK_SIZE); that in the table takes its place where ``site`` is a row of it.
            site: (B,), rows of the table, or negative.
            coarse: whole heads, see `levels`.
        """
        read = self.levels(coarse)
        wanted = torch.where(site.unsqueeze(1) < 0, look, self.table[site.clamp_min(0)])
        source = read.levels.detach() if levels is None else levels
        drawn = self.decode(self.encode(x), torch.cat([source, wanted], dim=1))
        return drawn, read, self.usual_levels(source)


class Levels(NamedTuple):
    """What whole heads tell.

    Attributes:
        kinds: logits (B, 2 + LEVELS, D, H, W) of white matter, the tissues of a look, and all else; of the uppermost slices,
            where a head is tall.
        log_gain: the logarithm of the gain that brings white matter to 0.6 everywhere, (B, 1, D, H, W).
        levels: of the tissues of a look (B, LEVELS), after that gain; what is not there has its usual level.
    """

    kinds: Tensor
    log_gain: Tensor
    levels: Tensor


def smooth_level(image: Tensor, weights: Tensor) -> Tensor:
    """The logarithm of the level of white matter, everywhere (B, 1, D, H, W).

    The logarithm of the image is a polynomial in the position, about the center of white matter, and for each other tissue
    a constant more: by least squares over the weighted voxels of all tissues, repeated with less weight for voxels that are
    far off (Welsch's weights). So fat says how the shading goes on where there is no white matter.

    Args:
        image: whole heads (B, 1, D, H, W) at ``COARSE_MM``.
        weights: of each voxel in white matter and in other tissues, (B, tissues, D, H, W).
    """
    lines = [
        COARSE_MM * torch.arange(length, dtype=image.dtype, device=image.device) for length in image.shape[2:]
    ]
    points_mm = torch.stack(torch.meshgrid(*lines, indexing="ij")).flatten(1)
    values = image.flatten(1).clamp_min(_DARKEST).log()
    shares = weights.flatten(2)
    centers_mm = shares[:, 0] / shares[:, :1].sum(dim=2).clamp_min(1.0) @ points_mm.T
    levels = [
        _fitted_level(value, share, points_mm - center_mm[:, None])
        for value, share, center_mm in zip(values, shares, centers_mm, strict=True)
    ]
    return torch.stack(levels).view_as(image)


def _fitted_level(value: Tensor, shares: Tensor, offsets_mm: Tensor) -> Tensor:
    """Of one head: the level (N,) of the first tissue, of logarithms (N,), weights (tissues, N) and positions (3, N)."""
    # What is farther away is a face or a neck, and its leverage on the fit would be great.
    shares = shares * torch.sigmoid((_REACH_MM - offsets_mm.norm(dim=0)) / _SOFT_MM)
    everywhere = _field_terms(offsets_mm)
    counts = shares.sum(dim=0) > _LEAST_WEIGHT  # most of the box does not
    value, shares, terms = value[counts], shares[:, counts], everywhere[:, counts]
    count, tissues = len(terms), len(shares)
    stiff = torch.full((count + tissues - 1,), _STIFFNESS, device=terms.device)
    stiff[0] = 1e-6
    trust = torch.ones_like(shares)
    for tolerance in (*_TOLERANCES, None):
        parts = shares * trust / (shares * trust).sum().clamp_min(1e-6)
        total = parts.sum(dim=0)
        weighted = terms * total
        of_tissues = parts[1:] @ terms.T
        matrix = torch.cat(
            [
                torch.cat([weighted @ terms.T, of_tissues.T], dim=1),
                torch.cat([of_tissues, parts[1:].sum(dim=1).diag()], dim=1),
            ]
        )
        wanted = torch.cat([weighted @ value, parts[1:] @ value])
        found = torch.linalg.solve(matrix + stiff.diag(), wanted)
        level = found[:count] @ terms
        above = torch.cat([found.new_zeros(1), found[count:]])
        if tolerance is not None:
            residual = (value - level - above[:, None]).detach()
            trust = torch.exp(-0.5 * (residual / tolerance).square())
    return found[:count] @ everywhere


def _field_terms(offsets_mm: Tensor) -> Tensor:
    """All products (terms, N) of up to ``_DEGREE`` coordinates of positions (3, N); the first is 1. Positions saturate, or
    far away a polynomial would grow without end."""
    position = offsets_mm / SHADING_REACH_MM
    position = position / (1 + position.square().sum(dim=0).square()) ** 0.25
    terms = [torch.ones_like(position[0])]
    for degree in range(1, _DEGREE + 1):
        terms += [
            position[list(axes)].prod(dim=0) for axes in combinations_with_replacement(range(3), degree)
        ]
    return torch.stack(terms)


def _brightest(image: Tensor) -> Tensor:
    """The 99.5th percentile of what is not air."""
    tissue = image[image > _AIR]
    return (
        tissue.kthvalue(max(1, round(0.995 * len(tissue)))).values
        if len(tissue)
        else torch.ones_like(image.max())
    )


def toned(image: Tensor, levels: Tensor, wanted: Tensor) -> Tensor:
    """The image (B, 1, D, H, W) by the curve of straight pieces that brings levels (B, LEVELS) of tissues to those wanted; air
    and white matter stay, and what is brighter than all of them keeps its ratio to the brightest."""
    before, after = _knots(levels), _knots(wanted)
    slopes = after.diff(dim=1) / before.diff(dim=1)
    view = (-1, 1, 1, 1, 1)
    result = (image - before[:, -1].view(view)).clamp_min(0) * (after[:, -1] / before[:, -1]).view(view)
    for start, stop, slope in zip(before[:, :-1].T, before[:, 1:].T, slopes.T, strict=True):
        low, high = start.view(view), stop.view(view)
        result = result + (torch.minimum(image, high) - low).clamp_min(0) * slope.view(view)
    return result


def _knots(levels: Tensor) -> Tensor:
    """Air, fluid, gray matter, deep gray matter, white matter, marrow and fat (B, 7), rising as in every T1-weighted scan."""
    gray, deep, fluid, marrow, fat = levels.unbind(1)
    white = torch.full_like(gray, WHITE_MATTER_LEVEL)
    knots = [torch.zeros_like(gray)]
    for least_above, level in ((4, fluid), (3, gray), (2, deep), (1, white)):
        # White matter stays where it is, so that those below it leave room.
        highest = white - (least_above - 1) * _LEAST_STEP
        knots.append(torch.minimum(torch.maximum(level, knots[-1] + _LEAST_STEP), highest))
    for level in (marrow, fat):
        knots.append(torch.maximum(level, knots[-1] + _LEAST_STEP))
    return torch.stack(knots, dim=1)


def drawn(image: Tensor, coefficients: Tensor) -> Tensor:
    """The image (B, 1, D, H, W), drawn with coefficients (B, 9, D/2, H/2, W/2): a constant, one for the image, and so on."""
    blurred = _averaged(image)
    images = [image, blurred, _averaged(blurred), *((blurred - knee).clamp_min(0) for knee in _KNEES)]
    result = image
    # One after the other: of a whole head, all at once would be gigabytes.
    for index, each in enumerate([None, *images]):
        fine = F.interpolate(coefficients[:, index : index + 1], scale_factor=2, mode="trilinear")
        result = result + (fine if each is None else fine * each)
    return result


def _averaged(x: Tensor) -> Tensor:
    """Means over 3 x 3 x 3 voxels."""
    return F.avg_pool3d(x, 3, 1, 1, count_include_pad=False)


def _light3d(config: dict[str, object]) -> Light3D:
    return Light3D(Light3DConfig.model_validate(config))


METHODS = {"light3d": _light3d}
