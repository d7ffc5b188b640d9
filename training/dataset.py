"""Discovers labelled pictures and videos: `real/` and `fake/` trees, split layouts, or a manifest CSV."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from training.errors import TrainingError

Kind = Literal["image", "video"]
Label = Literal["real", "fake"]

PICTURE_EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
VIDEO_EXTENSIONS = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".flv", ".wmv", ".3gp"}
)
MANIFEST = "manifest.csv"
SPLITS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation",
          "calibration": "calibration", "test": "test"}  # fmt: skip
"""Names of splits as people write them, and as we do."""
UNNAMED = "unnamed_"
"""Start of the source of files whose folder or row names none: they may come from anywhere."""


@dataclass(frozen=True)
class Item:
    """One labelled picture or video.

    Args:
        path: where it lies.
        kind: "image" or "video".
        label: "real" or "fake".
        source: the set or generator it comes from; the smallest thing that is held out whole.
        identities: who or what is shown, such as "footage:a" or "swap:b"; items that share one stay together.
        split: "train", "validation", "calibration" or "test" where the layout or the manifest says so.
        generator: what made it, in words, where known.
        licence: terms as stated by the manifest.
        origin: the repository or package it came from.
        weight: how often it is shown, beside others of its source.
        is_reviewed: whether a reviewer's label of a scanned video made it an item.
    """

    path: Path
    kind: Kind
    label: Label
    source: str
    identities: tuple[str, ...] = ()
    split: str | None = None
    generator: str = ""
    licence: str = ""
    origin: str = ""
    weight: float = 1.0
    is_reviewed: bool = False

    @property
    def is_fake(self) -> bool:
        """Whether the label is "fake"."""
        return self.label == "fake"


def discover_items(root: Path, *, exclude_sources: Sequence[str] = (), needs_both: bool = True) -> list[Item]:
    """Lists labelled files, in a stable order.

    Args:
        root: a directory with manifest.csv, or with real/ and fake/ below it or below split directories; or the CSV
            file itself, whose paths count from where it lies.
        exclude_sources: names of sources to leave out.
        needs_both: whether both classes must be there; to measure, one may do.

    Raises:
        TrainingError: there is nothing labelled, or the manifest is wrong.
    """
    manifest = root if root.is_file() else root / MANIFEST
    if not root.exists():
        raise TrainingError(f"nothing at {root}: give a directory with real/ and fake/ in it, or a manifest CSV")
    found = _read_manifest(manifest) if manifest.is_file() else _walk_tree(root)
    items = [item for item in found if item.source not in exclude_sources]
    missing = {"real", "fake"} - {item.label for item in items}
    if missing and (needs_both or not items):
        raise TrainingError(
            f"no {' and no '.join(sorted(missing))} pictures or videos under {root}:"
            f" put them into real/ and fake/, or list them in {MANIFEST}"
        )
    return items


def kind_of(path: Path) -> Kind | None:
    """Whether a file's extension is a picture's or a video's; None where it is neither."""
    extension = path.suffix.lower()
    if extension in PICTURE_EXTENSIONS:
        return "image"
    return "video" if extension in VIDEO_EXTENSIONS else None


def _read_manifest(manifest: Path) -> list[Item]:
    try:
        # Spreadsheets put a mark before the first column's name.
        with manifest.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = {"path", "label"} - set(reader.fieldnames or ())
            if missing:
                raise TrainingError(f"{manifest} has no column {sorted(missing)}: it needs path and label")
            items = [_item_of_row(manifest, reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{manifest} is no CSV in UTF-8: {error}") from error
    return _each_once(manifest, items)


def _item_of_row(manifest: Path, line: int, row: dict[Any, Any]) -> Item:
    # A row that ends early has None in its last columns; what a row has too much stands under None.
    told = {name: (value or "").strip() for name, value in row.items() if name is not None}
    label, split = told["label"].lower(), told.get("split", "").lower()
    kind = told.get("kind") or kind_of(Path(told["path"]))
    if label not in ("real", "fake"):
        raise TrainingError(f"{manifest}, line {line}: label must be real or fake, got {told['label']!r}")
    if kind not in ("image", "video"):
        raise TrainingError(f"{manifest}, line {line}: {told['path']!r} is neither a picture nor a video")
    if split and split not in SPLITS:
        raise TrainingError(f"{manifest}, line {line}: split must be one of {sorted(SPLITS)}, got {split!r}")
    return Item(
        path=manifest.parent / told["path"],
        kind="image" if kind == "image" else "video",
        label="real" if label == "real" else "fake",
        source=told.get("source") or f"{UNNAMED}{label}",
        identities=_identities(told.get("identity", "")),
        split=SPLITS[split] if split else None,
        generator=told.get("generator_or_method", ""),
        licence=told.get("licence", ""),
        origin=told.get("origin_repo", ""),
    )


def _each_once(manifest: Path, items: Sequence[Item]) -> list[Item]:
    """Every path once; a path with two labels is an error."""
    found: dict[Path, Item] = {}
    for item in items:
        known = found.setdefault(item.path, item)
        if known.label != item.label:
            raise TrainingError(f"{manifest} lists {item.path} as {known.label} and as {item.label}: remove one")
    return list(found.values())


def _identities(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


def _walk_tree(root: Path) -> list[Item]:
    paths = sorted(path for path in root.rglob("*") if kind_of(path) is not None and path.is_file())
    found = [(path, folders) for path in paths if (folders := _folders_of(root, path)) is not None]
    # One set alone is no source beside others: its folder says nothing, and would join everything into one group.
    is_one_set = len({folders.above for _, folders in found}) == 1
    return [_item_of_path(path, folders, is_one_set=is_one_set) for path, folders in found]


@dataclass(frozen=True)
class _Folders:
    """What the folders between the root and a file say."""

    label: Label
    split: str | None
    above: tuple[str, ...]
    below: tuple[str, ...]


def _folders_of(root: Path, path: Path) -> _Folders | None:
    """None where no folder is called real or fake."""
    names = path.relative_to(root).parts[:-1]
    place = next((n for n, name in enumerate(names) if name.lower() in ("real", "fake")), None)
    if place is None:
        return None
    label: Label = "fake" if names[place].lower() == "fake" else "real"
    splits = [SPLITS[name.lower()] for name in names[:place] if name.lower() in SPLITS]
    above = tuple(name for name in names[:place] if name.lower() not in SPLITS)
    below = tuple(name for name in names[place + 1 :] if name not in ("images", "videos"))
    return _Folders(label, splits[0] if splits else None, above, below)


def _item_of_path(path: Path, folders: _Folders, *, is_one_set: bool) -> Item:
    names = folders.below if is_one_set else (*folders.above, *folders.below)
    return Item(
        path=path,
        kind="video" if kind_of(path) == "video" else "image",
        label=folders.label,
        source="/".join(names) or f"{UNNAMED}{folders.label}",
        split=folders.split,
    )
