"""Writes the card of a classifier: what it learnt from, how well it does, and what it is not for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from training.dataset import Item

if TYPE_CHECKING:
    from training.bundle import BundleFacts

_COLUMNS = (
    ("auc", "AUC"),
    ("balanced_accuracy", "balanced accuracy at 0.5"),
    ("calibration_error", "calibration error (ECE)"),
    ("eer", "EER"),
    ("tpr_at_5_fpr", "fakes found at 5 % false alarms"),
    ("log_loss", "log loss"),
    ("brier", "Brier"),
)


def write_card(facts: "BundleFacts", items: Sequence[Item]) -> str:
    """The card in Markdown."""
    parts = [
        f"# {facts.name} {facts.version}",
        "Judges face crops: the probability that a face was generated or manipulated by a machine.",
        "## Use and licence",
        _use(),
        "## Figures on held-out sources",
        f"Protocol: {facts.metrics['protocol']}. Brackets: 95 % of bootstrap rounds (pictures drawn singly, videos by"
        " group of shared footage and persons).",
        _figures_table(facts.metrics["clean"], "as scanned"),
    ]
    if "degraded" in facts.metrics:
        parts += [
            "The same material after random degradation (recompression, resizing, blur, noise, colour, cut-out):",
            _figures_table(facts.metrics["degraded"], "degraded"),
        ]
    parts += ["## Each source, held out", _sources_table(facts.metrics["clean"])]
    parts += ["## Thresholds", _thresholds(facts.thresholds)]
    parts += ["## Learnt from", _material_table(items, facts.training)]
    parts += ["## Known limits", _limits(items)]
    return "\n\n".join(parts) + "\n"


def _use() -> str:
    return (
        "The weights are offered for evaluation. The pictures and videos behind them come from public"
        " repositories with different, often missing or unclear terms, repeated below as stated there; a"
        " repository's licence does not settle the rights of the people shown or of the photographers. For"
        " production, retrain on material that you hold the rights to:"
        " `fakesweep train --data DIR`. A score is a hint for a person who looks, never proof against anyone."
    )


def _figures_table(figures: Mapping[str, Any], title: str) -> str:
    header = f"| {title} | real / fake | " + " | ".join(name for _, name in _COLUMNS) + " |"
    lines = [header, "|" + "---|" * (len(_COLUMNS) + 2)]
    rows = [("pictures", figures.get("image"))]
    rows += [(f"videos, `{method}`", found) for method, found in figures.get("video", {}).items()]
    for name, found in rows:
        if found is not None and "auc" in found:
            cells = " | ".join(_cell(found, key) for key, _ in _COLUMNS)
            lines.append(f"| {name} | {found['real']} / {found['fake']} | {cells} |")
    return "\n".join(lines)


def _cell(found: Mapping[str, Any], key: str) -> str:
    around = found["intervals"].get(key)
    text = _number(found[key])
    return text if around is None else f"{text} [{_number(around[0])}, {_number(around[1])}]"


def _sources_table(figures: Mapping[str, Any]) -> str:
    lines = [
        "Mean score (0 real, 1 fake) and the share called right at 0.5. A source on the wrong side of 0.5 is"
        " one that the classifier misjudges as a whole.",
        "",
        "| source | examples | mean score | called right | side |",
        "|---|---|---|---|---|",
    ]
    for figure, what in ((figures.get("image"), "picture"), (figures.get("video", {}).get("mean"), "video")):
        for name, found in (figure or {}).get("sources", {}).items():
            is_right = (found["mean_score"] >= 0.5) == name.startswith("fake")
            lines.append(
                f"| {what}: {name} | {found['examples']} | {_number(found['mean_score'])} |"
                f" {_number(found['called_right'])} | {'right' if is_right else '**wrong**'} |"
            )
    return "\n".join(lines)


def _thresholds(thresholds: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["| score of | real below | fake from | note |", "|---|---|---|---|"]
    for name, found in thresholds.items():
        lines.append(f"| {name} | {found['real_below']:.3f} | {found['fake_from']:.3f} | {found['note']} |")
    return "\n".join(lines)


def _material_table(items: Sequence[Item], training: Mapping[str, Any]) -> str:
    measured_only = set(training["measured_only"])
    counts = Counter((item.source, item.label, item.kind) for item in items)
    firsts = {(item.source, item.label, item.kind): item for item in reversed(items)}
    lines = [
        "| source | class | kind | files | made by | origin | licence as stated |",
        "|---|---|---|---|---|---|---|",
    ]
    for key in sorted(counts):
        item = firsts[key]
        name = f"{item.source} (measured only, not learnt from)" if item.source in measured_only else item.source
        lines.append(
            f"| {name} | {item.label} | {item.kind} | {counts[key]} | {item.generator or '-'} |"
            f" {item.origin or '-'} | {item.licence or '-'} |"
        )
    start = training["backbone"]
    weights = training["weights_sha256"]
    lines += ["", f"Network: {start}; starting weights: " + (f"sha256 {weights}" if weights else "none") + "."]
    if weights:
        lines[-1] += " They were trained on ImageNet; check that against your own policy."
    return "\n".join(lines)


def _limits(items: Sequence[Item]) -> str:
    videos = Counter(item.label for item in items if item.kind == "video")
    return "\n".join(
        [
            "- A source is nearly always one class, so part of what is learnt is the source; the figures above"
            " hold whole sources out to show what is left without that.",
            f"- {videos['real']} real and {videos['fake']} fake videos: the intervals are wide, and"
            " 1 % of false alarms cannot be measured.",
            "- Generators that are not in the table, full-frame AI video, children, dark scenes and"
            " phone footage are rare or absent.",
            "- Faces under 48 px are not judged. Strong beauty filters, heavy compression and enlarged"
            " faces look like manipulation.",
            "- Calibration assumes as many fakes as real ones; where fakes are rare, a score overstates their"
            " probability.",
        ]
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
