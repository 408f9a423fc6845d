"""What a training writes is read while it is being written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from MRStyleLib.train_files import Curves, Status, last_line, samples, thinned


def line(step: int, psnr_db: float | None = None, **losses: float) -> str:
    return json.dumps({"step": step, "seconds": 1.5, "losses": losses, "validation_psnr_db": psnr_db}) + "\n"


def test_curves_grow_with_their_file(tmp_path: Path) -> None:
    log, curves = tmp_path / "progress.jsonl", Curves(tmp_path)
    assert not curves.read_on()
    log.write_text(line(10, l1=0.5) + line(20, 21.5, l1=0.4, cycle=2.0)[:12])
    assert curves.read_on()
    assert curves.losses == {"l1": ([10], [0.5])}
    assert not curves.read_on()
    log.write_text(line(10, l1=0.5) + line(20, 21.5, l1=0.4, cycle=2.0))
    assert curves.read_on()
    assert curves.losses == {"l1": ([10, 20], [0.5, 0.4]), "cycle": ([20], [2.0])}
    assert curves.validation == ([20], [21.5])


@pytest.mark.parametrize("steps_before", [2, 5])
def test_a_resumed_training_drops_what_came_after_its_checkpoint(tmp_path: Path, steps_before: int) -> None:
    log, curves = tmp_path / "progress.jsonl", Curves(tmp_path)
    log.write_text("".join(line(step, l1=1.0) for step in range(1, steps_before + 1)))
    curves.read_on()
    other = tmp_path / "other"
    other.write_text(line(1, l1=1.0) + line(2, l1=3.0) + line(3, l1=4.0))
    other.replace(log)
    assert curves.read_on()
    assert curves.losses == {"l1": ([1, 2, 3], [1.0, 3.0, 4.0])}


def test_a_score_that_is_no_psnr_is_a_curve_as_well(tmp_path: Path) -> None:
    curves = Curves(tmp_path)
    (tmp_path / "progress.jsonl").write_text('{"step": 5, "losses": {}, "validation_score": 0.9}\n')
    curves.read_on()
    assert curves.validation == ([5], [0.9])


@pytest.mark.parametrize(
    "damaged",
    [
        "nonsense",
        "[1]",
        '{"step": "one"}',
        '{"step": 3, "losses": [1]}',
        '{"step": NaN}',
        "[" * 100_000,
        "\xff",
    ],
    ids=lambda text: text[:20],
)
def test_a_damaged_line_is_passed_over(tmp_path: Path, damaged: str) -> None:
    curves = Curves(tmp_path)
    (tmp_path / "progress.jsonl").write_text(damaged + "\n" + line(2, l1=0.5), encoding="latin-1")
    curves.read_on()
    assert curves.losses == {"l1": ([2], [0.5])}


def test_a_loss_that_is_no_number_is_a_gap(tmp_path: Path) -> None:
    curves = Curves(tmp_path)
    (tmp_path / "progress.jsonl").write_text('{"step": 1, "losses": {"l1": NaN}}\n' + line(2, l1=0.5))
    curves.read_on()
    assert curves.losses == {"l1": ([2], [0.5])}


def test_a_long_curve_is_thinned_to_means(tmp_path: Path) -> None:
    steps, values = thinned((list(range(1, 1201)), [0.0, 2.0] * 600))
    assert len(steps) == len(values) <= 400
    assert steps[-1] == 1200
    assert 0.5 < min(values) <= max(values) < 1.5
    assert thinned(([1, 2], [3, 4])) == ([1, 2], [3, 4])


@pytest.mark.parametrize(
    "text", ["", "{", "3", '{"state": 3, "step": "x", "steps": null, "seconds_left": NaN}']
)
def test_a_status_that_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "status.json").write_text(text)
    assert Status.read(tmp_path) == Status()
    assert Status.read(tmp_path / "none") == Status()


def test_a_status(tmp_path: Path) -> None:
    content = {"state": "running", "step": 50, "steps": 200, "seconds_left": 90, "score": None}
    (tmp_path / "status.json").write_text(json.dumps(content | {"later": "version"}))
    status = Status.read(tmp_path)
    assert (status.fraction, status.seconds_left, status.best) == (0.25, 90.0, "")


@pytest.mark.parametrize(
    ("score", "text"),
    [
        ({"name": "PSNR", "unit": "dB", "best": 21.456}, "PSNR 21.46 dB"),
        ({"name": "Dice", "unit": "1", "best": 0.9}, "Dice 0.90"),
        ({"name": "PSNR", "unit": "dB", "best": None}, ""),
        ("high", ""),
    ],
)
def test_the_best_score_with_its_unit(tmp_path: Path, score: object, text: str) -> None:
    (tmp_path / "status.json").write_text(json.dumps({"state": "running", "score": score}))
    assert Status.read(tmp_path).best == text


def test_samples_come_in_the_order_of_their_steps(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    for name in ("step-000100.png", "step-000020.png", ".partial-x-step-000200.png", "notes.txt"):
        (tmp_path / "samples" / name).touch()
    assert [step for step, _path in samples(tmp_path)] == [20, 100]


def test_the_last_line_of_the_log_is_the_reason(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("x" * 5000 + "\nmrstyle-train: Choose another folder.\n\n")
    assert last_line(log) == "Choose another folder."
    assert last_line(tmp_path / "none") == ""
