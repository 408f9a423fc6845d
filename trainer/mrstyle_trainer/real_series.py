"""Windows of real dynamic series, with frames of other people whose enhancement they shall get."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mrstyle.methods.spatiotemporal import WINDOW

from .series_folder import RealSeries

_OWN_STYLE = 0.4


class SeriesWindows(Dataset):
    """Items as those of `SimulatedSeries`, of scans; "..." is H, W, or D, H, W where ``slices`` are not 1:

    - content (5, ...): neighboring frames;
    - style (2, ...): a frame from before the bolus and an enhanced one, of another person's series or of the same one; where
      ``own_style``, always of the same one;
    - target (2, ...): such frames of the content's own series. But for noise and breathing they are the truth where the
      style is of the same series, and so validation compares with them; they are none to learn from;
    - paired, 0: the truth is not known.

    ``notes`` say which series of the folder are left out.
    """

    def __init__(
        self,
        series: list[RealSeries],
        patch: tuple[int, int],
        slices: int,
        seed: int,
        length: int,
        *,
        own_style: bool,
        notes: list[str],
    ) -> None:
        self.series, self.patch, self.slices = series, patch, slices
        self.seed, self.length, self.own_style, self.notes = seed, length, own_style, notes

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        generator = np.random.default_rng([self.seed, index])
        mine = self.series[int(generator.integers(len(self.series)))]
        others = [each for each in self.series if each.subject != mine.subject]
        is_own = self.own_style or generator.uniform() < _OWN_STYLE or not others
        other = mine if is_own else others[int(generator.integers(len(others)))]
        own = [int(generator.choice(mine.baseline)), int(generator.choice(mine.enhanced))]
        theirs = own if is_own else [int(generator.choice(each)) for each in (other.baseline, other.enhanced)]
        reach = WINDOW // 2
        middle = int(generator.integers(reach, len(mine.frames) - reach))
        place, corner = float(generator.uniform()), generator.uniform(size=2)
        content = self._cut(mine, list(range(middle - reach, middle + reach + 1)), place, corner)
        target = self._cut(mine, own, place, corner)
        style = target if is_own else self._cut(other, theirs, place, corner)
        scale = float(np.exp(generator.uniform(-0.08, 0.08)))
        return {
            "content": scale * content,
            "style": scale * style,
            "target": scale * target,
            "paired": torch.tensor(0.0),
        }

    def _cut(self, series: RealSeries, frames: list[int], place: float, corner: np.ndarray) -> Tensor:
        """Frames of a series, at shares of the way along its slices, rows and columns; air where it is too small."""
        count, *size = series.frames.shape[1:]
        first = int(place * (count - self.slices + 1))
        starts = [
            int(share * max(1, n - p + 1)) for share, n, p in zip(corner, size, self.patch, strict=True)
        ]
        rows, columns = (slice(start, start + p) for start, p in zip(starts, self.patch, strict=True))
        images = series.frames[frames, first : first + self.slices, rows, columns].astype(np.float32)
        missing = [p - n for p, n in zip(self.patch, images.shape[-2:], strict=True)]
        images = np.pad(images, [(0, 0), (0, 0), (0, missing[0]), (0, missing[1])])
        return torch.from_numpy(images[:, 0] if self.slices == 1 else images)
