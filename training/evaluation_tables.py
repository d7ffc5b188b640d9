"""Tables of an evaluation's page: figures with their intervals, by source, by band, under degradation."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

Figures = Mapping[str, Any]

ROWS = (
    ("auc", "AUC", "a drawn fake scores above a drawn real one"),
    ("eer", "EER", "where as many fakes are missed as real ones are called fake"),
    ("average_precision", "average precision", ""),
    ("tpr_at_5_fpr", "fakes found at 5 % false alarms", ""),
    ("tpr_at_1_fpr", "fakes found at 1 % false alarms", "left out below 300 real examples"),
    ("balanced_accuracy", "balanced accuracy", "at a score of 0.5, as the next three"),
    ("precision", "precision of fakes", ""),
    ("recall", "recall of fakes", ""),
    ("f1", "F1 of fakes", ""),
    ("log_loss", "log loss", ""),
    ("brier", "Brier score", ""),
    ("calibration_error", "calibration error (ECE)", "ten bins; classes as they came"),
    ("calibration_error_balanced", "the same, classes weighing the same", "what the calibration is fitted for"),
)
"""Keys of the figures, what they are called, and what they mean where that helps."""


_RATES = {
    "real_called_fake": "real called fake",
    "real_not_called_real": "real called fake or uncertain",
    "fake_called_fake": "fake called fake",
    "fake_called_real": "fake called real",
}


def figures_table(columns: Sequence[tuple[str, Figures]]) -> str:
    """Every figure with its interval, one column for each of what was measured."""
    rows = [("examples", [f"{found['real']} real<small>{found['fake']} fake</small>" for _, found in columns])]
    rows += [
        (_named(name, meaning), [_with_interval(found, key) for _, found in columns]) for key, name, meaning in ROWS
    ]
    rows.insert(2, (_named("", "its interval, drawn by whole sources"), [_by_group(found) for _, found in columns]))
    rows.append((_named("ECE by chance", "of perfect scores, on as many"), [_chance(found) for _, found in columns]))
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name, _ in columns)
    body = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>' for name, cells in rows
    )
    return f'<div class="scroll"><table class="figures"><thead><tr><td></td>{head}</tr></thead>{body}</table></div>'


def sources_table(figures: Figures, learnt_from: Iterable[str] = ()) -> str:
    """The mean score of each source, its side, and how it ranks against the other class."""
    known = set(learnt_from)
    rows = []
    for name, found in figures["sources"].items():
        side = "right" if found["is_right_side"] else '<span class="wrong-side">wrong</span>'
        note = " <small>learnt from</small>" if name in known else ""
        rows.append(
            [
                escape(name) + note,
                str(found["examples"]),
                _number(found["mean_score"]) + _small(found["mean_score_interval"]),
                side,
                _share(found["called_right"]),
                _number(found["auc_against_other_class"]),
            ]
        )
    head = ("source", "files", "mean score", "side of 0.5", "called right", "AUC against the other class")
    return plain_table(head, rows)


def bands_table(bands: Mapping[str, Figures], what: str) -> str:
    """The figures of each band of compression or face size; a band of one class has no AUC."""
    rows = [
        [
            escape(name),
            str(found["real"]),
            str(found["fake"]),
            _number(found.get("mean_score_real")),
            _number(found.get("mean_score_fake")),
            _share(found.get("real_called_right")),
            _share(found.get("fake_called_right")),
            _number(found.get("auc")) + _small(found.get("auc_interval")),
        ]
        for name, found in bands.items()
    ]
    scores = ("mean score, real", "mean score, fake", "real called right", "fake called right", "AUC")
    return plain_table((what, "real", "fake", *scores), rows)


def robustness_rows(table: Mapping[str, Mapping[str, Figures]], kind: str) -> str:
    """The figures under each degradation, and what each does when it meets one class alone."""
    rows = []
    for condition, parts in table.items():
        found = parts.get(kind, {})
        if "auc" in found:
            change = found.get("auc_change")
            rows.append(
                [
                    escape(condition),
                    _with_interval(found, "auc"),
                    "–" if change is None else _signed(change) + _small(found["auc_change_interval"], sign=True),
                    _with_interval(found, "tpr_at_5_fpr"),
                    _number(found["balanced_accuracy"]),
                    _number(found["calibration_error"]),
                    _number(found.get("auc_only_real")),
                    _number(found.get("auc_only_fake")),
                ]
            )
    rest = ("change", "fakes found at 5 %", "balanced accuracy", "ECE", "AUC, real alone degraded", "fake alone")
    return plain_table(("faces", "AUC", *rest), rows)


def swapped_table(parts: Mapping[str, Figures]) -> str:
    """What is left of the AUC after each part of the conditions was exchanged between real and fake."""
    rows = [
        [
            escape(part),
            _with_interval(found, "auc"),
            _signed(found["auc_change"]) + _small(found["auc_change_interval"], sign=True),
            _number(found["mean_score_real"]),
            _number(found["mean_score_fake"]),
        ]
        for part, found in parts.items()
    ]
    return plain_table(("exchanged", "AUC", "change", "mean score, real", "mean score, fake"), rows)


def rates_table(verdicts: Figures) -> str:
    """How often the bundle's own thresholds are right and wrong."""
    limits = verdicts["thresholds"]
    words = f"real below {limits['real_below']:.3f},<br>fake from {limits['fake_from']:.3f}"
    rows = [[name, _rate(verdicts["rates"].get(key))] for key, name in _RATES.items()]
    return plain_table(("thresholds", "share"), [[words, ""], *rows])


def plain_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are markup already; the first of a row names it."""
    top = f'<th scope="col" class="words">{escape(head[0])}</th>'
    top += "".join(f'<th scope="col">{escape(name)}</th>' for name in head[1:])
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _named(name: str, meaning: str) -> str:
    return escape(name) + (f"<small>{escape(meaning)}</small>" if meaning else "")


def _with_interval(found: Figures, key: str) -> str:
    return _number(found.get(key)) + _small(found["intervals"].get(key))


def _by_group(found: Figures) -> str:
    low, high = found.get("auc_interval_by_group") or (None, None)
    return "–" if low is None else f"<small>{_number(low)} to {_number(high)}</small>"


def _chance(found: Figures) -> str:
    return _number(found.get("calibration_error_by_chance"))


def _rate(rate: Figures | None) -> str:
    return "–" if rate is None else _share(rate["share"]) + _small(rate["interval"], as_share=True)


def _small(around: Sequence[float | None] | None, *, as_share: bool = False, sign: bool = False) -> str:
    low, high = around or (None, None)
    if low is None or high is None:
        return ""
    show = _share if as_share else _signed if sign else _number
    return f"<small>{show(low)} to {show(high)}</small>"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _signed(value: float) -> str:
    # Adding 0.0 takes the sign of a rounded zero away.
    return f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
