"""The model card: everything a user must know about a model before running it, as one checked JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from ..errors import PackageError
from ..files import atomic_path
from ..sequence_range import SequenceRange

CARD_NAME = "model.json"
CARD_LIMIT_BYTES = 1_000_000

Text = Annotated[str, Field(min_length=1)]
Positive = Annotated[float, Field(gt=0)]
TargetKind = Literal["reference", "site", "acquisition", "enhancement", "sample"]
DeviceClass = Literal["cpu", "cuda", "mps"]
Task = Literal["style", "brain_mask", "site_classifier"]


class _Part(BaseModel):
    """Base of the card and its parts: unknown fields, NaN and later changes are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Accepts(_Part):
    """The input volumes that the model was made for."""

    dim: Literal[2, 3] = Field(description="2: slice by slice, 3: whole volumes or blocks of them.")
    body_part: Text = Field(description="For instance 'brain'.")
    contrasts: tuple[Text, ...] = Field(description="For instance 'T1w'; an empty list means any contrast.")
    skull: Literal["with", "without", "any"]
    minimum_size_voxels: int = Field(ge=1, description="Least number of voxels along each in-plane axis.")
    spacing_mm: tuple[Positive, Positive] = Field(description="Least and greatest voxel spacing.")

    @model_validator(mode="after")
    def _check_spacing(self) -> Accepts:
        if self.spacing_mm[0] > self.spacing_mm[1]:
            raise ValueError("spacing_mm lists the least spacing first")
        return self


class TrainingData(_Part):
    """One data set that the weights have seen."""

    name: Text
    license: Text
    source: Text = Field(description="Where the data come from: a URL or the program that simulated them.")
    citation: str
    simulated: bool


class Subjects(_Part):
    """How many different people were in each part; nobody is in both."""

    train: int = Field(ge=0)
    validation: int = Field(ge=0)


class Training(_Part):
    """How the weights came to be."""

    description: Text
    data: tuple[TrainingData, ...]
    subjects: Subjects


class Figure(_Part):
    """One held-out figure of merit, with all that is needed to measure it again."""

    metric: Text
    value: float
    unit: Text = Field(description="For instance 'dB'; '1' when dimensionless.")
    data_range: Positive | None = Field(description="Intensity range that the metric assumes, if it does.")
    mask: Text = Field(description="Voxels that were compared, for instance 'foreground' or 'all'.")
    dataset: Text
    command: Text = Field(description="The command that prints the figure.")


