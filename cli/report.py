"""`fakesweep report`: the verdicts of a batch as a table, JSON, CSV or one HTML file with its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.options import AGGREGATES, STATES, VERDICTS, latest_batch_argument
from cli.rendering.output import STDOUT, OutputFile, open_output

if TYPE_CHECKING:
    from db.verdicts import Verdict

FORMATS = ("table", "json", "csv", "html")


@click.command(name="report")
@latest_batch_argument
@click.option("--verdict", type=click.Choice(VERDICTS), help="Only videos of this verdict.")
@click.option("--state", type=click.Choice(STATES), help="Only videos in this state.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="Call fake from this score on, and real below.")
@click.option("--aggregate", type=click.Choice(AGGREGATES), help="Another way from frames to one score.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many videos.")
@click.option("--format", "format_", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--output", type=OutputFile(), default=STDOUT, metavar="FILE|-", help="Where to. [default: -]")
def command(
    batch: str | None,
    verdict: Verdict | None,
    state: str | None,
    threshold: float | None,
    aggregate: str | None,
    limit: int | None,
    format_: str,
    output: str,
) -> None:
    """List the verdicts of a batch as a table, JSON, CSV or HTML.

    BATCH is its number or its name; without it, the latest. Nothing is judged anew: another threshold or
    aggregation works on the stored scores. Filters choose videos; the counts stay those of the whole batch.

    CSV has fixed columns. A text that a spreadsheet would run as a formula gets a leading apostrophe, and
    where a name cannot be shown as it is, `path_b64` holds its exact bytes.

    HTML is one file for a browser that needs no network: the table, timelines, and the highest faces with heat maps.

    \b
    Examples:
      fakesweep report
      fakesweep report downloads --verdict fake
      fakesweep report --threshold 0.9 --format csv --output verdicts.csv
      fakesweep report 12 --state unreadable --format json
      fakesweep report --format html --output report.html
    """
    from cli.batch_report import open_batch_report
    from cli.batches import named_batch
    from cli.opening import opened_database
    from db.verdicts import single_threshold
    from worker.settings import read_settings

    wanted: dict[str, Any] = {
        "aggregate": aggregate,
        "thresholds": None if threshold is None else single_threshold(threshold),
        "state": state,
        "verdict": verdict,
        "limit": limit,
    }
    with opened_database() as database, database.read() as session:
        batch_id = named_batch(session, batch).id
        write = open_batch_report(session, batch_id, read_settings(), format_=format_, **wanted)
        with open_output(output) as stream:
            write(stream)
