"""What a card says about the data of a training, and about the package that it started from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mrstyle.models.card import ModelCard
from mrstyle.sequence_range import SequenceRange

from .aligned_scans import dataset_entry, find_scans, seen_in
from .config import AlignedData, DCEPhantomData, LabelMapData, Part, TissueData, TrainingConfig
from .data import site_scans_of
from .sequences import seen_sequences
from .series_folder import SeriesData, series_of
from .site_folder import SitesData, described_sites

_PARTS: tuple[Part, Part] = ("training", "validation")


@dataclass(frozen=True)
class Provenance:
    """Of the samples of a training.

    Attributes:
        samples: what they are, for a sentence: "pairs, simulated from label maps".
        held_out: what the figures were measured on.
        truth: what they were compared to.
        subjects: how many different heads trained, and how many validated.
        sequences: that were seen in training.
        gain: what is done to the output before it is compared, as the end of a phrase.
        data: entries of the card for data sets that nobody wrote there.
        sites: what each site is, of real ones.
    """

    samples: str
    held_out: str
    truth: str
    subjects: tuple[int, int]
    sequences: list[SequenceRange]
    gain: str
    data: list[dict[str, Any]] = field(default_factory=list)
    sites: dict[str, str] = field(default_factory=dict)


def provenance(config: TrainingConfig) -> Provenance:
    """Of the data of a configuration.

    Raises:
        InputError: aligned scans are no longer where they were.
    """
    data, count = config.data, config.loop.validation_samples
    if isinstance(data, SitesData):
        return _of_sites(config, data)
    gain = ", after the gain that fits best" if config.recipe == "relaxometry" else ""
    if isinstance(data, AlignedData):
        entry = dataset_entry(data.folder)
        subjects = (len(set(data.training)), len(set(data.validation)))
        return Provenance(
            f"samples from aligned scans of {_counted(subjects[0])} of {entry['name']}",
            f"{count} slices of {_counted(subjects[1])}, held out, of {entry['name']}",
            "the other scan",
            subjects,
            seen_in(find_scans(data, "training")),
            gain,
            [entry],
        )
    if isinstance(data, SeriesData):
        entry = dataset_entry(data.folder)
        people = [len({each.subject for each in series_of(config, data, part)[0]}) for part in _PARTS]
        return Provenance(
            f"unpaired windows of dynamic series of {_counted(people[0])} of {entry['name']}",
            f"{count} windows of series of {_counted(people[1])}, held out, of {entry['name']}",
            "frames of the same series before the bolus and after it, apart from breathing and noise",
            (people[0], people[1]),
            [],
            "",
            [entry],
        )
    if isinstance(data, DCEPhantomData):
        bodies = f"digital bodies ({data.body}) under contrast agent"
        return Provenance(
            f"windows of series, simulated from {bodies}",
            f"{count} windows of {data.validation_people} held-out {bodies}",
            "the truth without noise, with and without enhancement",
            (data.training_people, data.validation_people),
            [],
            "",
        )
    assert not isinstance(data, TissueData)  # a backbone has no card
    if isinstance(data, LabelMapData):
        heads, subjects = "label maps", (len(data.training), len(data.validation))
    else:
        heads, subjects = "digital head phantoms", (len(data.training_seeds), len(data.validation_seeds))
    return Provenance(
        f"pairs, simulated from {heads}",
        f"{count} simulated pairs of {subjects[1]} held-out {heads}",
        "the truth",
        subjects,
        seen_sequences(config.simulation.sequences),
        gain,
    )


def _of_sites(config: TrainingConfig, data: SitesData) -> Provenance:
    entry = dataset_entry(data.folder)
    scans = {part: site_scans_of(config, data, part) for part in _PARTS}
    training, held_out = (len({scan.subject for scan in scans[part]}) for part in _PARTS)
    names = config.sites.names
    return Provenance(
        f"unpaired blocks of scans {data.suffix} of {_counted(training)} at {len(names)} sites ({', '.join(names)}) of "
        f"{entry['name']}",
        f"{config.loop.validation_samples} blocks of scans of {_counted(held_out)}, held out, of {entry['name']}",
        "the scan itself, after another site's look and back",
        (training, held_out),
        [],
        "",
        [entry],
        described_sites(scans["training"]),
    )


def training_entry(
    config: TrainingConfig, known: Provenance, initial: ModelCard | None, written: dict[str, Any]
) -> dict[str, Any]:
    """The part ``training`` of a card: what is known, what a person has ``written``, what came before.

    The data sets of the initial package stay on the card: its weights have seen them. Heads of a data set that is there
    already are taken for the same ones.
    """
    loop = config.loop
    description = f"{loop.steps} steps of {loop.batch_size} {known.samples}."
    data = list(written.get("data", known.data))
    subjects = known.subjects
    if initial is not None:
        description = f"Fine-tuned from {initial.name}: {description}"
        before = [entry.model_dump() for entry in initial.training.data]
        new = [entry for entry in data if entry.get("name") not in {each["name"] for each in before}]
        data = before + new
        count = (sum if new else max)((initial.training.subjects.train, subjects[0]))
        subjects = (count, subjects[1])
    entry = {"description": description, "subjects": {"train": subjects[0], "validation": subjects[1]}}
    return entry | written | {"data": data}


def _counted(subjects: int) -> str:
    return f"{subjects} subject{'' if subjects == 1 else 's'}"
