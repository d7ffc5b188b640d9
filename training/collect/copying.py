"""Copies labelled pictures and videos from one place to another, whether directory or object store."""

import hashlib
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Literal

from training.collect.crew import Crew
from training.collect.hiding import refuse_to_hide
from training.collect.manifest import MANIFEST, Row, extend_manifest, read_manifest
from training.collect.places import Label, copied_place, is_inside
from training.collect.stores import Store
from training.dataset import SPLITS, kind_of
from training.errors import TrainingError

_BLOCK_BYTES = 1 << 20

Outcome = Literal["copied", "known", "altered"]


@dataclass(frozen=True)
class CopyOptions:
    """What is copied, and what it is called.

    Args:
        label: of everything, where the origin does not say; None to take only what is labelled.
        source: of everything, where the origin does not say.
        licence: of everything, where the origin does not say.
        threads: files at once.
        is_anew: copy also what is there already with as many bytes.
    """

    label: Label | None = None
    source: str | None = None
    licence: str = ""
    threads: int = 4
    is_anew: bool = False


@dataclass(frozen=True)
class CopyItem:
    """One file to copy.

    Args:
        path: in the origin.
        row: of the target's manifest; its `path` says where the file goes.
        size: bytes.
    """

    path: str
    row: Row
    size: int


def plan_copy(origin: Store, options: CopyOptions) -> tuple[list[CopyItem], list[tuple[str, str]]]:
    """What to copy, and what is left out with the reason.

    An origin with a manifest.csv gives what that lists; another one every picture and video below real/ and fake/,
    or all of them where the options give a label.

    Raises:
        TrainingError: there is nothing to copy.
    """
    listing = dict(origin.sizes())
    manifest = origin.read(MANIFEST) if MANIFEST in listing else None
    if manifest is None:
        rows = [row for path in listing if (row := _row_of_path(path, options)) is not None]
    else:
        rows = read_manifest(manifest, name=f"{origin.name}/{MANIFEST}")[1]
    left_out: list[tuple[str, str]] = []
    items: dict[str, CopyItem] = {}
    for row in rows:
        # A manifest may write ./a, and a key may hold what looks like a folder without a name.
        path = row["path"] if row["path"] in listing else str(PurePosixPath(row["path"]))
        why = _reason_against(path, row["label"], listing)
        if why:
            left_out.append((row["path"], why))
        else:
            item = _item_of(path, row, listing[path], options, taken=items)
            items[item.row["path"]] = item
    if not items:
        raise TrainingError(
            f"nothing labelled below {origin.name}: it needs a {MANIFEST}, or real/ and fake/, or give --label"
        )
    return list(items.values()), left_out


def copy_items(
    items: list[CopyItem], origin: Store, target: Store, options: CopyOptions, *, say: Callable[[str], None]
) -> Counter[str]:
    """Copies files and lists them in the target's manifest; what is there already is not copied again.

    Returns:
        how many files were "copied", "known" (there already), and "altered": not what the origin's manifest says, and
        left out.
    """
    if target.read(MANIFEST) is None:
        refuse_to_hide(target, {item.row["path"] for item in items})
    tally: Counter[str] = Counter()
    rows: list[Row] = []
    with TemporaryDirectory(prefix="fakesweep-copy-") as folder:
        copier = _Copier(origin, target, Path(folder), is_anew=options.is_anew)
        try:
            with closing(Crew(copier.copy, threads=options.threads)) as crew:
                for row, outcome in _results(crew, items):
                    rows += [row] if outcome != "altered" else []
                    tally[outcome] += 1
                    say(", ".join(f"{count} {name}" for name, count in tally.items()))
        finally:
            if rows:
                name = f"{target.name}/{MANIFEST}"
                target.write(MANIFEST, extend_manifest(target.read(MANIFEST), rows, name=name))
    return tally


class _Copier:
    def __init__(self, origin: Store, target: Store, folder: Path, *, is_anew: bool) -> None:
        self._origin = origin
        self._target = target
        self._folder = folder
        self._is_anew = is_anew

    def copy(self, item: CopyItem) -> tuple[Row, Outcome]:
        """The row of a file that is in the target now."""
        if not self._is_anew and self._target.size_of(item.row["path"]) == item.size:
            return item.row, "known"
        passing = self._folder / hashlib.sha256(item.path.encode("utf-8", "surrogatepass")).hexdigest()
        try:
            self._origin.download(item.path, passing)
            digest = _sha256(passing)
            if item.row.get("sha256") not in (None, "", digest):
                return item.row, "altered"
            self._target.upload(passing, item.row["path"])
        finally:
            passing.unlink(missing_ok=True)
        return {**item.row, "sha256": digest}, "copied"


def _results(crew: Crew[CopyItem, tuple[Row, Outcome]], items: list[CopyItem]) -> Iterator[tuple[Row, Outcome]]:
    waiting = iter(items)
    while True:
        while crew.has_room and (item := next(waiting, None)) is not None:
            crew.give(item)
        if not crew.under_way:
            return
        _, result = crew.take()
        if isinstance(result, Exception):
            raise result
        yield result


def _row_of_path(path: str, options: CopyOptions) -> Row | None:
    """What a path says of a file, by the rules of `training.dataset`; None where the file is none of ours."""
    folders = path.split("/")[:-1]
    place = next((n for n, folder in enumerate(folders) if folder.lower() in ("real", "fake")), None)
    if kind_of(Path(path)) is None or (place is None and options.label is None):
        return None
    if place is None:
        return {"path": path, "label": options.label or ""}
    splits = [SPLITS[folder.lower()] for folder in folders[:place] if folder.lower() in SPLITS]
    nested = [folder for folder in folders[place + 1 :] if folder not in ("images", "videos")]
    row = {"path": path, "label": folders[place].lower(), "source": "/".join(nested)}
    return row | ({"split": splits[0]} if splits else {})


def _reason_against(path: str, label: str, listing: Mapping[str, int]) -> str:
    if not is_inside(path):
        return "its path leads out of the origin"
    if label not in ("real", "fake"):
        return f"its label is {label!r}, not real or fake"
    if path not in listing:
        return "it is not there"
    return "" if kind_of(Path(path)) else "it is neither a picture nor a video by its name"


def _item_of(path: str, row: Row, size: int, options: CopyOptions, *, taken: Container[str]) -> CopyItem:
    label: Label = "fake" if row["label"] == "fake" else "real"
    source = row.get("source") or options.source or f"unnamed_{label}"
    place = copied_place(label, source, path, taken=taken)
    licence = row.get("licence") or options.licence
    return CopyItem(path, {**row, "path": place, "source": source, "licence": licence}, size)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
