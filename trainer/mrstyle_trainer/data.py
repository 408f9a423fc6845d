"""From a configuration to the samples of training and of validation heads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mrstyle.errors import InputError

from .aligned import AlignedContrasts
from .aligned_scans import read_visits
from .anatomies import Anatomy, LabelTable, phantom_anatomy, read_label_map
from .config import AlignedData, LabelMapData, Part, PhantomData, TrainingConfig
from .contrasts import SimulatedContrasts
from .pairs import SimulatedPairs

_VALIDATION_SEED = 7_919

Simulated = SimulatedPairs | SimulatedContrasts
Samples = Simulated | AlignedContrasts


def load_samples(config: TrainingConfig, part: Part, samples: type[Simulated]) -> Samples:
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
    if not isinstance(config.data, AlignedData):
        return samples(_anatomies(config.data, part), simulation, seed, length)
    if samples is not SimulatedContrasts:
        raise InputError(
            f"The recipe {config.recipe} does not learn from data of kind aligned; choose relaxometry or crl."
        )
    return AlignedContrasts(read_visits(config.data, part), simulation, seed, length)


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
