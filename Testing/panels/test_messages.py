"""What the panels understand of what a worker prints, however the pipe cuts it."""

from __future__ import annotations

import json

import pytest

from MRStyleLib.messages import LINE_LIMIT_BYTES, LineReader, MessageReader

HELLO = {"type": "hello", "protocol": 1, "torch": "2.13", "name": "Ünit"}
PROGRESS = {"type": "progress", "case": 1, "cases": 2, "stage": "tiles", "fraction": 0.5, "eta_s": None}
RESULT = {"type": "result", "case": 2, "outputs": {"image": "o.nrrd"}, "seconds": 1.0}


def line(message: dict) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode() + b"\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_messages_arrive_whole_in_pieces_of_any_size(size: int) -> None:
    stream = line(HELLO) + b"Gr\xc3\xbc\xc3\x9fe\r\n" + line(PROGRESS) + line(RESULT)
    reader = MessageReader()
    messages = [m for start in range(0, len(stream), size) for m in reader.feed(stream[start : start + size])]
    assert messages == [HELLO, {"type": "log", "text": "Grüße"}, PROGRESS, RESULT]
    assert reader.close() == []


def test_the_last_line_needs_no_end() -> None:
    reader = MessageReader()
    assert reader.feed(line(RESULT)[:-1]) == []
    assert reader.close() == [RESULT]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain words",
        "[1, 2]",
        "{",
        '{"type": "result"}',
        '{"type": ["result"], "case": 1, "outputs": {}}',
        '{"type": "result", "case": 0, "outputs": {}}',
        '{"type": "result", "case": true, "outputs": {}}',
        '{"type": "progress", "case": 1, "cases": 1, "stage": "a", "fraction": NaN, "eta_s": null}',
        '{"type": "progress", "case": 1, "cases": 1, "stage": "a", "fraction": 1.5, "eta_s": null}',
        '{"type": "progress", "case": 1, "cases": 1, "stage": "a", "fraction": 0.5, "eta_s": 1e999}',
        '{"type": "error", "code": "internal"}',
        '{"type": "log", "message": "no kind of ours"}',
        '{"type": "__class__"}',
        '{"a": ' * 50_000,
    ],
)
def test_what_is_no_message_is_log_text(text: str) -> None:
    assert MessageReader().feed(text.encode() + b"\n") == [{"type": "log", "text": text}]


def test_bytes_that_are_no_text_do_no_harm() -> None:
    assert LineReader().feed(b"a\xff\xfe\n") == ["a\ufffd\ufffd"]


def test_a_stream_without_an_end_of_line_does_not_fill_the_memory() -> None:
    reader = LineReader()
    lines = [one for _ in range(30) for one in reader.feed(b"x" * 100_000)]
    assert sum(map(len, lines)) >= 3_000_000 - LINE_LIMIT_BYTES
    assert all(len(one) <= LINE_LIMIT_BYTES for one in lines)
