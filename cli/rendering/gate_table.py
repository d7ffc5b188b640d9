"""Shows what the gate compared: each figure of both classifiers, its change, and how much worse it may be."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

FIGURES = {
    "auc": "AUC",
    "balanced_accuracy": "balanced accuracy",
    "tpr_at_5_fpr": "fakes found at 5 % false alarms",
    "calibration_error": "calibration error",
    "fakes_called": "fakes called fake",
    "false_alarms": "real called fake",
}
_KINDS = {"image": "pictures", "video": "videos"}


def gate_table(comparison: Mapping[str, Any]) -> Table:
    """The checks of a stored or fresh comparison."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("of", no_wrap=True)
    table.add_column("figure", no_wrap=True)
    for name in ("active", "new", "change", "95 %", "may be worse by"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for check in comparison["checks"]:
        counts = comparison["examples"][check["kind"]]
        table.add_row(
            f"{counts['real']} real, {counts['fake']} fake {_KINDS[check['kind']]}",
            FIGURES.get(check["figure"], check["figure"]),
            f"{check['active']:.3f}",
            f"{check['candidate']:.3f}",
            f"{check['change']:+.3f}",
            _interval(check["interval"]),
            f"{check['allowed']:.3f}",
            Text("ok", style="green") if check["fault"] is None else Text(check["fault"], style="bold red"),
        )
    return table


def _interval(interval: list[float | None]) -> str:
    low, high = interval
    return "–" if low is None or high is None else f"{low:+.3f} to {high:+.3f}"
