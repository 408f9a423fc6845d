"""Which sequence family the tags of a file mean, and which of its repetition times the signal equation wants.

Sources: DICOM PS3.3 C.8.3.1 (MR Image Module); the conformance statements of the vendors; how their files look in practice
(Siemens counts an MPRAGE's repetition from inversion to inversion, as GE does for its MPRAGE; GE's BRAVO, Philips' TFE and
UIH's gre_fsp give that between the excitations of the train).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from .acquisition import Acquisition, label, looks_like_seconds, missing


class SequenceTags(NamedTuple):
    """What DICOM and sidecars say about the sequence, in the words of the DICOM standard.

    Attributes:
        scanning_sequence, sequence_variant, scan_options, image_type: code strings in capitals.
        names: what the scanner calls its sequence.
        descriptions: typed by people: good enough to doubt what the other tags say, never to decide.
    """

    scanning_sequence: set[str]
    sequence_variant: set[str]
    scan_options: set[str]
    image_type: set[str]
    names: str
    descriptions: str
    is_3d: bool


class Findings(NamedTuple):
    """An acquisition as a file gives it, and sentences about what it leaves open."""

    acquisition: Acquisition
    notes: tuple[str, ...]


class _Verdict(NamedTuple):
    family: str | None
    note: str = ""


def _words(*patterns: str) -> re.Pattern[str]:
    """Any of the patterns, not within a longer word; digits and signs may follow, as in ``tse2d1_15``."""
    return re.compile(rf"(?<![a-z])(?:{'|'.join(patterns)})(?![a-z])", re.IGNORECASE)


_BALANCED = re.compile(
    r"true? ?-?(?:fisp|ssfp)|trufi|fiesta|bssfp|balanced|b-?[ft]fe|(?<![a-z])tfi[23]d", re.IGNORECASE
)
_ECHO_PLANAR = re.compile(r"epi(?![a-z])|(?<![a-z])ep(?:2d|fid|se)", re.IGNORECASE)
_MPRAGE = re.compile(r"mp-?rage", re.IGNORECASE)
_TRAIN = _words(r"tfl(?:\dd)?", r"(?:t1-?)?tfe", "bravo", r"ir-?f?spgr")
_MAY_BE_TRAIN = _words(r"efgre3d", r"gre_fsp", r"ffe3d")
_SPOILED = _words(r"t1-?ffe", r"f?spgr", "flash", r"fl[23]d", "gre_fsp", "vibe", "lava", "thrive")
_GRADIENT_ECHO = _words(r"(?:t1-?)?f?fe(?:[23]d)?", r"(?:e?f)?gre(?:[23]d)?", r"fi[23]d", r"gradient[- ]echo")
_SPIN_ECHO = _words(
    r"spin[- ]echo",
    r"se(?:[23]d)?",
    r"(?:[23]d?-?)?(?:fr)?fse(?:[23]d)?(?:-xl)?",
    r"tser?(?:[23]d)?",
    r"fase(?:[23]d)?",
    r"spc(?:r|ir)?",
    r"tirm?(?:2d)?",
    *("space", "haste", "h2d", "vista", "cube"),
)
_SAYS_INVERSION = _words("flair", "stir", "tirm", r"dark[-_ ]?fluid", r"mp-?rage", "bravo", r"ir-?f?spgr")
_SEVERAL_INVERSIONS = re.compile(r"mp2rage|qalas|flaws", re.IGNORECASE)
_INVERSION = _words(r"inversion[- ]?recovery", "tirm?", "spcir", "flair")
DESCRIPTIONS = ("ProtocolName", "SeriesDescription")
NO_AGENT = {"", "0", "NO", "NONE", "N", "FALSE"}
_NOT_MAGNITUDE = {"P", "PHASE", "R", "REAL", "I", "IMAGINARY"}

# Longer than any fat suppression or dark-blood preparation, so it can only be the inversion of a FLAIR.
_FLUID_INVERSION_MS = 1500.0
# Longer than the delay of a fat suppression of a gradient echo.
_PREPARED_INVERSION_MS = 200.0
# No spin echo has so small a flip angle and so early an echo.
_TRAIN_FLIP_DEG, _TRAIN_ECHO_MS = 20.0, 8.0
# No inversion is repeated so soon.
_EXCITATION_MS = 100.0


def terms(value: Any) -> set[str]:
    """Terms of a DICOM code string; dcm2niix joins them by a backslash, in old versions by an underscore.

    GE's ``IR_GEMS`` comes as IR and GEMS, which does no harm.
    """
    values = [str(value)] if value is None or isinstance(value, str) else [str(term) for term in value]
    return {term for text in values for term in re.split(r"[\\_/,; ]+", text.upper())} - {"", "NONE"}


def assemble(
    tags: SequenceTags, *, cycle_ms: float | None, repetition_ms: float | None, **values: Any
) -> Findings:
    """Acquisition of what a file says, with the repetition time that its family's signal equation needs.

    Args:
        tags: the sequence.
        cycle_ms: from preparation to preparation, where that is recorded by itself.
        repetition_ms: as the vendor counts it.
        values: the other fields of `Acquisition` but the family.

    Raises:
        InputError: a value is not that of a real scanner.
    """
    family, note = _family(
        tags, **{name: values[name] for name in ("inversion_time_ms", "echo_time_ms", "flip_angle_deg")}
    )
    reasons = {"family": note} if note else {}
    values["repetition_time_ms"] = repetition_ms
    if family in ("mprage", "inversion_recovery"):
        inversion_ms = values["inversion_time_ms"] or 0.0
        if cycle_ms is not None and cycle_ms > inversion_ms:
            values["repetition_time_ms"] = cycle_ms
        elif repetition_ms is not None and repetition_ms <= (inversion_ms or _EXCITATION_MS):
            values["repetition_time_ms"] = None
            reasons["repetition_time_ms"] = _no_cycle(family, repetition_ms)
    if family:
        for name in [
            name for name, value in values.items() if value and looks_like_seconds(family, name, value)
        ]:
            value, values[name] = values[name], None
            reasons[name] = (
                f"The {label(name)} {value:g} ms in the file looks like seconds; enter {value * 1000:g}."
            )
    echo_ms, repetition_ms = values["echo_time_ms"], values["repetition_time_ms"]
    if echo_ms and repetition_ms and echo_ms >= repetition_ms:
        family = None
        reasons["family"] = (
            f"The echo time {echo_ms:g} ms is not shorter than the repetition time {repetition_ms:g} ms; none of the "
            "sequence families describes an echo-shifted sequence, so check both."
        )
    acquisition = Acquisition(family=family, **values)
    unexplained = _open(name for name in missing(acquisition) if name not in reasons)
    return Findings(acquisition, (*reasons.values(), *_cautions(tags), *unexplained))


def _no_cycle(family: str, repetition_ms: float) -> str:
    text = f"The repetition time {repetition_ms:g} ms in the file"
    if family == "mprage":
        return f"{text} is that between excitations; enter the time from inversion to inversion, often 1800 to 2500 ms."
    return f"{text} is too short for one from inversion to inversion; check its unit, and enter that."


def _open(names: Iterable[str]) -> list[str]:
    """The sentence about what is not recorded, if anything."""
    labels = [label(name) for name in names]
    if not labels:
        return []
    pronoun = "it" if len(labels) == 1 else "them"
    return [
        f"The file leaves open: {', '.join(labels)}; enter {pronoun}, or estimate {pronoun} from the image."
    ]


def _cautions(tags: SequenceTags) -> list[str]:
    """What the signal equations leave out, though the family may fit."""
    notes = []
    if "MTC" in tags.sequence_variant:
        notes.append("A magnetization-transfer pulse was on, which the signal equation leaves out.")
    if tags.image_type & _NOT_MAGNITUDE:
        notes.append(
            "By its image type it is no magnitude image, but phase, real or imaginary; use the magnitude."
        )
    return notes


def _family(
    tags: SequenceTags,
    *,
    inversion_time_ms: float | None,
    echo_time_ms: float | None,
    flip_angle_deg: float | None,
) -> _Verdict:
    """The sequence family where the tags leave no doubt; else None and why."""
    sequence = tags.scanning_sequence
    if "EP" in sequence or _ECHO_PLANAR.search(f"{tags.names} {tags.descriptions}"):
        return _Verdict(None, "It is an echo-planar image, which none of the sequence families describes.")
    if "TRSS" in tags.sequence_variant:
        return _Verdict(
            None, "It is a time-reversed steady state (PSIF), which none of the sequence families describes."
        )
    flagged = "IR" in sequence or "IR" in tags.scan_options or bool(_INVERSION.search(tags.names))
    if _BALANCED.search(tags.names):
        if flagged or inversion_time_ms is not None:
            return _Verdict(
                None,
                "It is a balanced sequence with an inversion, which none of the sequence families describes.",
            )
        return _Verdict("bssfp")
    if _SEVERAL_INVERSIONS.search(f"{tags.names} {tags.descriptions}"):
        return _Verdict(
            None,
            "It is one of several images after one inversion (as of MP2RAGE); choose the family that fits.",
        )
    if _MPRAGE.search(tags.names):
        return _Verdict("mprage")
    small_flip = _has_small_flip(tags, flip_angle_deg, echo_time_ms)
    echoes = _echoes(tags, small_flip)
    if echoes == {"SE"}:
        return _spin_echo_family(tags, flagged, inversion_time_ms)
    if echoes == {"GR"}:
        verdict = _gradient_echo_family(tags, flagged, inversion_time_ms)
        if verdict.family and "RM" in sequence and "GR" not in sequence:
            note = "The scanner says research mode (RM); the family is that of the flip angle, echo time and name."
            return verdict._replace(note=note)
        return verdict
    if echoes:
        return _Verdict(
            None, "It mixes spin and gradient echoes, which none of the sequence families describes."
        )
    if "RM" in sequence:
        return _Verdict(
            None, "The scanner calls the sequence a research mode (RM) and no more; choose the family."
        )
    return _Verdict(None)


def _has_small_flip(tags: SequenceTags, flip_angle_deg: float | None, echo_time_ms: float | None) -> bool:
    """Whether the flip angle and the echo time rule out a spin echo."""
    return (
        tags.is_3d
        and flip_angle_deg is not None
        and flip_angle_deg <= _TRAIN_FLIP_DEG
        and echo_time_ms is not None
        and echo_time_ms <= _TRAIN_ECHO_MS
    )


def _echoes(tags: SequenceTags, small_flip: bool) -> Collection[str]:
    """{"SE"}, {"GR"}, both or none: by the code, else by the scanner's own name of the sequence."""
    if told := tags.scanning_sequence & {"SE", "GR"}:
        return told
    if _TRAIN.search(tags.names) or _GRADIENT_ECHO.search(tags.names) or _SPOILED.search(tags.names):
        return {"GR"}
    if _MAY_BE_TRAIN.search(tags.names) or ("IR" in tags.scanning_sequence and small_flip):
        return {"GR"}
    # Alone, IR is how vendors write an inversion-recovery spin echo; with RM (research mode) it says too little.
    is_spin_echo = tags.scanning_sequence == {"IR"} or _SPIN_ECHO.search(tags.names)
    return {"SE"} if is_spin_echo else set()


