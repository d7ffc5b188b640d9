"""The place that collected pictures go to, with its manifest, its ledger, and what it holds already."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from training.collect.hiding import refuse_to_hide
from training.collect.ledger import Ledger
from training.collect.local_store import LocalStore
from training.collect.manifest import MANIFEST, Row, extend_manifest, read_manifest
from training.collect.picture_check import CheckedPicture
from training.collect.places import Label, picture_place
from training.collect.stores import Store
from training.errors import TrainingError

STATE_FOLDER = ".fakesweep-collect"
LEDGER = "ledger.jsonl"
# So often the manifest is written on the way; a killed run leaves the rest to the next one.
_ROWS_AT_ONCE = 100


@dataclass(frozen=True)
class Provenance:
    """Where a picture comes from, as the manifest says it.

    Args:
        identity: who or what is shown, several parted by semicolons.
        origin: URL of the picture, or of the API that made it.
        generator: what made it; empty for a real one.
    """

    label: Label
    source: str
    identity: str = ""
    licence: str = ""
    origin: str = ""
    generator: str = ""
    prompt: str = ""


class Target:
    """Keeps pictures in a store, and knows those that it has.

    Args:
        store: where pictures and manifest go.
        state: a directory of this machine, for the ledger and answers that are not worked through.

    Raises:
        TrainingError: the store holds labelled files that its manifest would hide.
    """

    def __init__(self, store: Store, state: Path) -> None:
        self.store = store
        self.state = state
        self.ledger = Ledger(state / LEDGER)
        self._paths: dict[str, str] = {}
        self._prints: list[bytes] = []
        self._print_paths: list[str] = []
        self._waiting: list[Row] = []
        self._read_what_is_there()

    def twin_of(self, picture: CheckedPicture, *, is_near_enough: bool = True) -> str | None:
        """The path of the same picture, or of nearly the same, that is here already; None where there is none.

        Args:
            is_near_enough: also the same picture in another size or encoding.
        """
        same = self._paths.get(picture.sha256)
        if same is not None or not is_near_enough or not self._prints:
            return same
        from training.duplicates import DUPLICATE_BITS  # noqa: PLC0415 - loads OpenCV

        known = np.frombuffer(b"".join(self._prints), np.uint8).reshape(len(self._prints), -1)
        own = np.frombuffer(bytes.fromhex(picture.thumbprint), np.uint8)
        bits = np.unpackbits(known ^ own, axis=1).sum(axis=1)
        nearest = int(bits.argmin())
        return self._print_paths[nearest] if bits[nearest] <= DUPLICATE_BITS else None

    def keep(self, content: bytes, picture: CheckedPicture, provenance: Provenance) -> dict[str, Any]:
        """Stores a picture; gives what the ledger must say of it under `pictures`."""
        label, source = provenance.label, provenance.source
        path = picture_place(label, source, sha256=picture.sha256, extension=picture.extension)
        self.store.write(path, content)
        row = {
            "path": path,
            "label": label,
            "kind": "image",
            "source": source,
            "identity": provenance.identity,
            "licence": provenance.licence,
            "origin_repo": provenance.origin,
            "generator_or_method": provenance.generator,
            "sha256": picture.sha256,
            "prompt": provenance.prompt,
            "collected_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._remember(path, picture.sha256, picture.thumbprint)
        self._waiting.append(row)
        facts = {"width_px": picture.width_px, "height_px": picture.height_px, "faces": picture.faces}
        return {**row, "thumbprint": picture.thumbprint, **facts}

    def write_manifest(self, *, at_least: int = 1) -> None:
        """Lists the kept pictures, if so many are not listed yet."""
        if len(self._waiting) < at_least:
            return
        self.store.write(MANIFEST, extend_manifest(self.store.read(MANIFEST), self._waiting, name=self._manifest_name))
        self._waiting.clear()

    def write_manifest_sometimes(self) -> None:
        """Lists the kept pictures once there are enough of them."""
        self.write_manifest(at_least=_ROWS_AT_ONCE)

    @property
    def _manifest_name(self) -> str:
        return f"{self.store.name}/{MANIFEST}"

    def _read_what_is_there(self) -> None:
        kept = [row for entry in self.ledger.entries for row in entry.get("pictures", ()) if "path" in row]
        for row in kept:
            self._remember(row["path"], row["sha256"], row["thumbprint"])
        manifest = self.store.read(MANIFEST)
        listed: set[str] = set()
        if manifest is None:
            refuse_to_hide(self.store, {row["path"] for row in kept})
            self.store.write(MANIFEST, extend_manifest(None, (), name=self._manifest_name))
        else:
            _, rows = read_manifest(manifest, name=self._manifest_name)
            listed = {row["path"] for row in rows}
            self._paths |= {row["sha256"]: row["path"] for row in rows if row.get("sha256")}
        self._waiting += [_row_of(row) for row in kept if row["path"] not in listed]

    def _remember(self, path: str, sha256: str, thumbprint: str) -> None:
        self._paths.setdefault(sha256, path)
        self._prints.append(bytes.fromhex(thumbprint))
        self._print_paths.append(path)


def _row_of(row: dict[str, Any]) -> Row:
    extra = ("thumbprint", "width_px", "height_px", "faces")
    return {column: value for column, value in row.items() if column not in extra}


@contextmanager
def opened_target(store: Store, *, home: Path) -> Iterator[Target]:
    """A target for one collector at a time; its manifest is complete when the block is left.

    Args:
        home: where the ledger of a store that is not on this machine is kept.

    Raises:
        TrainingError: another collector works on it.
    """
    state = state_folder(store, home=home)
    (state / "answers").mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TrainingError(f"something else collects into {store.name} just now: wait for it to end") from error
        target = Target(store, state)
        try:
            yield target
        finally:
            target.write_manifest()
            target.ledger.close()


def state_folder(store: Store, *, home: Path) -> Path:
    """The directory of this machine that holds a target's ledger."""
    if isinstance(store, LocalStore):
        return store.root / STATE_FOLDER
    return home / "collect" / hashlib.sha256(store.name.rstrip("/").encode()).hexdigest()[:16]
