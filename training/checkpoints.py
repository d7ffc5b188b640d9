"""Keeps the state of a run on disk, so that a run that was killed goes on where it stood.

A run is known by a hash of everything that shapes it. Every file is written whole or not at all.
"""

import fcntl
import hashlib
import json
import shutil
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError

# Goes up with every change of fitting or feeding that changes what a network learns.
FIT_VERSION = 2

Arrays = list[NDArray[Any]]


@dataclass(frozen=True)
class CurvePoint:
    """One epoch of a learning curve.

    Args:
        run: such as "fold 1" or "kept".
        epoch: from 1.
        loss: the mean over the epoch.
        validation_auc: None without a validation part.
        rate: the learning rate at the epoch's end.
        seconds: that the epoch took, judging included.
    """

    run: str
    epoch: int
    loss: float
    validation_auc: float | None
    rate: float
    seconds: float


@dataclass
class FitState:
    """Where a fit stands after an epoch.

    Args:
        network: every variable of the network, seeds of its dropout included.
        optimizer: every variable of the optimizer, running averages included.
        best: the weights of the best epoch by validation; empty without one.
        best_auc: its validation AUC; -1 before there is one.
        waited: epochs since then.
        curve: one point for each epoch done.
    """

    network: Arrays = field(default_factory=list)
    optimizer: Arrays = field(default_factory=list)
    best: Arrays = field(default_factory=list)
    best_auc: float = -1.0
    waited: int = 0
    curve: list[CurvePoint] = field(default_factory=list)


@dataclass(frozen=True)
class FitPlace:
    """Where one fit of a run keeps its state.

    Args:
        directory: of this fit alone.
    """

    directory: Path

    def load_state(self) -> FitState | None:
        """The state after the last whole epoch; None before the first, or where the file is damaged."""
        found = _load(self.directory / "state.npz")
        if found is None:
            return None
        facts = json.loads(str(found.pop("facts")))
        return FitState(
            network=_unpack(found, "network"),
            optimizer=_unpack(found, "optimizer"),
            best=_unpack(found, "best"),
            best_auc=facts["best_auc"],
            waited=facts["waited"],
            curve=[CurvePoint(**point) for point in facts["curve"]],
        )

    def save_state(self, state: FitState) -> None:
        """Keeps the state, in place of an older one."""
        facts = {
            "best_auc": state.best_auc,
            "waited": state.waited,
            "curve": [asdict(point) for point in state.curve],
        }
        arrays = _pack("network", state.network) | _pack("optimizer", state.optimizer) | _pack("best", state.best)
        _save(self.directory / "state.npz", facts, arrays)

    def load_result(self) -> tuple[Arrays, list[CurvePoint]] | None:
        """What a finished fit left: its arrays (logits, or weights) and its curve; None where it has not finished."""
        found = _load(self.directory / "result.npz")
        if found is None:
            return None
        facts = json.loads(str(found.pop("facts")))
        return _unpack(found, "result"), [CurvePoint(**point) for point in facts["curve"]]

    def save_result(self, arrays: Arrays, curve: list[CurvePoint]) -> None:
        """Keeps what a finished fit leaves, and drops its state."""
        _save(self.directory / "result.npz", {"curve": [asdict(point) for point in curve]}, _pack("result", arrays))
        (self.directory / "state.npz").unlink(missing_ok=True)


@dataclass(frozen=True)
class RunDirectory:
    """The states of one run, all its fits together.

    Args:
        directory: of this run alone.
        lock: held while the run works, so that a second one does not write between.
    """

    directory: Path
    lock: IO[str]

    @classmethod
    def open(cls, root: Path, shape: dict[str, Any], *, is_fresh: bool) -> "RunDirectory":
        """The directory of the run that `shape` describes.

        Args:
            root: of all runs.
            shape: everything that decides what the run gives; JSON.
            is_fresh: whether to forget what an earlier run of the same shape left.

        Raises:
            TrainingError: another process works on the same run.
        """
        text = json.dumps({**shape, "fit_version": FIT_VERSION}, sort_keys=True, indent=1, default=str)
        directory = root / hashlib.sha256(text.encode()).hexdigest()[:16]
        root.mkdir(parents=True, exist_ok=True)
        lock = directory.with_suffix(".lock").open("a", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise TrainingError(
                f"the same run is at work in another process ({directory}): wait for it, or give another --cache"
            ) from error
        if is_fresh:
            shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(exist_ok=True)
        (directory / "run.json").write_text(text + "\n", encoding="utf-8")
        return cls(directory, lock)

    def close(self) -> None:
        """Lets go of the run; a process that ends does the same."""
        self.lock.close()

    def place_of(self, name: str) -> FitPlace:
        """Where the fit of this name keeps its state."""
        place = FitPlace(self.directory / name.replace(" ", "-"))
        place.directory.mkdir(exist_ok=True)
        return place


def _pack(name: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    return {f"{name}-{number:05}": array for number, array in enumerate(arrays)}


def _unpack(found: dict[str, NDArray[Any]], name: str) -> Arrays:
    return [found[key] for key in sorted(found) if key.startswith(f"{name}-")]


def _save(path: Path, facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, facts=np.array(json.dumps(facts)), **arrays)  # type: ignore[arg-type]  # names cannot clash
    partial.replace(path)


def _load(path: Path) -> dict[str, NDArray[Any]] | None:
    try:
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (FileNotFoundError, EOFError, ValueError, zipfile.BadZipFile):
        # A disk that ran full or a machine that lost its power: the fit starts again.
        return None
