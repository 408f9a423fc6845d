"""The worker's lines, from bytes as they come out of a pipe; `mrstyle.worker` describes the protocol."""

from __future__ import annotations

import json
import math
from typing import Any

LINE_LIMIT_BYTES = 1_000_000


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_case(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


# What a message must have to be one. Anything else is taken for log text: libraries print JSON, too.
_FIELDS = {
    "hello": {"protocol": _is_case},
    "progress": {
        "case": _is_case,
        "cases": _is_case,
        "stage": _is_text,
        "fraction": lambda value: _is_number(value) and 0 <= value <= 1,
        "eta_s": lambda value: value is None or (_is_number(value) and value >= 0),
    },
    "warning": {"message": _is_text},
    "result": {"case": _is_case, "outputs": lambda value: isinstance(value, dict)},
    "error": {
        "code": _is_text,
        "message": _is_text,
        "case": lambda value: value is None or _is_case(value),
    },
}


class LineReader:
    """Splits a stream of bytes into lines of text; a cut line or a cut letter waits for its rest."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete with these bytes, without their ends.

        A line longer than `LINE_LIMIT_BYTES` is cut into several, so that a stream without an end of line cannot
        fill the memory.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > LINE_LIMIT_BYTES:
            lines.append(self._rest[:LINE_LIMIT_BYTES])
            self._rest = self._rest[LINE_LIMIT_BYTES:]
        return [line.decode("utf-8", errors="replace").rstrip("\r") for line in lines]

    def close(self) -> list[str]:
        """The last line, where the stream ended without an end of line."""
        last, self._rest = self._rest, b""
        return [last.decode("utf-8", errors="replace").rstrip("\r")] if last else []


class MessageReader:
    """Turns the worker's standard output into messages."""

    def __init__(self) -> None:
        self._lines = LineReader()

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The messages that are complete with these bytes; a line that is none becomes {"type": "log", "text": line}."""
        return [_message(line) for line in self._lines.feed(data)]

    def close(self) -> list[dict[str, Any]]:
        """The last message, where the stream ended without an end of line."""
        return [_message(line) for line in self._lines.close()]


def _message(line: str) -> dict[str, Any]:
    if line.startswith("{"):
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = {}
        fields = _FIELDS.get(kind) if isinstance(kind := message.get("type"), str) else None
        if fields is not None and all(accepts(message.get(name)) for name, accepts in fields.items()):
            return message
    return {"type": "log", "text": line}
