"""Evaluation of a generated volume: which rows and maps there are, and whether they say what is true."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from scipy.ndimage import gaussian_filter

from mrstyle.acquisition import from_bids
from mrstyle.cli_phantom import CONTRASTS
from mrstyle.errors import Cancelled, InputError
from mrstyle.metrics import image
from mrstyle.physics.phantom import head_phantom
from mrstyle.qa.evaluate import DATA_RANGE, MAP_NAMES, Evaluation, Row, evaluate
from mrstyle.volume import Volume, from_sitk, to_sitk


def head(name: str, seed: int = 0, bright: float = 0.5) -> Volume:
    """A lopsided ellipsoid with texture and a bright core, 3 mm voxels, oblique grid."""
    shape = (44, 48, 40)
    k, j, i = (np.linspace(-1, 1, n) for n in shape)
    radius = np.sqrt((k[:, None, None] / 0.8) ** 2 + (j[:, None] / 0.85) ** 2 + (i / 0.7) ** 2)
    texture = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 1.2)
    core = np.exp(-(((k[:, None, None] - 0.2) ** 2 + (j[:, None] + 0.3) ** 2 + i**2) / 0.05))
    array = (radius < 1) * (400 + 400 * texture + 800 * bright * core + 150 * j[:, None])
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, :3] = np.array([[0.98, -0.199, 0], [0.199, 0.98, 0], [0, 0, 1]]) @ affine[:3, :3]
    affine[:3, 3] = (-60, -70, -66)
    return Volume(np.maximum(array, 0).astype(np.float32), affine, name)


def noisy(volume: Volume, name: str, noise: float) -> Volume:
    values = volume.array + noise * np.random.default_rng(5).standard_normal(volume.shape) * (
        volume.array > 0
    )
    return volume.with_array(np.maximum(values, 0).astype(np.float32), name)


def row(evaluation: Evaluation, metric: str, against: str = "") -> Row:
    (found,) = (row for row in evaluation.rows if (row.metric, row.against) == (metric, against))
    return found


def value(evaluation: Evaluation, metric: str, against: str = "") -> float:
    found = row(evaluation, metric, against).value
    assert found is not None
    return found


@pytest.fixture(scope="module")
def full() -> tuple[Volume, Evaluation]:
    content, reference = head("t1", bright=0.2), head("t2", bright=1.0)
    generated = noisy(reference, "synthetic", 20)
    return generated, evaluate(generated, content=content, style=reference, reference=reference)


def test_all_rows_and_maps_are_there_on_the_generated_grid(full: tuple[Volume, Evaluation]) -> None:
    generated, evaluation = full

    assert {(row.metric, row.against) for row in evaluation.rows} == {
        *((metric, "reference") for metric in ("PSNR", "SSIM", "MS-SSIM", "NMI")),
        *(
            (metric, "content")
            for metric in ("SSIM", "NMI", "CW-SSIM content", "CW-SSIM content, map average")
        ),
        *((f"flicker ratio {axis}", "content") for axis in "kji"),
        *((metric, "style") for metric in ("CW-SSIM style", "CW-SSIM style, map average")),
        *((metric, "") for metric in ("blur", "blur of content", "blur of reference")),
    }
    assert all(row.value is not None for row in evaluation.rows)
    assert {row.data_range for row in evaluation.rows} == {DATA_RANGE}
    assert {row.mask for row in evaluation.rows} == {"foreground of the content"}
    assert set(evaluation.maps) == set(MAP_NAMES)
    assert all(volume.has_grid_of(generated) for volume in evaluation.maps.values())


def test_better_volumes_get_better_numbers(full: tuple[Volume, Evaluation]) -> None:
    generated, good = full
    content, reference = head("t1", bright=0.2), head("t2", bright=1.0)
    poor = evaluate(noisy(reference, "poor", 120), content=content, style=reference, reference=reference)

    for metric in ("PSNR", "SSIM", "MS-SSIM", "NMI"):
        assert value(good, metric, "reference") > value(poor, metric, "reference")
    assert value(good, "flicker ratio k", "content") < value(poor, "flicker ratio k", "content")
    assert value(good, "CW-SSIM style", "style") > value(poor, "CW-SSIM style", "style")
    smooth = generated.with_array(gaussian_filter(generated.array, 1.5))
    assert value(evaluate(smooth), "blur") > value(good, "blur")


def test_intensity_units_do_not_matter(full: tuple[Volume, Evaluation]) -> None:
    generated, expected = full
    reference = head("t2", bright=1.0)
    scaled = evaluate(
        generated.with_array(generated.array * 0.01), content=head("t1", bright=0.2), reference=reference
    )

    assert value(scaled, "PSNR", "reference") == pytest.approx(value(expected, "PSNR", "reference"), abs=0.01)
    assert value(scaled, "SSIM", "reference") == pytest.approx(value(expected, "SSIM", "reference"), abs=1e-3)


def test_the_map_is_what_the_row_averages(full: tuple[Volume, Evaluation]) -> None:
    generated, _ = full
    reference = head("t2", bright=1.0)
    inside = np.zeros(generated.shape, dtype=np.float32)
    inside[15:30, 15:30, 15:25] = 1
    mask = generated.with_array(inside, "box")
    evaluation = evaluate(generated, reference=reference, mask=mask)

    mean = evaluation.maps["ssim_reference"].array[inside > 0].mean()
    assert value(evaluation, "SSIM", "reference") == pytest.approx(mean, abs=1e-5)
    assert row(evaluation, "SSIM", "reference").mask == "box"


def test_identical_volumes_give_json_without_infinity() -> None:
    volume = head("t1")
    evaluation = evaluate(volume, content=volume, style=volume, reference=volume)

    assert row(evaluation, "PSNR", "reference").value is None
    assert "infinite" in row(evaluation, "PSNR", "reference").note
    assert value(evaluation, "SSIM", "reference") == 1.0
    assert value(evaluation, "CW-SSIM content", "content") == 1.0
    decoded = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert decoded["rows"][0]["metric"] == "PSNR"
    assert "ssim_reference" in decoded["maps"]


def test_a_style_on_another_grid_is_registered() -> None:
    generated = head("synthetic", bright=1.0)
    turn = sitk.AffineTransform(3)
    turn.Rotate(0, 1, 0.12)
    turn.Translate((14.0, -9.0, 6.0))
    grid = sitk.Image([46, 50, 44], sitk.sitkFloat32)
    grid.SetSpacing((2.9, 3.1, 3.2))
    grid.SetOrigin((75.0, 70.0, -72.0))
    grid.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    other = from_sitk(sitk.Resample(to_sitk(generated), grid, turn, sitk.sitkLinear, 0.0), "other")

    evaluation = evaluate(generated, content=head("t1", bright=0.2), style=other)

    assert "registered" in row(evaluation, "CW-SSIM style", "style").note
    assert value(evaluation, "CW-SSIM style, map average", "style") > 0.85
    again = evaluate(generated, content=head("t1", bright=0.2), style=other)
    np.testing.assert_array_equal(again.maps["cw_ssim_style"].array, evaluation.maps["cw_ssim_style"].array)


@pytest.fixture(scope="module")
def people() -> dict[str, Volume]:
    """Two persons, each T1- and T2-weighted, all on one grid."""
    found = {}
    for seed in (1, 2):
        person = head_phantom(seed, (75, 95, 75), 2.0)
        for contrast in ("T1w", "T2w"):
            acquisition = from_bids(CONTRASTS[contrast] | {"MagneticFieldStrength": 3.0})
            found[f"{contrast} {seed}"] = person.render(acquisition, seed=seed, skull=False)
    return found


def cw_ssim_style(people: dict[str, Volume], style: Volume) -> Row:
    evaluation = evaluate(people["T2w 1"], content=people["T1w 1"], style=style)
    return row(evaluation, "CW-SSIM style, map average", "style")


def test_the_style_of_another_person_on_the_same_grid_is_registered(people: dict[str, Volume]) -> None:
    other = people["T2w 2"]
    elsewhere = other.with_array(np.roll(other.array, (3, -4, 4), (0, 1, 2)), "elsewhere")
    here, moved = cw_ssim_style(people, other), cw_ssim_style(people, elsewhere)
    assert here.value is not None and moved.value is not None
    assert "moved by up to" in moved.note
    assert moved.value == pytest.approx(here.value, abs=0.05)
    # Another person in the right contrast is more alike than in the wrong one, but not the same person.
    wrong = cw_ssim_style(people, people["T1w 2"]).value
    assert wrong is not None
    assert wrong + 0.05 < here.value < 0.95


def test_the_style_of_the_same_person_stays_in_place(people: dict[str, Volume]) -> None:
    own = cw_ssim_style(people, noisy(people["T2w 1"], "own", 10))
    assert "found in place, not resampled" in own.note
    assert own.value is not None and own.value > 0.95


def test_a_style_from_the_same_scanner_space_is_only_resampled(people: dict[str, Volume]) -> None:
    truth = people["T2w 1"]
    affine = truth.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ (2, 3, 2)
    cropped = Volume(noisy(truth, "own", 10).array[2:, 3:, 2:], affine, "own")
    found = cw_ssim_style(people, cropped)
    assert "found in place, linearly resampled" in found.note
    assert found.value is not None and found.value > 0.9


def test_weights_say_something_between_contrasts(people: dict[str, Volume]) -> None:
    content, generated = people["T1w 1"], people["T2w 1"]
    evaluation = evaluate(generated, content=content)
    note = row(evaluation, "CW-SSIM content", "content").note
    assert "10.0% of voxels enhanced" in note
    assert float(note.split("more than ")[1].split(" of 255")[0]) > 20
    low, high = np.percentile(evaluation.maps["cw_ssim_weights"].array[content.array > 0], (5, 95))
    assert high - low > 0.2


def test_a_cancel_is_noticed_between_measures() -> None:
    volume, fractions = head("t1"), []
    options = {"content": volume, "reference": noisy(volume, "true", 20)}
    evaluate(volume, **options, progress=lambda progress: fractions.append(progress.fraction))
    assert fractions == sorted(fractions)
    assert len(fractions) > 10
    assert fractions[-1] > 0.8
    for calls in (1, len(fractions) // 2, len(fractions)):
        answers = iter([False] * (calls - 1))
        with pytest.raises(Cancelled):
            evaluate(volume, **options, cancel=lambda answers=answers: next(answers, True))


def test_a_style_without_content_is_explained() -> None:
    evaluation = evaluate(head("synthetic"), style=head("style", seed=1))

    assert row(evaluation, "CW-SSIM style", "style").value is None
    assert "content" in row(evaluation, "CW-SSIM style", "style").note
    assert row(evaluation, "blur").mask == "foreground of the generated volume"


def test_a_thin_volume_keeps_the_numbers_that_it_can_have() -> None:
    volume = head("t1")
    thin = Volume(volume.array[18:26], volume.affine, "thin")
    evaluation = evaluate(noisy(thin, "synthetic", 30), content=thin, style=thin, reference=thin)

    assert row(evaluation, "SSIM", "reference").value is None
    assert "too small" in row(evaluation, "SSIM", "reference").note
    assert value(evaluation, "PSNR", "reference") > 10
    for against in ("content", "style"):
        assert row(evaluation, f"CW-SSIM {against}", against).value is None
    assert "ssim_reference" not in evaluation.maps


def test_other_grids_and_unusable_volumes_are_refused() -> None:
    volume = head("t1")
    moved = replace(volume, affine=volume.affine + _shift(5.0), name="moved")

    for role in ("content", "reference", "mask"):
        with pytest.raises(InputError, match=f"The {role} moved is not on the grid of t1"):
            evaluate(volume, **{role: moved})
    with pytest.raises(InputError, match="mask none is empty"):
        evaluate(volume, mask=volume.with_array(np.zeros(volume.shape), "none"))
    with pytest.raises(InputError, match="NaN"):
        evaluate(volume.with_array(np.where(volume.array > 300, np.nan, volume.array), "broken"))


def test_difference_is_zero_for_the_reference_itself() -> None:
    volume = head("t1")
    evaluation = evaluate(volume, reference=volume)

    assert not evaluation.maps["difference_reference"].array.any()
    assert image.ms_ssim_scales(volume.shape) == 2
    assert "2 of 5 scales" in row(evaluation, "MS-SSIM", "reference").note


def _shift(shift_mm: float) -> np.ndarray:
    shift = np.zeros((4, 4))
    shift[0, 3] = shift_mm
    return shift
