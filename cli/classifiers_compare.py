"""`fakesweep classifiers compare`: which verdicts of a batch would flip under another classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from cli.bars import bar
from cli.classifier_names import classifier_words, named_classifier
from cli.options import AGGREGATES, json_option, latest_batch_argument
from cli.rendering.output import STDOUT, open_output

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@latest_batch_argument
@click.option("--aggregate", type=click.Choice(AGGREGATES), help="Another way from frames to one score.")
@click.option("--stored", "stored_only", is_flag=True, help="Judge nothing here: leave out what one never judged.")
@click.option("--all", "show_all", is_flag=True, help="List every video, not only those that flip.")
@json_option
def command(
    *,
    first: str,
    second: str,
    batch: str | None,
    aggregate: str | None,
    stored_only: bool,
    show_all: bool,
    json_file: str | None,
) -> None:
    """Show which verdicts of a batch would flip.

    That is, if B had judged it in place of A. A and B are ids, names, versions or starts of hashes; without BATCH,
    the latest. Verdicts that workers have stored are taken as they are. What A or B never judged is judged here,
    one video after another, and not stored; for a large batch, activate B and run `fakesweep scan` first.

    \b
    Examples:
      fakesweep classifiers compare fakesweep-mobilenetv2 my-classifier
      fakesweep classifiers compare 1 2 archive-2026 --stored --json flips.json
    """
    from cli.batches import named_batch
    from cli.comparing import compare_to_json, count_missing, judge_missing, side_of
    from cli.opening import opened_database
    from cli.rendering.report_json import write_json
    from cli.rendering.report_table import console_for
    from db.comparing import count_without_content, read_judgements
    from worker.settings import read_settings

    settings = read_settings()
    with opened_database(settings) as database, database.read() as session:
        found = named_batch(session, batch)
        chosen = aggregate or found.options.get("aggregate", "mean")
        try:
            a, b = (side_of(named_classifier(session, wanted), chosen) for wanted in (first, second))
        except ValueError as error:
            raise click.ClickException(str(error)) from error
        videos = read_judgements(session, found, a.classifier.id, b.classifier.id, aggregate=chosen)
        unread = count_without_content(session, found)
    missing = 0 if stored_only else count_missing(videos)
    if missing:
        with bar(f"Judging {missing} that one of them never judged") as on_progress:
            videos = judge_missing(videos, (a, b), found, settings, aggregate=chosen, on_progress=on_progress)
    told = compare_to_json(videos, (a, b))
    told["counts"]["left_out"] += unread
    head = {"batch": {"id": found.id, "name": found.name}, "aggregate": chosen, "a": a.to_json(), "b": b.to_json()}
    if json_file:
        with open_output(json_file) as stream:
            write_json({**head, **told}, stream)
    if json_file != STDOUT:
        console = console_for()
        console.print(f"A: {classifier_words(a.classifier)}\nB: {classifier_words(b.classifier)}")
        _print(console, told, show_all=show_all)


def _print(console: Console, told: Mapping[str, Any], *, show_all: bool) -> None:
    rows = [row for row in told["videos"] if show_all or row["flips"]]
    if rows:
        console.print(_videos_table(rows))
    counts = told["counts"]
    if counts["compared"]:
        console.print(_matrix_table(told["matrix"]))
    left_out = f"; {counts['left_out']} left out" if counts["left_out"] else ""
    console.print(f"{counts['flips']} of {counts['compared']} verdicts would flip{left_out}.")
    reviewed = told["reviewed"]
    if reviewed["videos"]:
        console.print(
            f"Of {reviewed['videos']} reviewed, A says what the reviewer said of {reviewed['a_is_right']},"
            f" B of {reviewed['b_is_right']}."
        )


def _videos_table(rows: list[dict[str, Any]]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from cli.rendering.report_table import verdict_text
    from cli.rendering.units import format_score
    from worker.safe_text import safe_text

    table = Table("A", "score", "B", "score", "reviewed", "video", box=SIMPLE_HEAD, pad_edge=False)
    # The largest changes first: they are what somebody should look at.
    for row in sorted(rows, key=lambda row: -abs((row["a"]["score"] or 0.0) - (row["b"]["score"] or 0.0))):
        cells = [
            cell for side in ("a", "b") for cell in (verdict_text(row[side]), Text(format_score(row[side]["score"])))
        ]
        table.add_row(*cells, Text(row["label"] or ""), Text(safe_text(row["path"])))
    return table


def _matrix_table(matrix: Mapping[str, Mapping[str, int]]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table("A says, B says", *matrix, box=SIMPLE_HEAD, pad_edge=False)
    for word, row in matrix.items():
        table.add_row(word, *(str(count) for count in row.values()))
    return table
