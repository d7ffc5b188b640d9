"""What an evidence report says in words: counts, what the score means and does not, the classifier's own figures."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from cli.rendering.units import format_score
from worker.safe_text import safe_text

COLUMNS = (
    ("verdict", "verdict", ""),
    ("score", "score", "n"),
    ("faces", "faces", "n wide"),
    ("length", "length", "n wide"),
    ("video", "video", ""),
    ("note", "note", "wide"),
    ("review", "review", "wide"),
)
"""Of the table: key, heading, classes."""

_AGGREGATES = {
    "mean": "the mean of the frames' highest faces",
    "top-k": "the mean of the highest quarter of the frames",
    "confident": "the mean of those frames that are sure, where they are enough",
    "max-track": "the person with the highest mean",
}
_LIMITS = (
    "<p>A verdict is a reason to look, not a proof. <b>real</b> says no more than that nothing was found: generators "
    "change, and recompression takes away what gives a generated face away. Faces under 48 pixels in the decoded frame "
    "are not looked at, and a face that is not found is not judged. Only faces are judged: a generated landscape, a "
    "cloned voice or a misleading cut are none of its business. The heat maps show which places of a face raised the "
    "score (orange) or lowered it (blue); they explain the classifier, not the video.</p>"
)
_FIGURES = {
    "auc": "AUC",
    "balanced_accuracy": "balanced accuracy",
    "tpr_at_5_fpr": "fakes found at 5 % false alarms",
    "calibration_error": "calibration error",
}


def tiles(report: Mapping[str, Any]) -> str:
    """The counts as tiles, and the verdicts as one bar; nothing for a single video."""
    batch = report.get("batch") or {}
    if "counts" not in batch:
        return ""
    counts, verdicts = batch["counts"], batch["verdicts"]
    shown = [(batch["submitted"], "files", "")]
    shown += [(verdicts[name], name, name) for name in ("fake", "uncertain", "real")]
    shown.append((counts.get("no_face", 0), "without a face", ""))
    shown += [
        (count, state, "trouble") for state, count in counts.items() if count and state not in ("judged", "no_face")
    ]
    drawn = "".join(f'<li class="{kind}"><b>{count:,}</b>{escape(name)}</li>' for count, name, kind in shown)
    day, _, time = str(batch["created_at"]).partition("T")
    when = f"Batch {batch['id']}, submitted on {escape(day)} at {escape(time[:5])} UTC"
    return f'<p class="soft">{when}</p><ul class="tiles">{drawn}</ul>{_bar(counts, verdicts)}'


def about_score(report: Mapping[str, Any]) -> str:
    """What a score, a verdict and a threshold are, and what they are not."""
    thresholds = report["thresholds"]
    low, high = format_score(thresholds["real_below"]), format_score(thresholds["fake_from"])
    aggregate = str(report["options"]["aggregate"])
    how = _AGGREGATES.get(aggregate, "an aggregation of its frames")
    return (
        "<p>The score is the calibrated probability, from 0 to 1, that a face in the video is AI-generated or "
        f"manipulated. A frame has the score of its highest face; a video has {how} "
        f"(<code>{escape(aggregate)}</code>). From {high} on it is called <b>fake</b>, "
        f"below {low} <b>real</b>, and between them <b>uncertain</b>. "
        "The bars of a timeline are coloured by the same two thresholds.</p>" + _LIMITS
    )


def about_classifier(report: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    """Which classifier judged, how its thresholds were chosen, and how good it was on sources it never saw."""
    one, thresholds = report["classifier"], report["thresholds"]
    name = escape(safe_text(f"{one['name']} {one['version']}"))
    facts = {
        "classifier": name,
        "manifest SHA-256": f"<code>{escape(str(one['sha256']))}</code>",
        "engine": escape(str(one.get("runtime") or "–")),
        "thresholds": f"real below {thresholds['real_below']:.4f}, fake from {thresholds['fake_from']:.4f}",
        "frames": escape(f"{report['options'].get('frames')} at least, {report['options'].get('max_frames')} at most"),
    }
    note = ((manifest.get("thresholds") or {}).get(report["options"]["aggregate"]) or {}).get("note")
    if note:
        facts["how they were chosen"] = escape(safe_text(str(note)))
    told = "".join(f"<dt>{term}</dt><dd>{value}</dd>" for term, value in facts.items())
    rows = "".join(_figure_rows(manifest, str(report["options"]["aggregate"])))
    figures = (
        '<div><h3>How good it was on sources that it never saw</h3><div class="scroll"><table><thead><tr>'
        '<th scope="col">figure</th>'
        '<th scope="col" class="n">pictures</th><th scope="col" class="n">videos</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
        '<p class="soft">In brackets: 95 % intervals. An AUC of 0.5 is guessing.</p></div>'
        if rows
        else ""
    )
    return f'<div class="about"><dl>{told}</dl>{figures}</div>'


def _figure_rows(manifest: Mapping[str, Any], aggregate: str) -> Iterator[str]:
    clean = (manifest.get("metrics") or {}).get("clean") or {}
    kinds = (clean.get("image") or {}, (clean.get("video") or {}).get(aggregate) or {})
    if not any(kinds):
        return
    examples = "".join(
        f'<td class="n">{escape(str(kind.get("real", "–")))} real, {escape(str(kind.get("fake", "–")))} fake</td>'
        for kind in kinds
    )
    yield f'<tr><th scope="row">examples</th>{examples}</tr>'
    for key, words in _FIGURES.items():
        cells = "".join(f'<td class="n">{escape(_figure(kind, key))}</td>' for kind in kinds)
        yield f'<tr><th scope="row">{words}</th>{cells}</tr>'


def _figure(kind: Mapping[str, Any], key: str) -> str:
    value = kind.get(key)
    if not isinstance(value, int | float):
        return "–"
    interval = (kind.get("intervals") or {}).get(key) or ()
    bounds = [bound for bound in interval if isinstance(bound, int | float)]
    return f"{value:.3f}" + (f" [{bounds[0]:.3f}, {bounds[1]:.3f}]" if len(bounds) == 2 else "")


def _bar(counts: Mapping[str, int], verdicts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    if not total:
        return ""
    rest = total - sum(verdicts.values()) - counts.get("no_face", 0)
    parts = [*((name, verdicts[name]) for name in ("fake", "uncertain", "real")), ("none", counts.get("no_face", 0))]
    left, drawn = 0.0, []
    for name, count in [*parts, ("other", rest)]:
        width = 1000 * count / total
        if count:
            drawn.append(f'<rect class="{name}" x="{left:.2f}" y="0" width="{width:.2f}" height="10"/>')
        left += width
    words = ", ".join(f"{count} {name}" for name, count in parts[:3])
    shape = 'class="share" viewBox="0 0 1000 10" preserveAspectRatio="none"'
    return f'<svg {shape} role="img" aria-label="{words}">{"".join(drawn)}</svg>'
