"""``mrstyle phantom``: images of a digital head with sidecars, named as BIDS names them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .bids_sidecar import FAMILY_KEYS, to_bids
from .outputs import Outputs

# Protocols in everyday use, as BIDS sidecars have them: times in s, angles in degrees.
CONTRASTS: dict[str, dict[str, Any]] = {
    "T1w": FAMILY_KEYS["mprage"]
    | {"RepetitionTime": 2.3, "EchoTime": 0.003, "InversionTime": 0.9, "FlipAngle": 9},
    "T2w": FAMILY_KEYS["spin_echo"] | {"RepetitionTime": 5.0, "EchoTime": 0.1},
    "PDw": FAMILY_KEYS["spin_echo"] | {"RepetitionTime": 3.0, "EchoTime": 0.015},
    "FLAIR": FAMILY_KEYS["inversion_recovery"]
    | {"RepetitionTime": 9.0, "EchoTime": 0.12, "InversionTime": 2.5},
}
_FIELD_OF_VIEW_MM = (192, 224, 192)


def write_phantom(
    folder: Path,
    seed: int,
    contrast: str,
    spacing_mm: float,
    field_strength_t: float,
    labels: bool,
    site: str | None = None,
) -> list[Path]:
    """Write ``sub-<seed>_<contrast>.nii.gz`` with its sidecar, and the label map with its table if asked for.

    With a simulated site, that one's T1-weighted scan, ``sub-<seed>_acq-<site>_T1w.nii.gz``, whatever the contrast and field.

    Raises:
        InputError: the folder cannot be written to, or the phantom does not take a value.
    """
    outputs = Outputs([])
    outputs.add_folder(folder)
    from .acquisition import from_bids
    from .physics.phantom import head_phantom
    from .volume import write_volume

    shape = tuple(round(length / spacing_mm) for length in _FIELD_OF_VIEW_MM)
    simulated = None
    if site is not None:
        from .physics.sites import phantom_scan, simulated_site

        simulated = simulated_site(site)
        acquisition = simulated.acquisition
        sidecar = to_bids(acquisition)
        field_strength_t = acquisition.field_strength_t or field_strength_t
        name = f"acq-{''.join(filter(str.isalnum, site))}_T1w"
    else:
        sidecar = CONTRASTS[contrast] | {"MagneticFieldStrength": field_strength_t}
        name = contrast
    sidecar = sidecar | {"Manufacturer": "MRStyle phantom"}
    head = head_phantom(seed, (shape[0], shape[1], shape[2]), spacing_mm, field_strength_t)
    image = phantom_scan(head, simulated, seed) if simulated else head.render(from_bids(sidecar), seed=seed)
    path = folder / f"sub-{seed:02d}_{name}.nii.gz"
    written = [path]
    with outputs.staged() as place:
        write_volume(image, place(path))
        place(path.with_name(f"sub-{seed:02d}_{name}.json")).write_text(
            json.dumps(sidecar, indent=2) + "\n", encoding="utf-8"
        )
        if labels:
            written.append(folder / f"sub-{seed:02d}_dseg.nii.gz")
            write_volume(image.with_array(head.labels), place(written[-1]))
            rows = [f"{value}\t{name}\n" for value, name in enumerate(head.names)]
            table = place(folder / f"sub-{seed:02d}_dseg.tsv")
            table.write_text("index\tname\n" + "".join(rows), encoding="utf-8")
    return written
