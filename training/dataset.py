"""Discovers labelled pictures and videos: `real/` and `fake/` trees, split layouts, or a manifest CSV."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
    """Lists the labelled files under a directory, in a stable order.

    Args:
        root: a directory with manifest.csv, or with real/ and fake/ below it or below split directories.
        exclude_sources: names of sources to leave out.
        needs_both: whether both classes must be there; to measure, one may do.

    Raises:
        TrainingError: there is nothing labelled, or the manifest is wrong.
    """
    if not root.is_dir():
        raise TrainingError(f"no directory at {root}: give --data a directory with real/ and fake/ in it")
    manifest = root / MANIFEST
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
    with manifest.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns = set(reader.fieldnames or ())
        missing = {"path", "label"} - columns
        if missing:
            raise TrainingError(f"{manifest} has no column {sorted(missing)}: it needs path and label")
        return [_item_of_row(manifest, number, row) for number, row in enumerate(reader, start=2)]


def _item_of_row(manifest: Path, number: int, row: dict[str, str]) -> Item:
    path = manifest.parent / row["path"]
    label = row["label"]
    kind = row.get("kind") or kind_of(path)
    split = row.get("split") or None
    if label not in ("real", "fake"):
        raise TrainingError(f"{manifest}, line {number}: label must be real or fake, got {label!r}")
    if kind not in ("image", "video"):
        raise TrainingError(f"{manifest}, line {number}: {row['path']!r} is neither a picture nor a video")
    if split is not None and split not in SPLITS:
        raise TrainingError(f"{manifest}, line {number}: split must be one of {sorted(SPLITS)}, got {split!r}")
    return Item(
        path=path,
        kind="image" if kind == "image" else "video",
        label="real" if label == "real" else "fake",
        source=row.get("source") or f"unnamed_{label}",
        identities=_identities(row.get("identity") or ""),
        split=None if split is None else SPLITS[split],
        generator=row.get("generator_or_method") or "",
        licence=row.get("licence") or "",
        origin=row.get("origin_repo") or "",
    )


def _identities(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


def _walk_tree(root: Path) -> list[Item]:
    paths: Iterable[Path] = sorted(path for path in root.rglob("*") if path.is_file())
    return [item for path in paths if (item := _item_of_path(root, path)) is not None]


def _item_of_path(root: Path, path: Path) -> Item | None:
    folders = path.relative_to(root).parts[:-1]
    kind = kind_of(path)
    place = next((n for n, folder in enumerate(folders) if folder.lower() in ("real", "fake")), None)
    if kind is None or place is None:
        return None
    is_fake = folders[place].lower() == "fake"
    nested = [folder for folder in folders[place + 1 :] if folder not in ("images", "videos")]
    before = [SPLITS[folder.lower()] for folder in folders[:place] if folder.lower() in SPLITS]
    return Item(
        path=path,
        kind=kind,
        label="fake" if is_fake else "real",
        source="/".join(nested) or f"unnamed_{folders[place].lower()}",
        split=before[0] if before else None,
    )
