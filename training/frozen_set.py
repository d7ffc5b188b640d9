"""Freezes labelled material, so that classifiers are compared on one and the same set for good.

The files are copied under the names of their hashes; what they are (label, source, identities) is listed beside them.
The hash of the list is the set's own: the same material gives the same set on every machine, and any change shows.
"""

import csv
import hashlib
import io
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.crops import FaceCutter, FaceSet, cut_all
from training.dataset import MANIFEST, Item, discover_items
from training.errors import TrainingError
from training.grouping import duplicate_pairs
from training.options import Say

LIST = "frozen.json"
FORMAT = 1
LEAST_OF_A_CLASS = 10
"""Real and fake files that pictures or videos need before anything can be compared on them."""


@dataclass(frozen=True)
class FrozenFile:
    """One file of a frozen set.

    Args:
        name: of the copy: the content's SHA-256 and the extension that it had.
        sha256: of the content.
    """

    name: str
    sha256: str
    kind: str
    label: str
    source: str
    identities: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As it stands in the list."""
        return {**vars(self), "identities": list(self.identities)}


@dataclass(frozen=True)
class FrozenSet:
    """A frozen set that is whole and unaltered.

    Args:
        directory: holds the list, a manifest for `discover_items`, and the files.
        sha256: of all that decides a figure.
        files: in order of their hashes.
    """

    directory: Path
    sha256: str
    files: tuple[FrozenFile, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many files of each kind and label there are, such as "real images"."""
        return dict(sorted(Counter(f"{file.label} {file.kind}s" for file in self.files).items()))


def freeze_set(
    roots: Sequence[Path],
    shelf: Path,
    cutter: FaceCutter,
    *,
    say: Say,
    on_progress: Callable[[int, int], None] | None = None,
) -> FrozenSet:
    """Copies what has a face from labelled directories to `shelf/HASH`; of a layout with splits, its test part.

    Args:
        say: told which files are left out, and why.

    Raises:
        TrainingError: there is too little to compare classifiers on, or one content has both labels.
    """
    found = [item for root in roots for item in _test_part(discover_items(root), root)]
    pairs, skipped = cut_all(found, cutter, on_progress=on_progress)
    for skip in skipped:
        say(f"left out {skip.path}: {skip.why}")
    files, origins = _distinct(pairs)
    _require_enough(files)
    sha256 = _hash_of(files)
    place = shelf / sha256[:16]
    if not place.is_dir():
        _copy(files, origins, place)
    return open_frozen_set(place, sha256)


def open_frozen_set(directory: Path, sha256: str) -> FrozenSet:
    """The frozen set of this hash, every byte of it verified.

    Raises:
        TrainingError: something is missing or altered.
    """
    path = directory / LIST
    advice = "freeze the same material again with `fakesweep classifiers freeze`"
    try:
        told: Any = json.loads(path.read_bytes())
        files = tuple(FrozenFile(**{**file, "identities": tuple(file["identities"])}) for file in told["files"])
    except OSError as error:
        raise TrainingError(f"no frozen set at {directory} ({LIST}: {error.strerror}): {advice}") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise TrainingError(f"{path} is altered: it is no list of a frozen set any more: {advice}") from error
    if _hash_of(files) != sha256 or _read(directory / MANIFEST) != _manifest_of(files):
        raise TrainingError(f"the list of the frozen set at {directory} is altered: {advice}")
    for file in files:
        _require_unaltered(directory / file.name, file.sha256, advice)
    return FrozenSet(directory, sha256, files)


def frozen_places(faces: Sequence[FaceSet], frozen: FrozenSet, cutter: FaceCutter) -> list[int]:
    """The places of what a frozen set holds too: the same content, or a near-duplicate of it."""
    contents = {file.sha256 for file in frozen.files}
    found = {place for place, one in enumerate(faces) if one.sha256 in contents}
    held, _ = cut_all(discover_items(frozen.directory), cutter)
    pairs = duplicate_pairs([one.thumbprint for one in (*faces, *(kept for _, kept in held))])
    found |= {left for left, right in pairs if left < len(faces) <= right}
    return sorted(found)


def _test_part(items: Sequence[Item], root: Path) -> list[Item]:
    if not any(item.split for item in items):
        return list(items)
    chosen = [item for item in items if item.split == "test"]
    if not chosen:
        raise TrainingError(f"{root} names splits, but no test part: freeze a directory that was never learnt from")
    return chosen


def _distinct(pairs: Sequence[tuple[Item, FaceSet]]) -> tuple[tuple[FrozenFile, ...], Mapping[str, Path]]:
    """Each content once, in order of the hashes, and where each lies."""
    files: dict[str, FrozenFile] = {}
    origins: dict[str, Path] = {}
    for item, faces in pairs:
        known = files.setdefault(faces.sha256, _frozen(item, faces.sha256))
        first = origins.setdefault(faces.sha256, item.path)
        if known.label != item.label:
            raise TrainingError(
                f"{first} and {item.path} hold the same content, once as {known.label} and once as {item.label}:"
                " remove the wrong one"
            )
    return tuple(files[sha256] for sha256 in sorted(files)), origins


def _frozen(item: Item, sha256: str) -> FrozenFile:
    return FrozenFile(
        name=sha256 + item.path.suffix.lower(),
        sha256=sha256,
        kind=item.kind,
        label=item.label,
        # A folder's name may be no text.
        source=item.source.encode(errors="replace").decode(),
        identities=item.identities,
    )


def _require_enough(files: Sequence[FrozenFile]) -> None:
    counts = Counter((file.kind, file.label) for file in files)
    if not any(min(counts[kind, "real"], counts[kind, "fake"]) >= LEAST_OF_A_CLASS for kind in ("image", "video")):
        told = ", ".join(f"{count} {label} {kind}s" for (kind, label), count in sorted(counts.items()))
        raise TrainingError(
            f"too little to compare classifiers on: {told} with faces; it takes {LEAST_OF_A_CLASS} real and"
            f" {LEAST_OF_A_CLASS} fake pictures, or as many videos"
        )


def _hash_of(files: Sequence[FrozenFile]) -> str:
    told = [[file.sha256, file.name, file.kind, file.label, file.source, file.identities] for file in files]
    return hashlib.sha256(json.dumps([FORMAT, told]).encode()).hexdigest()


def _copy(files: Sequence[FrozenFile], origins: Mapping[str, Path], place: Path) -> None:
    """Makes the set's directory, whole or not at all."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".freeze-", dir=place.parent) as part:
        made = Path(part) / "set"
        made.mkdir()
        for file in files:
            shutil.copyfile(origins[file.sha256], made / file.name)
            # Against slips of the hand; the hashes are what an intruder meets.
            (made / file.name).chmod(0o444)
        (made / MANIFEST).write_bytes(_manifest_of(files))
        listed = {"format": FORMAT, "files": [file.to_json() for file in files]}
        (made / LIST).write_text(json.dumps(listed, indent=1), encoding="utf-8")
        made.rename(place)


def _manifest_of(files: Sequence[FrozenFile]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(["path", "label", "kind", "source", "identity"])
    for file in files:
        writer.writerow([file.name, file.label, file.kind, file.source, ";".join(file.identities)])
    return stream.getvalue().encode()


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _require_unaltered(path: Path, sha256: str, advice: str) -> None:
    if not path.is_file():
        raise TrainingError(f"the frozen set lacks {path}: {advice}")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise TrainingError(f"{path} is altered (sha256 {found[:12]}, frozen as {sha256[:12]}): {advice}")
