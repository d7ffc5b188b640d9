"""Reads, extends and writes `manifest.csv`, the list of labelled files that training reads."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from training.dataset import MANIFEST
from training.errors import TrainingError

__all__ = ["COLUMNS", "MANIFEST", "Row", "extend_manifest", "read_manifest", "write_manifest"]

Row = dict[str, str]

COLUMNS = (
    "path",
    "label",
    "kind",
    "source",
    "identity",
    "split",
    "licence",
    "origin_repo",
    "generator_or_method",
    "sha256",
    "prompt",
    "collected_at",
)
"""What collecting writes; the names are those that `training.dataset` reads. Other columns are kept as they are."""

_FORMULA_STARTS = ("=", "+", "-", "@")


def read_manifest(content: bytes, *, name: str) -> tuple[list[str], list[Row]]:
    """The columns and rows of a manifest.

    Args:
        name: where it lies, for messages.

    Raises:
        TrainingError: it is none.
    """
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        columns = list(reader.fieldnames or ())
        rows = [{column: row.get(column) or "" for column in columns} for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{name} is no CSV file in UTF-8 ({error}): write it anew") from error
    if not {"path", "label"} <= set(columns):
        raise TrainingError(f"{name} needs the columns path and label, got {columns}: add them")
    return columns, rows


def extend_manifest(content: bytes | None, rows: Iterable[Mapping[str, str]], *, name: str) -> bytes:
    """The manifest with more rows; a path that it lists already keeps the row that it has.

    Args:
        content: of the manifest so far, None where there is none.
        rows: by our columns; a text that a spreadsheet would run as a formula gets a leading apostrophe.
        name: where it lies, for messages.
    """
    columns, known = ([], []) if content is None else read_manifest(content, name=name)
    added = list(rows)
    columns = list(dict.fromkeys([*columns, *COLUMNS, *(column for row in added for column in row)]))
    by_path = {row["path"]: row for row in known}
    for row in added:
        by_path.setdefault(row["path"], {column: _cell(value) for column, value in row.items()})
    return write_manifest(columns, list(by_path.values()))


def write_manifest(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> bytes:
    """The text of a manifest."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    # A lone surrogate can come from a file's name or from JSON, and has no bytes.
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: str) -> str:
    """One line of text that no spreadsheet takes for a formula."""
    line = "".join(" " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character for character in value)
    return f"'{line}" if line.lstrip().startswith(_FORMULA_STARTS) else line