def _spin_echo_family(tags: SequenceTags, flagged: bool, inversion_time_ms: float | None) -> _Verdict:
    if flagged:
        return _Verdict("inversion_recovery")
    if inversion_time_ms is not None:
        if inversion_time_ms >= _FLUID_INVERSION_MS:
            return _Verdict("inversion_recovery")
        return _Verdict(
            None,
            f"It is a spin echo with an inversion time of {inversion_time_ms:g} ms but no mark of an inversion: choose "
            "inversion_recovery, or spin_echo if that is the delay of a fat suppression.",
        )
    if _SAYS_INVERSION.search(tags.descriptions):
        return _Verdict(
            None,
            "By its description it has an inversion, but the file has no inversion time; choose the family.",
        )
    return _Verdict("spin_echo")


def _gradient_echo_family(tags: SequenceTags, flagged: bool, inversion_time_ms: float | None) -> _Verdict:
    """An inversion time alone may be that of a fat suppression; SS without SP may be a balanced sequence."""
    variant = tags.sequence_variant
    is_spoiled = "SP" in variant or bool(_SPOILED.search(tags.names))
    is_train = bool(_TRAIN.search(tags.names))
    long_inversion = (inversion_time_ms or 0.0) >= _PREPARED_INVERSION_MS
    if flagged or "MP" in variant or is_train or (long_inversion and _MAY_BE_TRAIN.search(tags.names)):
        if inversion_time_ms is None:
            return _Verdict(
                None, "It is a prepared gradient echo, but the file has no inversion time; choose the family."
            )
        if not tags.is_3d:
            return _Verdict(
                None, "It is a prepared 2D gradient echo, which none of the sequence families describes."
            )
        if "SS" in variant and not (is_spoiled or is_train):
            return _Verdict(
                None,
                "It is a prepared gradient echo, spoiled or balanced: the file does not say; choose the family.",
            )
        return _Verdict("mprage")
    if inversion_time_ms is not None:
        return _Verdict(
            None,
            f"It is a gradient echo with an inversion time of {inversion_time_ms:g} ms but no mark of an inversion: choose "
            "mprage, or spoiled_gradient_echo if that is the delay of a fat suppression.",
        )
    if _SAYS_INVERSION.search(tags.descriptions):
        return _Verdict(
            None,
            "By its description it has an inversion, but the file has no inversion time; choose the family.",
        )
    if is_spoiled:
        return _Verdict("spoiled_gradient_echo")
    return _Verdict(
        None, "It is a gradient echo, spoiled or balanced: the file does not say; choose the family."
    )
