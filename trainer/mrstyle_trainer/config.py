"""One file configures a training: data, network, recipe, loop. It is kept with the model that it produced."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from mrstyle.errors import InputError

from .backbones import PerceptualConfig
from .initial import expanded, with_initial
from .series_folder import SeriesData, with_series
from .simulate import SimulationConfig
from .site_config import SitesConfig
from .site_folder import SitesData, with_sites
from .yaml_files import read_yaml

SAVED_CONFIG = "config.json"

Part = Literal["training", "validation"]


class LabelMapData(BaseModel):
    """Simulate from a folder of label maps. Heads of training and validation never mix."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["label_maps"]
    folder: str = Field(description="folder of the label maps; environment variables are filled in")
    table: str = Field(description="label table; a relative path starts at the configuration file")
    training: list[str] = Field(min_length=2)
    validation: list[str] = Field(min_length=2)

    @model_validator(mode="after")
    def _heads_do_not_mix(self) -> LabelMapData:
        both = sorted(set(self.training) & set(self.validation))
        if both:
            raise ValueError(f"{', '.join(both)} would be in training and in validation")
        return self


class PhantomData(BaseModel):
    """Simulate from digital head phantoms. Seeds of training and validation never mix."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["phantoms"]
    training_seeds: list[int] = Field(min_length=2)
    validation_seeds: list[int] = Field(min_length=2)

    @model_validator(mode="after")
    def _heads_do_not_mix(self) -> PhantomData:
        both = sorted(set(self.training_seeds) & set(self.validation_seeds))
        if both:
            raise ValueError(f"seeds {both} would be in training and in validation")
        return self


class DCEPhantomData(BaseModel):
    """Simulate dynamic series from digital bodies under contrast agent. People of training and validation never mix."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["dce_phantoms"]
    body: Literal["kidney", "prostate", "breast"]
    training_people: int = Field(ge=2)
    validation_people: int = Field(ge=2)
    patch: tuple[PositiveInt, PositiveInt] = Field((128, 128), description="pixels in plane")
    field_strength_t: float = Field(3.0, description="1.5 or 3")
    interval_s: tuple[PositiveFloat, PositiveFloat] = Field((1.5, 4.0), description="between frames")
    duration_s: tuple[PositiveFloat, PositiveFloat] = Field((120.0, 300.0), description="of a series")


class TissueData(BaseModel):
    """Simulate frames of digital bodies of all kinds, with their tissues. People of training and validation never mix."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["dce_tissues"]
    training_people: int = Field(ge=1, description="of each kind of body")
    validation_people: int = Field(ge=1)
    patch: tuple[PositiveInt, PositiveInt] = Field((96, 96), description="pixels in plane")


class AlignedData(BaseModel):
    """Aligned scans of real people with their sequence parameters. Subjects of training and validation never mix."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["aligned"]
    folder: str = Field(description="BIDS folder; environment variables are filled in")
    training: list[str] = Field(
        min_length=1, description="subjects as their folders are named, such as sub-01"
    )
    validation: list[str] = Field(min_length=1)
    suffixes: tuple[str, ...] = Field((), description="BIDS suffixes to use, such as T1w; all where empty")

    @model_validator(mode="after")
    def _subjects_are_named_and_do_not_mix(self) -> AlignedData:
        for name in (*self.training, *self.validation):
            if not re.fullmatch(r"sub-[A-Za-z0-9]+", name):
                raise ValueError(f"{name!r} is no subject; write it as its folder is named, such as sub-01")
        if both := sorted(set(self.training) & set(self.validation)):
            raise ValueError(f"{', '.join(both)} would be in training and in validation")
        return self


class LoopConfig(BaseModel):
    """How long and how to optimize."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(ge=1)
    batch_size: int = Field(8, ge=1, description="over all devices together")
    learning_rate: float = Field(6e-4, gt=0)
    warmup_steps: int = Field(200, ge=0)
    schedule: Literal["cosine", "constant"] = Field("cosine", description="of the rate after the warm-up")
    minutes: float | None = Field(
        None,
        gt=0,
        description="stop after so many of training, over all its starts; the rate falls to that end",
    )
    gradient_clip: float = Field(1.0, gt=0)
    ema_decay: float = Field(0.999, ge=0, lt=1)
    precision: Literal["bf16-mixed", "32-true"] = "bf16-mixed"
    compile: bool = Field(False, description="faster after a minute of compilation")
    validation_every: int = Field(500, ge=1)
    validation_samples: int = Field(32, ge=1)
    patience: int | None = Field(
        None, ge=1, description="stop after so many validations without a better one"
    )
    loader_processes: int = Field(1, ge=0)


class TrainingConfig(BaseModel):
    """A whole training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: str
    network: dict[str, Any] = {}
    data: LabelMapData | PhantomData | DCEPhantomData | TissueData | SeriesData | AlignedData | SitesData = (
        Field(discriminator="kind")
    )
    initial: str | None = Field(
        None,
        description="model package to start from (folder, from the configuration file, or id); its network is used",
    )
    simulation: SimulationConfig = Field(default_factory=lambda: SimulationConfig.model_validate({}))
    sites: SitesConfig = Field(default_factory=lambda: SitesConfig.model_validate({}))
    loop: LoopConfig
    losses: dict[str, float] = {}
    perceptual: PerceptualConfig = Field(default_factory=lambda: PerceptualConfig.model_validate({}))
    seed: int = 0
    card: dict[str, Any] = Field({}, description="entries of the model card that only a person can write")


def read_config(path: str | Path) -> TrainingConfig:
    """Read a YAML configuration, with environment variables and relative paths filled in.

    Raises:
        InputError: not readable, an entry is wrong (named), an environment variable in it is not set, or the initial
            package is not of the network.
    """
    path = Path(path)
    config = parse_config(path)
    data = config.data
    if not isinstance(data, PhantomData | DCEPhantomData | TissueData):
        changes = {"folder": expanded(data.folder, path)}
        if isinstance(data, LabelMapData):
            changes["table"] = str((path.parent / data.table).resolve())
        data = data.model_copy(update=changes)
        config = config.model_copy(update={"data": data})
    if config.perceptual.weights is not None:
        weights = str((path.parent / expanded(config.perceptual.weights, path)).resolve())
        perceptual = config.perceptual.model_copy(update={"weights": weights})
        config = config.model_copy(update={"perceptual": perceptual})
    if isinstance(data, SitesData):
        config = with_sites(config, data)
    config = with_initial(config, path)
    return with_series(config, data) if isinstance(data, SeriesData) else config


def parse_config(path: str | Path) -> TrainingConfig:
    """Read a YAML configuration as it is written.

    Raises:
        InputError: not readable, or an entry is wrong (named).
    """
    return read_yaml(path, TypeAdapter(TrainingConfig), "training configuration")


def read_saved_config(run: Path) -> TrainingConfig:
    """The configuration that a run was started with.

    Raises:
        InputError: ``run`` is not the folder of a training, or its configuration is damaged.
    """
    path = run / SAVED_CONFIG
    if not path.is_file():
        raise InputError(f"{run} is not the folder of a training; start one with `mrstyle-train fit`.")
    try:
        return TrainingConfig.model_validate_json(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValidationError) as error:
        raise InputError(f"{path} is damaged; copy the configuration of the training there again.") from error
