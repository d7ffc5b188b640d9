"""Writes an evaluation as one HTML page that needs nothing but itself: no network, no script."""

from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from training.evaluation import Evaluation
from training.evaluation_faces import faces_section, shown_name
from training.evaluation_lead import columns_of, lead_of
from training.evaluation_tables import (
    bands_table,
    figures_table,
    plain_table,
    rates_table,
    robustness_rows,
    sources_table,
    swapped_table,
)
from training.evaluation_words import (
    ABOUT_DEGRADING,
    ABOUT_INTERVALS,
    ABOUT_MAP,
    ABOUT_PARTS,
    ABOUT_SWAPPING,
    MEANING,
    PROTOCOL,
)
from training.judging import MAIN_AGGREGATION
from training.measuring import Scored
from training.plots.degrading import robustness_plot
from training.plots.learning import learning_plots
from training.plots.probability import confusion_plot, histogram_plot, reliability_plot
from training.plots.ranking import det_plot, roc_plot
from training.plots.scatter import label_map, source_map

Figures = Mapping[str, Any]

_SECTIONS = (
    ("figures", "Figures"),
    ("meaning", "What a score means"),
    ("pictures", "Pictures"),
    ("videos", "Videos"),
    ("degraded", "Degraded faces"),
    ("sources", "By source, compression and size"),
    ("faces", "Surest and most wrong faces"),
    ("map", "Map of the last features"),
    ("learning", "How it learnt"),
    ("protocol", "Protocol"),
)

_KINDS = {"image": "Pictures", "video": f"Videos, {MAIN_AGGREGATION}"}


def render_page(evaluation: Evaluation) -> str:
    """The whole page."""
    found = evaluation.figures
    bodies = {
        "figures": _figures(found),
        "meaning": MEANING,
        "pictures": _kind(evaluation, "image"),
        "videos": _kind(evaluation, "video"),
        "degraded": _degraded(found),
        "sources": _parts(found),
        "faces": faces_section(evaluation.faces, span=evaluation.manifest.heat_span),
        "map": _map(evaluation),
        "learning": _learning(evaluation.manifest.training.get("curves")),
        "protocol": _protocol(found),
    }
    links = "".join(f'<a href="#{name}">{escape(title)}</a>' for name, title in _SECTIONS)
    parts = [f'<section id="{name}"><h2>{escape(title)}</h2>{bodies[name]}</section>' for name, title in _SECTIONS]
    classifier = found["classifier"]
    name = escape(f"{classifier['name']} {classifier['version']}")
    style = (files("training") / "evaluation_page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Evaluation of {name}</title><style>{style}</style></head><body>"
        f'<h1>Evaluation of {name}</h1>{lead_of(found)}<nav aria-label="Sections">{links}</nav>{"".join(parts)}'
        "</body></html>\n"
    )


def _figures(found: Figures) -> str:
    notes = [f"{name}: {note}" for name, figures in columns_of(found, main_only=True) for note in figures["notes"]]
    main = figures_table(columns_of(found, main_only=True))
    others = figures_table([column for column in columns_of(found) if column[0].startswith("videos")])
    more = f"<details><summary>Videos under every aggregation</summary>{others}</details>" if "video" in found else ""
    return f"{ABOUT_INTERVALS}{main}{_list(notes)}{more}"


def _kind(evaluation: Evaluation, kind: str) -> str:
    scored = evaluation.scored.get(kind)
    if scored is None:
        return f"<p>There are no {'pictures' if kind == 'image' else 'videos'} that could be judged.</p>"
    found = evaluation.figures[kind]
    figures: Figures = found[MAIN_AGGREGATION] if kind == "video" else found
    return f'<div class="plots">{_plots(scored, figures)}</div>'


