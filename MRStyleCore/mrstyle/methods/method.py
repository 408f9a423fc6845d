"""What a method is to the engine. Methods are ``torch.nn.Module``s that have these attributes; they need not inherit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from torch import Tensor, nn

from ..acquisition import Acquisition


class Method(Protocol):
    """``image = decode(encode(content), style(target))``; codes and styles are the method's own business."""

    dim: int
    context: int

    def encode(self, x: Tensor, source: Acquisition | None = None) -> Any:
        """The code of a content, whatever its target."""
        ...

    def style(self, target: Tensor, like: Any = None) -> Any:
        """The style of a target, whatever the content."""
        ...

    def decode(self, code: Any, w: Any) -> Tensor:
        """The image of a code in a style."""
        ...


class SliceNetwork(Protocol):
    """A network for slices (B, 2 context + 1, H, W), H and W multiples of ``divisor``, of pixels in a range of sizes."""

    context: int
    divisor: int
    pixel_range_mm: tuple[float, float]

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """As of ``torch.nn.Module``."""
        ...

    def modules(self) -> Iterator[nn.Module]:
        """As of ``torch.nn.Module``."""
        ...


class SliceMethod(Method, SliceNetwork, Protocol):
    """A method for slices.

    Its styles are tensors of one item a reference slice (2 ``style_context`` + 1 channels), whose mean serves a volume.
    """

    style_context: int
