"""The head of an evaluation's page: what was measured on what, in a handful of numbers."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from training.evaluation_faces import shown_name
from training.judging import MAIN_AGGREGATION

Figures = Mapping[str, Any]


def lead_of(found: Figures) -> str:
    """The material, a warning where the classifier knows some of it, and the main figures."""
    material = ", ".join(escape(shown_name(Path(root))) for root in found["material"])
    warning = ""
    if found["learnt_from"]:
        names = escape(", ".join(found["learnt_from"]))
        count = len(found["learnt_from"])
        warning = (
            f'<div class="warning">{count} of these sources {"are" if count > 1 else "is"} among those that the'
            " classifier learnt from: figures of them say how well it remembers, not how well it will do."
            f"<details><summary>Which</summary>{names}</details></div>"
        )
    tiles = [("files judged", f"{found['coverage']:.1%}", _missing(found))]
    for title, figures in columns_of(found, main_only=True):
        if "auc" in figures:
            low, high = _around(figures, "auc")
            tiles.append((f"AUC, {title}", f"{figures['auc']:.3f}", f"{low} to {high}"))
    cells = "".join(f'<div class="tile"><span>{a}</span><b>{b}</b><span>{c}</span></div>' for a, b, c in tiles)
    return f'<p class="soft">Measured on {material}.</p>{warning}<div class="tiles">{cells}</div>'


def columns_of(found: Figures, *, main_only: bool = False) -> list[tuple[str, Figures]]:
    """What was measured, with its name: pictures, frames, videos by aggregation."""
    columns = [(name, found[key]) for key, name in (("image", "pictures"), ("frame", "frames")) if key in found]
    for method, figures in found.get("video", {}).items():
        if not main_only or method == MAIN_AGGREGATION:
            columns.append((f"videos, {method}", figures))
    return columns


def _missing(found: Figures) -> str:
    counts = found["coverage_by_class"].values()
    return f"{sum(one['judged'] for one in counts)} of {sum(one['files'] for one in counts)}"


def _around(figures: Figures, key: str) -> tuple[str, str]:
    low, high = figures["intervals"].get(key) or (None, None)
    return ("–" if low is None else f"{low:.3f}", "–" if high is None else f"{high:.3f}")
