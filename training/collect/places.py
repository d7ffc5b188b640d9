"""Names files so that no name from a stranger can leave the directory that it is meant for."""

import hashlib
import re
from collections.abc import Container
from pathlib import PurePosixPath
from typing import Literal

from training.errors import TrainingError

Label = Literal["real", "fake"]

# Letters of any script, digits, and what people put between them; never a lone dot, never hidden, never an option.
_SAFE_PART = re.compile(r"[^\W_][\w .+()@,-]{0,119}")
_NOT_IN_SOURCES = re.compile(r"[^\w.-]+", re.ASCII)
# A stem this long is told apart by its hash: 64 bits.
_HASH_DIGITS = 16


def check_source(source: str) -> str:
    """The name of a source as a user gives it.

    Raises:
        TrainingError: it cannot be a directory's name everywhere.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,79}", source, re.ASCII) or source.endswith("."):
        raise TrainingError(
            f"a source is named with letters, digits, dots, dashes and underscores, got {source!r}: name it so"
        )
    return source


def source_named_after(text: str) -> str:
    """A source's name made from any text, such as the name of a model."""
    name = _NOT_IN_SOURCES.sub("-", text).strip("-._")[:80].rstrip("-._")
    return name or "unnamed"


def picture_place(label: Label, source: str, *, sha256: str, extension: str) -> str:
    """Where a collected picture lies, named by its content."""
    return f"{label}/{source}/{sha256[:_HASH_DIGITS]}{extension}"


def copied_place(label: Label, source: str, path: str, *, taken: Container[str] = ()) -> str:
    """Where a copied file lies: under its own path where that is harmless, else under a hash of it.

    Args:
        path: relative, as the origin has it, with forward slashes.
        taken: places that other files have.
    """
    parts = path.split("/")
    folder = "/".join(part if _is_safe(part) else source_named_after(part) for part in source.split("/"))
    head = f"{label}/{folder}".split("/")
    rest = parts[len(head) :] if parts[: len(head)] == head else parts
    own = "/".join([*head, *rest])
    if rest and all(_is_safe(part) for part in rest) and own not in taken:
        return own
    suffix = PurePosixPath(path).suffix.lower()
    suffix = suffix if re.fullmatch(r"\.[a-z0-9]{1,7}", suffix) else ""
    digest = hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    return "/".join([*head, f"{digest}{suffix}"])


def is_inside(path: str) -> bool:
    """Whether a relative path stays below the directory that it is relative to."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\0" not in path


def _is_safe(part: str) -> bool:
    is_plain = _SAFE_PART.fullmatch(part) is not None and part[-1] not in ". "
    return is_plain and len(part.encode("utf-8", "surrogatepass")) <= 200
