"""The report of one result as one HTML page: what was made, how, and whether to trust it."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import numpy as np
import slicer
from slicer.i18n import tr as _

from MRStyleLib import html_page
from MRStyleLib.color_tables import COLORS, colors_of
from MRStyleLib.overlays import OverlayKind, display_range
from MRStyleLib.results import HISTORY_ATTRIBUTE, MODEL_ATTRIBUTE
from MRStyleLib.volumes import ijk_to_ras

from . import links, summary
from .charts import region_rows, region_titles
from .findings import Findings

_HIDDEN_SHARE = 0.02  # of a map's range around zero, which is no cortex


def page(_scene, result) -> str:
    """The page about a harmonized volume."""
    findings, original = links.findings_of(result), links.original_of(result)
    _light, sentence = summary.verdict(findings)
    parts = [
        html_page.paragraph(
            _("Research use only. Not for diagnosis: a harmonized volume is computed, not acquired."),
            "warning",
        ),
        html_page.table([_("What"), _("Value")], _facts(result, original)),
        html_page.heading(_("Summary")),
        html_page.paragraph(sentence),
        html_page.table(
            [_("Check"), _("Value"), _("Verdict"), _("Limits")],
            [
                (line.name, line.value or "-", line.light.label(), line.limits)
                for line in summary.lines(findings)
            ],
        ),
        html_page.heading(_("Images")),
        html_page.figures(_pictures(result, original)),
        *_sites(findings),
        *_thickness(findings),
    ]
    if history := result.GetAttribute(HISTORY_ATTRIBUTE):
        parts += [html_page.heading(_("History")), html_page.paragraph(history)]
    return html_page.page(result.GetName(), parts)


def _facts(result, original) -> list[tuple[str, str]]:
    history = _history(result)
    return [
        (_("Original"), original.GetName() if original is not None else _("no longer in the scene")),
        (_("Model"), result.GetAttribute(MODEL_ATTRIBUTE) or "-"),
        (_("Target"), _text_of(history.get("target"))),
        (_("Preparation"), _preparation_text(history.get("preparation"))),
        (_("Report made"), datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")),
    ]


def _history(result) -> dict:
    try:
        history = json.loads(result.GetAttribute(HISTORY_ATTRIBUTE) or "{}")
    except ValueError:
        return {}
    return history if isinstance(history, dict) else {}


def _preparation_text(done) -> str:
    """What a history says about the preparation, which may be of another version of MRStyle."""
    if not isinstance(done, dict):
        return _text_of(done) if done else _("none")
    names = {"n4": _("bias field taken out (N4)"), "conform": _("conformed to 1 mm")}
    texts = [text for name, text in names.items() if done.get(name)]
    if done.get("brain") == "extract":
        texts.append(_("brain extracted"))
    return ", ".join(texts) or _("none")


def _text_of(value) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {each}" for name, each in value.items())
    return str(value) if value else "-"


def _sites(findings: Findings) -> list[str]:
    before, after = findings.sites_before, findings.sites_after
    if not before or not after:
        return []
    caption = _("Probability of each site that the classifier knows: gray before, blue after.")
    rows = [(name, f"{before.get(name, 0.0):.3f}", f"{after[name]:.3f}") for name in after]
    return [
        html_page.heading(_("Site classifier")),
        html_page.figures([html_page.bars(before, after, _("Probability"), caption)]),
        html_page.table([_("Site"), _("Before"), _("After")], rows, numbers=(1, 2)),
    ]


def _thickness(findings: Findings) -> list[str]:
    thickness = findings.thickness
    if thickness is None:
        return []
    before = [each.before_mm for each in thickness.regions]
    after = [each.after_mm for each in thickness.regions]
    caption = _("Mean thickness of each region; on the dashed line nothing changes.")
    text = _("Whole cortex: {before} mm before, {after} mm after.")
    return [
        html_page.heading(_("Cortical thickness")),
        html_page.paragraph(
            text.format(before=f"{thickness.before_mm:.3f}", after=f"{thickness.after_mm:.3f}")
        ),
        html_page.figures([html_page.scatter(before, after, _("Before (mm)"), _("After (mm)"), caption)]),
        html_page.table(region_titles(), region_rows(thickness.regions), numbers=(1, 2, 3)),
    ]


def _pictures(result, original) -> list[str]:
    """The middle slice of what there is."""
    shown = []
    for node, caption in ((original, _("Original")), (result, _("Harmonized"))):
        if node is not None:
            shown.append(html_page.picture(_gray(node), caption))
    captions = {
        OverlayKind.THICKNESS_BEFORE: _("Thickness before, {low:g} to {high:g} mm"),
        OverlayKind.THICKNESS_AFTER: _("Thickness after, {low:g} to {high:g} mm"),
        OverlayKind.THICKNESS_DIFFERENCE: _("Change of thickness, {low:g} (blue) to {high:g} mm (red)"),
    }
    for kind, caption in captions.items():
        node = links.map_of(result, kind)
        if node is not None:
            low, high = display_range(kind, node)
            shown.append(html_page.picture(_colored(kind, node, result), caption.format(low=low, high=high)))
    return shown


def _gray(node) -> np.ndarray:
    """The middle axial slice in the window of the volume: uint8 (height, width, 3), see `_axial`."""
    display = node.GetDisplayNode()
    low = display.GetLevel() - display.GetWindow() / 2
    values = (_axial(node) - low) / max(display.GetWindow(), 1e-6)
    return np.repeat((255 * np.clip(values, 0, 1)).astype(np.uint8)[..., None], 3, axis=2)


def _colored(kind: OverlayKind, map_node, image) -> np.ndarray:
    """A map over the image, with the bar of its colors below."""
    low, high = display_range(kind, map_node)
    values = _axial(map_node)
    colors = (255 * colors_of(kind.color_table)).astype(np.uint8)
    index = np.clip((values - low) / (high - low) * (COLORS - 1), 0, COLORS - 1).astype(int)
    shown = np.abs(values) > _HIDDEN_SHARE * high
    slice_rgb = np.where(shown[..., None], colors[index], _gray(image))
    bar = colors[np.linspace(0, COLORS - 1, slice_rgb.shape[1]).astype(int)]
    return np.concatenate([slice_rgb, np.repeat(bar[None], max(slice_rgb.shape[0] // 25, 2), axis=0)])


def _axial(node) -> np.ndarray:
    """The middle slice across the axis nearest to feet to head: anterior up, the patient's right on the left.

    Rows are repeated or left out until pixels are square, which they are to a browser.
    """
    axes = ijk_to_ras(node)[:3, :3]
    voxels = np.transpose(slicer.util.arrayFromVolume(node), (2, 1, 0))
    along = [int(np.abs(axes[world]).argmax()) for world in range(3)]  # of each of R, A and S
    if sorted(along) != [0, 1, 2]:  # oblique by 45 degrees: as it is
        along = [0, 1, 2]
    voxels = np.transpose(voxels, along)
    right, anterior = axes[0, along[0]], axes[1, along[1]]
    voxels = voxels[:: -1 if right > 0 else 1, :: -1 if anterior > 0 else 1]
    middle = voxels[:, :, voxels.shape[2] // 2].T.astype(np.float32)
    spacing_mm = np.linalg.norm(axes, axis=0)[along]
    rows = max(round(middle.shape[0] * spacing_mm[1] / spacing_mm[0]), 1)
    return middle[np.linspace(0, middle.shape[0] - 1, rows).round().astype(int)]