class ModelCard(_Part):
    """Content of ``model.json``.

    A method without weights has null for ``weights_sha256`` and ``bf16_psnr_db``, and 0 ``parameters``.
    """

    schema_version: Literal[1]
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{1,63}$")
    version: str = Field(
        pattern=r"^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$",
        description="Semantic version MAJOR.MINOR.PATCH, without pre-release labels.",
    )
    title: Text
    description: Text
    method: Text = Field(description="Name of the method that builds the network from `config`.")
    config: dict[str, JsonValue]
    accepts: Accepts
    task: Task = Field(
        "style",
        description="What the model is for: to change the look of scans, or to help in checking that.",
    )
    target_kinds: tuple[TargetKind, ...] = Field((), description="Empty where `task` is not 'style'.")
    sites: tuple[Text, ...] = Field((), description="Sites that it takes as targets, or that it tells apart.")
    site_descriptions: dict[str, Text] = Field(
        default_factory=dict, description="What each site is, by its name."
    )
    sequences: tuple[SequenceRange, ...] = Field(
        default=(),
        description="Kinds of sequence that were seen in training; times in ms, angles in degrees.",
    )
    training: Training
    license: str = Field(pattern=r"^[A-Za-z0-9.+-]+$", description="SPDX identifier of the weights' license.")
    license_note: str = ""
    figures: tuple[Figure, ...] = ()
    bf16_psnr_db: float | None = Field(
        ge=45, description="PSNR of the bfloat16 output against the float32 output, measured at export."
    )
    seconds_per_megavoxel: dict[DeviceClass, Positive] = Field(default_factory=dict)
    citation: Text = Field(description="BibTeX or plain text.")
    patent_note: str | None = None
    weights_sha256: str | None = Field(pattern=r"^[0-9a-f]{64}$")
    parameters: int = Field(ge=0, description="Number of values in weights.safetensors.")
    recipe: str | None = Field(
        description="Path of the training configuration; null for a method without weights."
    )

    @model_validator(mode="after")
    def _check_weights(self) -> ModelCard:
        if self.weights_sha256 is None and (self.parameters or self.bf16_psnr_db is not None):
            raise ValueError("a card without weights_sha256 has 0 parameters and no bf16_psnr_db")
        if self.weights_sha256 is not None and not self.parameters:
            raise ValueError("a card with weights_sha256 has more than 0 parameters")
        return self

    @model_validator(mode="after")
    def _check_sites(self) -> ModelCard:
        if ("site" in self.target_kinds or self.task == "site_classifier") != bool(self.sites):
            raise ValueError("sites are listed exactly when target_kinds has 'site', or it classifies sites")
        if unknown := sorted(self.site_descriptions.keys() - set(self.sites)):
            raise ValueError(f"site_descriptions describes {', '.join(unknown)}, not among the sites")
        return self

    @model_validator(mode="after")
    def _check_task(self) -> ModelCard:
        if (self.task == "style") != bool(self.target_kinds):
            raise ValueError("target_kinds are listed exactly when the task is 'style'")
        return self

    @model_validator(mode="after")
    def _check_sequences(self) -> ModelCard:
        if "acquisition" in self.target_kinds and not self.sequences:
            raise ValueError("sequences are listed where target_kinds has 'acquisition'")
        return self

    @property
    def name(self) -> str:
        """``id@version``, which names one model among all."""
        return f"{self.id}@{self.version}"

    @property
    def version_key(self) -> tuple[int, ...]:
        """(major, minor, patch), by which versions are ordered."""
        return tuple(int(part) for part in self.version.split("."))

    def to_json(self) -> str:
        """The text of ``model.json``, which reads back as an equal card."""
        return self.model_dump_json(indent=2) + "\n"


def load_card(folder: str | Path) -> ModelCard:
    """Read the card of a package without building its network.

    Raises:
        PackageError: there is no folder or card, or the card breaks the schema.
    """
    folder = Path(folder)
    path = folder / CARD_NAME
    if not folder.is_dir():
        raise refusal(folder, "there is no such folder")
    try:
        if path.stat().st_size > CARD_LIMIT_BYTES:
            raise refusal(folder, f"{CARD_NAME} is larger than {CARD_LIMIT_BYTES // 1_000_000} MB")
        return ModelCard.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise refusal(folder, f"it has no {CARD_NAME}") from error
    except OSError as error:
        raise refusal(folder, f"{CARD_NAME} cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise refusal(folder, first_fault(error)) from error


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of ``model.json``, for editors and other programs."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ModelCard.model_json_schema()}


def write_schema(path: str | Path) -> None:
    """Write `json_schema` to ``path``, whole or not at all.

    Raises:
        InputError: the folder is missing or cannot be written to.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(json_schema(), indent=2) + "\n", encoding="utf-8")


def first_fault(error: ValidationError) -> str:
    """The first field that breaks the schema, in words."""
    fault = error.errors(include_url=False, include_input=False)[0]
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "json_invalid":
        return f"{CARD_NAME} is not valid JSON ({message})"
    field = ".".join(str(part) for part in fault["loc"])
    return f"{CARD_NAME} field {field}: {message}" if field else f"{CARD_NAME}: {message}"


def refusal(folder: Path, why: str) -> PackageError:
    """The error that says why a package cannot be used."""
    return PackageError(f"Model package {folder} is refused: {why.rstrip('.')}.")
