"""From a configuration to the samples of training and of validation heads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from mrstyle.errors import InputError

from .aligned import AlignedContrasts
from .aligned_scans import read_visits
from .anatomies import Anatomy, LabelTable, phantom_anatomy, read_label_map
from .config import AlignedData, DCEPhantomData, LabelMapData, Part, PhantomData, TissueData, TrainingConfig
from .contrasts import SimulatedContrasts
from .dce_samples import SimulatedSeries, people_of
from .real_series import SeriesWindows
from .series_folder import SeriesData, series_of
from .site_folder import SiteScan, SitesData, find_site_scans
from .site_samples import SimulatedSites
from .site_scans import SiteScans
from .site_slices import SiteSlices
from .tissue_samples import TissueFrames, bodies_of

_VALIDATION_SEED = 7_919

Samples = Dataset[dict[str, Tensor]]
# Anatomies (seeds of people, of series), config.simulation (or, where the class has ``takes_config = True``, the whole
# configuration; of series, config.data), seed, length.
Simulated = Callable[[list[Any], Any, int, int], Samples]

# Scans take the place of what is simulated like them: by kind of data, which samples, and the recipes that learn from them.
_LIKE_SCANS = {
    "aligned": ((SimulatedContrasts,), "relaxometry or crl"),
    "sites": ((SimulatedSites, SiteSlices), "light3d, starganv2 or site_classifier"),
}


def load_samples(config: TrainingConfig, part: Part, samples: Simulated) -> Samples:
    """Samples of ``part``: as many as the training draws, or the fixed validation set.

    ``samples`` are what a recipe learns from; scans take the place of simulated contrasts.

    Raises:
        InputError: a label map or a scan is missing or not usable, or the recipe does not learn from scans.
    """
    loop, simulation = config.loop, config.simulation
    seed, length = (
        (config.seed, loop.steps * loop.batch_size)
        if part == "training"
        else (_VALIDATION_SEED, loop.validation_samples)
    )
    data = config.data
    if isinstance(data, DCEPhantomData | SeriesData) != (samples is SimulatedSeries):
        raise InputError(
            f"The recipe {config.recipe} does not learn from data of kind {data.kind}; series are for spatiotemporal, munit, "
            "cyclegan and stylegan3, which learn from nothing else."
        )
    if isinstance(data, TissueData) != (samples is TissueFrames):
        raise InputError(
            f"The recipe {config.recipe} does not learn from data of kind {data.kind}; dce_tissues and tissue_features go "
            "together."
        )
    if isinstance(data, TissueData):
        return TissueFrames(bodies_of(data, part), data, seed, length)
    if isinstance(data, DCEPhantomData):
        return SimulatedSeries(people_of(data, part), data, seed, length)
    if isinstance(data, SeriesData):
        slices = data.slices if config.network.get("dim", 2) == 3 else 1
        series, notes = series_of(config, data, part)
        own_style = part == "validation"
        return SeriesWindows(
            series, data.patch, slices, seed, length, own_style=own_style, notes=[] if own_style else notes
        )
    if isinstance(data, LabelMapData | PhantomData):
        wanted = config if getattr(samples, "takes_config", False) else simulation
        return samples(_anatomies(data, part), wanted, seed, length)
    simulated, recipes = _LIKE_SCANS[data.kind]
    if getattr(samples, "func", samples) not in simulated:
        raise InputError(
            f"The recipe {config.recipe} does not learn from data of kind {data.kind}; choose {recipes}."
        )
    if isinstance(data, AlignedData):
        return AlignedContrasts(read_visits(data, part), simulation, seed, length)
    return SiteScans.read(site_scans_of(config, data, part), config.sites, seed, length)


def site_scans_of(config: TrainingConfig, data: SitesData, part: Part) -> list[SiteScan]:
    """The scans of the configuration's sites that belong to ``part``."""
    return [
        scan
        for scan in find_site_scans(data)
        if scan.site in config.sites.names and (scan.subject in data.validation) == (part == "validation")
    ]


def _anatomies(data: LabelMapData | PhantomData, part: Part) -> list[Anatomy]:
    if isinstance(data, PhantomData):
        seeds = data.training_seeds if part == "training" else data.validation_seeds
        return [phantom_anatomy(seed) for seed in seeds]
    table = LabelTable.read(data.table)
    paths = [Path(data.folder) / name for name in (data.training if part == "training" else data.validation)]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise InputError(f"The label maps {', '.join(missing)} are not in {data.folder}; check data.folder.")
    return [read_label_map(path, table) for path in paths]


class StepBatches:
    """Batch sampler: the samples of step s are s * batch_size and on, divided among the processes.

    A resumed training goes on at its step with the samples it would have had; several processes together see the
    same samples a step as one.
    """

    def __init__(self, first_step: int, steps: int, batch_size: int, rank: int, processes: int) -> None:
        self.range = range(first_step, steps)
        self.batch_size = batch_size
        self.rank, self.processes = rank, processes

    def __len__(self) -> int:
        return len(self.range)

    def __iter__(self) -> Iterator[list[int]]:
        for step in self.range:
            first = step * self.batch_size
            yield list(range(first + self.rank, first + self.batch_size, self.processes))