def _plots(scored: Scored, figures: Figures) -> str:
    limits = figures["verdicts"]["thresholds"]
    plots = []
    if "auc" in figures:
        plots = [
            ("ROC curve", roc_plot(scored, thresholds=limits), "Above the dashed line is better than guessing."),
            ("DET curve", det_plot(scored, thresholds=limits), "Lower and further left is better."),
            ("Reliability", reliability_plot(scored), "Scores are right as probabilities on the dashed line."),
        ]
    plots += [
        ("Scores", histogram_plot(scored, thresholds=limits), "Each class adds up to 100 %."),
        ("Confusion matrix", confusion_plot(figures["verdicts"]), "Shares are of each row."),
        ("Verdicts", rates_table(figures["verdicts"]), "By the classifier's own thresholds, with intervals."),
    ]
    return "".join(_figure(*plot) for plot in plots)


def _degraded(found: Figures) -> str:
    table = found.get("robustness")
    if not table:
        return "<p>Not measured: leave <code>--no-robustness</code> away.</p>"
    plots, rows = [], []
    for kind, name in _KINDS.items():
        if "auc" in table["clean"].get(kind, {}):
            plots.append(_figure(name, robustness_plot(table, kind), "Upright lines: 95 % intervals."))
            rows.append(f"<h3>{escape(name)}</h3>{robustness_rows(table, kind)}")
    if not plots:
        return "<p>With one class there is nothing to rank.</p>"
    swapped = "".join(
        f"<h3>{_KINDS[kind]}, conditions exchanged</h3>{swapped_table(parts)}"
        for kind, parts in found.get("swapped", {}).items()
    )
    rows.append(f"{ABOUT_SWAPPING}{swapped}" if swapped else "")
    return f'{ABOUT_DEGRADING}<div class="plots wide">{"".join(plots)}</div>{"".join(rows)}'


def _parts(found: Figures) -> str:
    parts = []
    for name, figures in columns_of(found, main_only=True):
        if name == "frames":
            continue
        parts.append(f"<h3>{escape(name.capitalize())}, by source</h3>{sources_table(figures, found['learnt_from'])}")
        for key, what in (("quality", "compression"), ("face_size", "face size")):
            if key in figures:
                parts.append(f"<h3>{escape(name.capitalize())}, by {what}</h3>{bands_table(figures[key], what)}")
    return ABOUT_PARTS + "".join(parts)


def _map(evaluation: Evaluation) -> str:
    laid = evaluation.feature_map
    if laid is None:
        return "<p>No map: too few files, or this network&#8217;s head cannot be taken off.</p>"
    plots = [
        ("By class", label_map(laid.points, laid.items), ""),
        ("By source", source_map(laid.points, laid.items), ""),
    ]
    drawn = "".join(_figure(*plot) for plot in plots)
    return f'{ABOUT_MAP.format(count=len(laid.items))}<div class="plots wide">{drawn}</div>'


def _learning(curves: object) -> str:
    entries = [entry for entry in curves if isinstance(entry, Mapping)] if isinstance(curves, list) else []
    plots = learning_plots(entries)
    if not plots:
        return "<p>The bundle&#8217;s manifest holds no learning curves.</p>"
    drawn = "".join(_figure(title, plot, "") for title, plot in plots)
    return f'<div class="plots wide">{drawn}</div>'


def _protocol(found: Figures) -> str:
    coverage = plain_table(
        ("files", "given", "judged"),
        [[escape(name), str(one["files"]), str(one["judged"])] for name, one in found["coverage_by_class"].items()],
    )
    skipped = [f"{shown_name(Path(one['path']))}: {one['why']}" for one in found["skipped"]]
    told = PROTOCOL.format(frames=found["frames"]) + coverage
    if not skipped:
        return told
    return f"{told}<details><summary>Skipped files: {len(skipped)}</summary>{_list(skipped)}</details>"


def _figure(title: str, drawn: str, caption: str) -> str:
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure><h3>{escape(title)}</h3>{drawn}{words}</figure>"


def _list(lines: Iterable[str]) -> str:
    found = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{found}</ul>" if found else ""
