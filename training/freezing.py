"""Freezes labelled material as an evaluation set, and finds what of it lies elsewhere too."""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from training.crops import FaceCutter, FaceSet, cut_all
from training.dataset import MANIFEST, Item, discover_items
from training.duplicates import find_duplicates
from training.errors import TrainingError
from training.frozen_set import FORMAT, LIST, FrozenFile, FrozenSet, hash_of, manifest_of, open_frozen_set

LEAST_OF_A_CLASS = 10
"""Real and fake files that pictures or videos need before anything can be compared on them."""


def freeze_set(
    roots: Sequence[Path],
    shelf: Path,
    cutter: FaceCutter,
    *,
    say: Callable[[str], None],
    expected: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> FrozenSet:
    """Copies what has a face from labelled directories to `shelf/HASH`; of a layout with splits, its test part.

    Args:
        say: told which files are left out, and why.
        expected: the hash of the set that may be frozen again; any where None.

    Raises:
        TrainingError: there is too little to compare classifiers on, one content has both labels, or it is another set.
    """
    found = [item for root in roots for item in _test_part(discover_items(root), root)]
    pairs, skipped = cut_all(found, cutter, on_progress=on_progress)
    for skip in skipped:
        say(f"left out {skip.path}: {skip.why}")
    files, origins = _distinct(pairs)
    _require_enough(files)
    sha256 = hash_of(files)
    if expected not in (None, sha256):
        raise TrainingError(
            f"another set is frozen already ({str(expected)[:12]}, this one is {sha256[:12]}), and what was measured on"
            " one says nothing about the other: add --replace to compare on this one from now on"
        )
    place = shelf / sha256[:16]
    try:
        return open_frozen_set(place, sha256)
    except TrainingError:
        # Never made, or altered since: the material at hand is what it was made of.
        _copy(files, origins, place)
    return open_frozen_set(place, sha256)


def frozen_places(faces: Sequence[FaceSet], frozen: FrozenSet, cutter: FaceCutter) -> list[int]:
    """The places of what a frozen set holds too: the same content, or a near-duplicate of it, or of such a one."""
    contents = {file.sha256 for file in frozen.files}
    held, _ = cut_all(discover_items(frozen.directory), cutter)
    # The whole set is one group, to which whatever repeats a part of it gets linked.
    groups = [*range(len(faces)), *[len(faces)] * len(held)]
    links = find_duplicates([*faces, *(kept for _, kept in held)], groups)
    links += [(place, len(faces)) for place, one in enumerate(faces) if one.sha256 in contents]
    ends = np.minimum(np.array(links, np.int64).reshape(-1, 2), len(faces))
    size = len(faces) + 1
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
    _, parts = connected_components(graph, directed=False)
    return np.flatnonzero(parts[:-1] == parts[-1]).tolist()


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
        (made / MANIFEST).write_bytes(manifest_of(files))
        listed = {"format": FORMAT, "files": [file.to_json() for file in files]}
        (made / LIST).write_text(json.dumps(listed, indent=1), encoding="utf-8")
        if place.exists():
            place.rename(Path(part) / "altered")
        made.rename(place)
