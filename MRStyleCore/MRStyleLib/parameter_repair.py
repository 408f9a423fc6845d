"""Values of a parameter node that came with a scene file, checked before a panel takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slicer.i18n import tr as _

MODEL_LENGTH = 200


def repair(
    parameters, defaults: Mapping[str, Any], is_usable: Callable[[str, Any], bool] = lambda name, value: True
) -> list[str]:
    """Replace values that a scene file may hold and that the panel cannot, by the defaults.

    Args:
        parameters: an instance of a parameterNodeWrapper class.
        defaults: the parameters to check.
        is_usable: (name, value) whether a value that the class accepts makes sense.

    Returns:
        One sentence for each value that was replaced.
    """
    sentences = []
    for name, default in defaults.items():
        try:
            # Values are checked when they are written; that reading checks them, too, is not documented.
            value = getattr(parameters, name)
            setattr(parameters, name, value)
            usable = is_usable(name, value)
        except Exception:
            usable = False
        if not usable:
            setattr(parameters, name, default)
            text = _("The scene had an unusable value of {name}; it was set to {default}.")
            shown = default.label() if hasattr(default, "label") else default
            sentences.append(text.format(name=name.replace("_", " "), default=shown))
    return sentences


def is_usable_model(name: str, value: Any) -> bool:
    """Whether a value may be the name of a model, if it is that of the parameter `model`."""
    return name != "model" or (len(value) <= MODEL_LENGTH and value.isprintable())
