"""Whether a result can be trusted: each finding against thresholds, as a traffic light."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from html import escape

from slicer.i18n import tr as _

from .findings import Findings


class Light(enum.Enum):
    """The verdict on one finding, the worst last; a word goes with each color, for those who do not see colors."""

    UNKNOWN = "#8a8a8a"
    GREEN = "#2e9e44"
    YELLOW = "#d9a300"
    RED = "#cc3322"

    def label(self) -> str:
        """The word."""
        return {
            Light.UNKNOWN: _("not checked"),
            Light.GREEN: _("good"),
            Light.YELLOW: _("look closely"),
            Light.RED: _("do not trust"),
        }[self]


@dataclass(frozen=True)
class Rule:
    """Limits of one figure: green up to `green`, yellow up to `yellow`; where `is_high_good`, from there on up."""

    green: float
    yellow: float
    is_high_good: bool = False

    def light(self, value: float | None) -> Light:
        """The verdict on a value."""
        if value is None:
            return Light.UNKNOWN
        sign = -1.0 if self.is_high_good else 1.0
        if sign * value <= sign * self.green:
            return Light.GREEN
        return Light.YELLOW if sign * value <= sign * self.yellow else Light.RED

    def limits(self, unit: str = "") -> str:
        """The limits in words."""
        unit = f" {unit}" if unit else ""
        if self.is_high_good:
            text = _("at least {green}{unit}; look closely from {yellow}{unit}")
        else:
            text = _("at most {green}{unit}; look closely up to {yellow}{unit}")
        return text.format(green=f"{self.green:g}", yellow=f"{self.yellow:g}", unit=unit)


# Thickness and flicker: the limits of the project's own benchmark; ICC: Koo & Li 2016 call 0.75 to 0.9 good, above
# excellent. The lower limits of the classifier are where it is no longer, or still is, of one opinion.
THICKNESS_MM = Rule(0.05, 0.10)
ICC = Rule(0.90, 0.75, is_high_good=True)
FLICKER = Rule(1.10, 1.25)
TARGET_SITE = Rule(0.50, 0.20, is_high_good=True)
FORMER_SITE = Rule(0.20, 0.50)


@dataclass(frozen=True)
class Line:
    """One finding with its limits and its verdict, as texts."""

    name: str
    value: str
    limits: str
    light: Light


def lines(findings: Findings) -> list[Line]:
    """All findings, those that were not looked at too."""
    thickness = findings.thickness
    difference_mm = thickness.mean_absolute_difference_mm if thickness else None
    icc, icc_text = None, ""
    if thickness and None not in (thickness.icc, thickness.icc_low, thickness.icc_high):
        icc = thickness.icc
        icc_text = f"{icc:.3f} ({thickness.icc_low:.3f} - {thickness.icc_high:.3f})"
    return [
        _line(_("Thickness changes by (mean of regions)"), difference_mm, THICKNESS_MM, "mm", ".3f"),
        Line(_("Thickness agrees (ICC, 95 % interval)"), icc_text, ICC.limits(), ICC.light(icc)),
        _sites_line(findings),
        _line(_("Flicker between slices"), findings.flicker_ratio, FLICKER, "", ".3f"),
    ]


def verdict(findings: Findings) -> tuple[Light, str]:
    """The worst light of what was looked at, and a sentence."""
    lights = [line.light for line in lines(findings)]
    looked_at = [light for light in lights if light is not Light.UNKNOWN]
    order = list(Light)
    worst = max(looked_at, key=order.index, default=Light.UNKNOWN)
    sentence = {
        Light.UNKNOWN: _("Not checked yet."),
        Light.GREEN: _("All that was checked is within its limits."),
        Light.YELLOW: _("Look closely: something is near its limits."),
        Light.RED: _("Do not trust this result: something is beyond its limits."),
    }[worst]
    if worst is not Light.UNKNOWN and Light.UNKNOWN in lights:
        sentence += " " + _("Not everything was checked.")
    return worst, sentence


def html(findings: Findings) -> str:
    """The summary for a label with rich text."""
    light, sentence = verdict(findings)
    rows = "".join(
        f'<tr><td style="color:{line.light.value}">&#9679;&nbsp;</td><td>{escape(line.name)}:&nbsp;'
        f"<b>{escape(line.value) or '-'}</b>&nbsp;({escape(line.light.label())})<br>"
        f"<i>{escape(line.limits)}</i></td></tr>"
        for line in lines(findings)
    )
    head = f'<p><span style="color:{light.value};font-size:large">&#9679;</span>&nbsp;<b>{escape(sentence)}</b></p>'
    return f"{head}<table>{rows}</table>"


def _line(name: str, value: float | None, rule: Rule, unit: str, form: str) -> Line:
    text = "" if value is None else f"{value:{form}} {unit}".rstrip()
    return Line(name, text, rule.limits(unit), rule.light(value))


def _sites_line(findings: Findings) -> Line:
    """The target's probability where the classifier knows the target, else that of the site it named before."""
    before, after = findings.sites_before, findings.sites_after
    if not before or not after:
        name = _("Site classifier")
        return Line(name, "", TARGET_SITE.limits(), Light.UNKNOWN)
    if findings.target_site in after:
        name, site, rule = _("Looks like {site} (probability)"), findings.target_site, TARGET_SITE
    else:
        name, site, rule = (
            _("Still looks like {site} (probability)"),
            max(before, key=before.__getitem__),
            FORMER_SITE,
        )
    value = after.get(site, 0.0)
    text = f"{before.get(site, 0.0):.2f} \u2192 {value:.2f}"
    return Line(name.format(site=site), text, rule.limits(), rule.light(value))
