"""How visible the second of two volumes is while a view alternates between them."""

from __future__ import annotations

import enum
import math

ROCK_PERIOD_S = 2.0
# 1.7 changes of picture a second; more than three are a risk in photosensitive epilepsy.
FLICKER_PERIOD_S = 1.2
INTERVAL_MS = 50


class Alternation(enum.Enum):
    """Kinds of alternation; a caller's timer fires every `INTERVAL_MS`."""

    ROCK = "rock"
    FLICKER = "flicker"


def foreground_opacity(alternation: Alternation, seconds: float) -> float:
    """Opacity of the second volume, 0 to 1, ``seconds`` after the start, when the first one is seen alone."""
    if alternation is Alternation.ROCK:
        return 0.5 - 0.5 * math.cos(2.0 * math.pi * seconds / ROCK_PERIOD_S)
    return float(seconds % FLICKER_PERIOD_S >= FLICKER_PERIOD_S / 2)
