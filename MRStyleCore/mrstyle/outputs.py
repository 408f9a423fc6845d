"""The files that a command or the worker writes: checked before the work starts, put in place together when all
is done.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli_interrupt import undisturbed
from .errors import InputError
from .files import sidecar_path

if TYPE_CHECKING:
    from .encoding import Encoding
    from .history import History
    from .qa.evaluate import Evaluation
    from .translate import Result

METRICS_NAME = "metrics.json"
ENCODING_SUFFIX = ".npz"
_EFFECTIVE = (
    "as a network estimated it so that signal equations explain the scan. Not measured, not quantitative."
)
EFFECTIVE_MAPS = {
    "effective_pd": {"Description": f"Effective proton density {_EFFECTIVE}", "Units": "arbitrary"},
    "effective_t1_ms": {"Description": f"Effective T1 {_EFFECTIVE}", "Units": "ms"},
    "effective_t2_ms": {"Description": f"Effective T2 {_EFFECTIVE}", "Units": "ms"},
}
_SYNTHETIC = {"Description": "Synthesized: no scanner took this image with these parameters."}
_REPORT_SUFFIXES = (".html", ".htm")
_STAGING_PREFIX = ".partial-"


def uncertainty_path(output: Path) -> Path:
    """``name.nii.gz`` has ``name_uncertainty.nii.gz``."""
    stem = sidecar_path(output).stem
    return output.with_name(f"{stem}_uncertainty{output.name[len(stem) :]}")


class Outputs:
    """What is written. Nothing of it replaces an input, and it appears whole or not at all.

    Args:
        inputs: files and folders that are read; their sidecars are kept from harm too.
    """

    def __init__(self, inputs: Iterable[Path]) -> None:
        paths = [path.resolve() for path in inputs]
        self._kept = {*paths, *(sidecar_path(path) for path in paths if not path.is_dir())}
        self._taken: set[Path] = set()
        self._staging: dict[Path, Path] = {}
        self._placing = threading.Lock()

    def add_transfer(
        self, output: Path, uncertainty: Path | None, maps: Path | None, report: Path | None
    ) -> None:
        """Plan to write what a transfer gives.

        Raises:
            InputError: see `add_volume`.
        """
        self.add_volume(output)
        if uncertainty is not None:
            self.add_volume(uncertainty)
        if maps is not None:
            self.add_folder(maps)
        if report is not None:
            self.add_report(report)

    def add_volume(self, path: Path, *, new_folder: bool = False) -> None:
        """Plan to write a volume and its history; with ``new_folder``, its folder is made if needed.

        Raises:
            InputError: the suffix is unknown, or the file cannot be put there.
        """
        import numpy as np

        from .volume import Volume, write_volume

        for target in (path, sidecar_path(path)):
            self._take(target)
        voxels = Volume(np.zeros((2, 2, 2)), np.eye(4), "probe")
        with _probe(_existing(path.parent) if new_folder else path.parent, path) as folder:
            try:
                write_volume(voxels, folder / path.name)
            except InputError as error:
                raise InputError(str(error).replace(str(folder / path.name), str(path))) from error

    def add_report(self, path: Path) -> None:
        """Plan to write a report.

        Raises:
            InputError: see `add_volume`.
        """
        if path.suffix.lower() not in _REPORT_SUFFIXES:
            raise InputError(f"Cannot write the report {path}: name it .html.")
        self._take(path)
        with _probe(path.parent, path):
            pass

    def add_encoding(self, path: Path) -> None:
        """Plan to write an encoding.

        Raises:
            InputError: see `add_volume`.
        """
        if path.suffix.lower() != ENCODING_SUFFIX:
            raise InputError(f"Cannot write the encoding {path}: name it {ENCODING_SUFFIX}.")
        self._take(path)
        with _probe(path.parent, path):
            pass

    def add_folder(self, path: Path) -> None:
        """Plan to write into a folder, which is made if needed.

        Raises:
            InputError: it cannot be made or written to.
        """
        if path.exists() and not path.is_dir():
            raise InputError(f"Cannot write maps to {path}: it is a file; name a folder.")
        with _probe(_existing(path), path):
            pass

    @contextmanager
    def staged(self) -> Iterator[Callable[[Path], Path]]:
        """Yield a function from a file's place to where to write it until the block ends without an error.

        Raises:
            InputError: a file would replace an input, or cannot be put in its place.
        """
        with ExitStack() as stack:

            def place(target: Path) -> Path:
                if target.parent not in self._staging:
                    temporary = tempfile.TemporaryDirectory(
                        prefix=_STAGING_PREFIX, dir=_existing(target.parent)
                    )
                    self._staging[target.parent] = Path(stack.enter_context(temporary))
                return self._staging[target.parent] / target.name

            yield place
            files = [
                (file, folder / file.name)
                for folder, staging in self._staging.items()
                for file in staging.iterdir()
            ]
            for _, target in files:
                self._refuse_replacing(target)
            with undisturbed(), self._placing:
                for file, target in files:
                    _move(file, target)

    def discard(self) -> None:
        """Remove what is staged; call it from another thread when the process is about to end."""
        with self._placing:
            for staging in list(self._staging.values()):
                shutil.rmtree(staging, ignore_errors=True)

    def _take(self, target: Path) -> None:
        self._refuse_replacing(target)
        if target.is_dir():
            raise InputError(f"Cannot write {target}: it is a folder; name a file.")
        if target.resolve() in self._taken:
            raise InputError(f"{target} would be written twice; choose another name for one of the outputs.")
        self._taken.add(target.resolve())

    def _refuse_replacing(self, target: Path) -> None:
        if target.resolve() in self._kept:
            raise InputError(f"{target} would replace an input or its sidecar; choose another output.")


class NewFolder:
    """A folder that appears whole or not at all.

    Raises:
        InputError: there is something in it, it is a file, or it cannot be made.
    """

    def __init__(self, target: Path) -> None:
        self.target = target.resolve()
        self._staging: Path | None = None
        self._placing = threading.Lock()
        if target.exists() and not target.is_dir():
            raise InputError(f"Cannot write to {target}: it is a file; name a folder.")
        if target.is_dir() and any(target.iterdir()):
            raise InputError(f"The folder {target} is not empty; name a new one.")
        with _probe(_existing(self.target.parent), target):
            pass

    @contextmanager
    def staged(self) -> Iterator[Path]:
        """Yield a folder to write to, beside the target, which it becomes when the block ends without an error.

        Raises:
            InputError: it cannot be put in its place.
        """
        beside = _existing(self.target.parent)
        with tempfile.TemporaryDirectory(prefix=_STAGING_PREFIX, dir=beside) as name:
            self._staging = Path(name)
            folder = self._staging / self.target.name
            folder.mkdir()
            yield folder
            with undisturbed(), self._placing:
                try:
                    self.target.parent.mkdir(parents=True, exist_ok=True)
                    if self.target.is_dir():
                        self.target.rmdir()
                    folder.rename(self.target)
                except OSError as error:
                    raise InputError(f"Cannot write {self.target}: {error.strerror or error}.") from error

    def discard(self) -> None:
        """Remove what is staged; call it from another thread when the process is about to end."""
        with self._placing:
            if self._staging is not None:
                shutil.rmtree(self._staging, ignore_errors=True)


def _move(file: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)
    except OSError as error:
        raise InputError(f"Cannot write {target}: {error.strerror or error}.") from error


def _existing(folder: Path) -> Path:
    """``folder``, or the nearest one above it that is there."""
    folder = folder.absolute()
    return next((each for each in (folder, *folder.parents) if each.is_dir()), folder)


@contextmanager
def _probe(folder: Path, target: Path) -> Iterator[Path]:
    """A temporary folder in ``folder``: the one sure way to learn that files can be written there."""
    if not folder.is_dir():
        raise InputError(f"Cannot write {target}: the folder {folder} does not exist; create it first.")
    try:
        probe = tempfile.TemporaryDirectory(prefix=_STAGING_PREFIX, dir=folder)
    except OSError as error:
        raise InputError(
            f"Cannot write {target}: {error.strerror}; choose a folder you can write to."
        ) from error
    with probe as name:
        yield Path(name)


def write_result(
    result: Result, output: Path, uncertainty: Path | None, place: Callable[[Path], Path]
) -> dict[str, Any]:
    """Write the image, and the uncertainty if there is one, each with its history; returns where they go, by kind.

    The sidecar of an image of a known acquisition also describes that as BIDS does, and says that no scanner took it.
    """
    from .bids_sidecar import to_bids
    from .history import write_sidecar
    from .volume import write_volume

    volumes = {"output": (result.image, output)}
    if uncertainty is not None and result.uncertainty is not None:
        volumes["uncertainty"] = (result.uncertainty, uncertainty)
    for kind, (volume, path) in volumes.items():
        acquisition = volume.acquisition if kind == "output" else None
        bids = None if acquisition is None else _SYNTHETIC | to_bids(acquisition)
        write_volume(volume, place(path), result.history.to_json())
        write_sidecar(result.history, place(path), bids)
    paths = {kind: str(path) for kind, (_, path) in volumes.items()}
    return paths | {"sidecar": str(sidecar_path(output))}


def map_paths(folder: Path) -> dict[str, Path]:
    """Where the effective tissue maps of an encoding are, by name."""
    return {name: folder / f"{name}.nii.gz" for name in EFFECTIVE_MAPS}


def write_effective_maps(encoding: Encoding, folder: Path, place: Callable[[Path], Path]) -> dict[str, str]:
    """Write the tissue maps of an encoding, each with a sidecar that says what it is; returns their paths by name."""
    from .volume import Volume, write_volume

    arrays = {
        "effective_pd": encoding.pd,
        "effective_t1_ms": encoding.t1_ms(),
        "effective_t2_ms": encoding.t2_ms(),
    }
    history = {name: value for name, value in encoding.history.items() if name != "notes"}
    header = json.dumps(history, allow_nan=False)
    paths = map_paths(folder)
    for name, path in paths.items():
        write_volume(Volume(arrays[name], encoding.affine, name), place(path), header)
        text = json.dumps(EFFECTIVE_MAPS[name] | history, indent=2, allow_nan=False) + "\n"
        place(sidecar_path(path)).write_text(text, encoding="utf-8")
    return {name: str(path) for name, path in paths.items()}


def write_maps(
    evaluation: Evaluation, folder: Path, place: Callable[[Path], Path], history: History | None = None
) -> dict[str, str]:
    """Write the maps and ``metrics.json``, which has the metrics and the history of what was measured."""
    from .volume import write_volume

    header = None if history is None else history.to_json()
    paths = {name: folder / f"{name}.nii.gz" for name in evaluation.maps}
    for name, volume in evaluation.maps.items():
        write_volume(volume, place(paths[name]), header)
    metrics = evaluation.to_dict() | {"history": None if history is None else history.to_dict()}
    text = json.dumps(metrics, indent=2, allow_nan=False) + "\n"
    place(folder / METRICS_NAME).write_text(text, encoding="utf-8")
    return {name: str(path) for name, path in paths.items()}
