"""Maps of a live preview as volumes of the scene: effective PD, T1 and T2, uncertainty, difference to a real image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import slicer
from slicer.i18n import tr as _

from mrstyle.acquisition import Acquisition
from mrstyle.encoding import Encoding
from MRStyleLib.overlays import OverlayKind
from MRStyleLib.results import add_volume, set_window
from MRStyleLib.volumes import sampled_voxels

from . import links

EFFECTIVE = (OverlayKind.EFFECTIVE_PD, OverlayKind.EFFECTIVE_T1, OverlayKind.EFFECTIVE_T2)
_FOREGROUND_SHARE = 0.1
_STAMP = "MRStyle.MadeFrom"


def update_effective_map(scene, kind: OverlayKind, encoding: Encoding, source):
    """One of the maps by which the model explains the source."""
    voxels = {
        OverlayKind.EFFECTIVE_PD: lambda: encoding.pd,
        OverlayKind.EFFECTIVE_T1: encoding.t1_ms,
        OverlayKind.EFFECTIVE_T2: encoding.t2_ms,
    }[kind]
    text = {
        OverlayKind.EFFECTIVE_PD: _("{name} effective PD (not quantitative)"),
        OverlayKind.EFFECTIVE_T1: _("{name} effective T1 in ms (not quantitative)"),
        OverlayKind.EFFECTIVE_T2: _("{name} effective T2 in ms (not quantitative)"),
    }[kind]
    return _update(scene, kind, source, source, text.format(name=source.GetName()), str(id(encoding)), voxels)


def update_uncertainty(scene, encoding: Encoding, target: Acquisition, image, source):
    """The standard deviation of a synthetic image."""
    name = _("{name} uncertainty").format(name=image.GetName())
    stamp = f"{id(encoding)} {target}"
    return _update(
        scene,
        OverlayKind.UNCERTAINTY,
        image,
        source,
        name,
        stamp,
        lambda: encoding.standard_deviation(target),
    )


def update_difference(scene, image, reference, source):
    """A synthetic image minus the real one, in the intensities of the real one.

    The unit of MR intensities is arbitrary: the synthetic image is first scaled by the one factor that brings its
    foreground nearest to that of the real one (least squares).
    """

    def difference() -> np.ndarray:
        synthetic, real = (
            slicer.util.arrayFromVolume(node).astype(np.float32) for node in (image, reference)
        )
        return scale_between(image, reference) * synthetic - real

    name = _("{name} minus {other}").format(name=image.GetName(), other=reference.GetName())
    stamp = " ".join(f"{node.GetID()} {node.GetImageData().GetMTime()}" for node in (image, reference))
    return _update(scene, OverlayKind.DIFFERENCE_TARGET, image, source, name, stamp, difference)


def scale_between(image, reference) -> float:
    """The factor by which the image's foreground is nearest to the reference's; 1 where there is none."""
    synthetic, real = sampled_voxels(image).astype(float), sampled_voxels(reference).astype(float)
    if len(synthetic) != len(real):
        return 1.0
    foreground = real > _FOREGROUND_SHARE * np.percentile(real, 99.5)
    power = float((synthetic[foreground] ** 2).sum())
    return float((synthetic[foreground] * real[foreground]).sum() / power) if power > 0 else 1.0


def _update(scene, kind: OverlayKind, owner, source, name: str, stamp: str, voxels: Callable[[], np.ndarray]):
    """The owner's map, made or filled again where the stamp says that it is of something else."""
    existing = links.map_of(owner, kind)
    if existing is not None and existing.GetAttribute(_STAMP) == stamp:
        return existing
    node = add_volume(scene, voxels(), source, name, existing)
    node.SetAttribute(_STAMP, stamp)
    if existing is None:
        set_window(node)
        links.link_map(owner, kind, node)
    return node
