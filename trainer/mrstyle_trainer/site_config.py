"""What is seen of sites in training: which of them, in blocks of what size."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

Share = Annotated[float, Field(ge=0, le=1)]


class SitesConfig(BaseModel):
    """Blocks of scans of several sites."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    names: tuple[str, ...] = Field((), description="sites in this order; all where empty")
    patch: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        (64, 64, 64),
        description="voxels of a block; the first is few for slabs of neighboring slices of any plane",
    )
    voxel_mm: tuple[PositiveFloat, PositiveFloat] = Field((0.85, 1.25), description="least and greatest")
    axial_share: Share = Field(0.6, description="of slabs; rest is half coronal, half sagittal")
    random_sources: Share = Field(0.5, description="of the simulated contents that a random scanner took")
    random_targets: Share = Field(0.4, description="of the simulated targets that a random scanner took")

    @model_validator(mode="after")
    def _least_comes_first(self) -> SitesConfig:
        if self.voxel_mm[0] > self.voxel_mm[1]:
            raise ValueError("voxel_mm lists the least size first")
        if len(set(self.names)) < len(self.names):
            raise ValueError("names lists a site twice")
        return self
