"""The result of a drill or a soak in lines, and how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from cli.progress import console_for_messages
from cli.rendering.units import format_duration
from worker.safe_text import safe_text

if TYPE_CHECKING:
    from db.invariants import Findings
    from scheduler.drill.conductor import Result
    from scheduler.drill.outage import Outage
    from scheduler.drill.soak import Soaked

LINE_EVERY_S = 30.0
_SHOWN_FINDINGS = 5
_PROMISES = {
    "lost": "lost",
    "doubled": "judged twice",
    "stuck": "stuck",
    "innocents_quarantined": "innocents quarantined",
    "poison_at_large": "poison not quarantined",
    "fences_broken": "writes past the fence",
    "wrong": "verdicts of another content, or in part",
    "sums_wrong": "sums that are wrong",
}


@contextmanager
def told(what: str) -> Iterator[Callable[[str], None]]:
    """Shows how far it is: one line that changes where a person looks, a line now and then otherwise."""
    console = console_for_messages()
    with console.status(what) as status:
        last_s = time.monotonic()

        def tell(how_far: str) -> None:
            nonlocal last_s
            status.update(f"{what}: {how_far}")
            if not console.is_terminal and time.monotonic() - last_s >= LINE_EVERY_S:
                last_s = time.monotonic()
                click.echo(f"{what}: {how_far}", err=True)

        yield tell


def drill_lines(result: Result) -> Iterator[str]:
    """The faults survived, by kind, and what is wrong."""
    from scheduler.drill.plan import FAULTS

    order = result.order
    yield f"{order.videos} videos on {result.database} with a broker {result.broker}, seed {order.seed}"
    yield ""
    for kind, meaning in FAULTS.items():
        if kind in result.faults:
            yield f"{result.faults[kind]:>6}  {kind:<22}{meaning}"
    yield f"{sum(result.faults.values()):>6}  faults of {len(result.faults)} kinds in {format_duration(result.seconds)}"
    yield ""
    yield from _finding_lines(result.findings)
    yield f"{result.poison - len(result.findings.poison_at_large):>6}  of {result.poison} poison videos quarantined"
    yield from (f"Wrong: {line}" for line in result.complaints)
    for how, count in result.ended_by_themselves.items():
        yield f"Note: ended by itself {count} times, and was started again: {how}"
    if result.left_out:
        yield f"Note: found nobody to hit: {', '.join(result.left_out)}"
    yield ""
    yield "Passed: every promise was kept." if result.is_passed else "FAILED: a promise was broken; please report it."


def outage_lines(outage: Outage) -> Iterator[str]:
    """Who waited, what was judged when, and what is wrong."""
    yield f"{outage.videos} videos, seed {outage.seed}; the {outage.part} was away for {format_duration(outage.away_s)}"
    yield ""
    yield f"{outage.before:>6}  ended before"
    yield f"{outage.meanwhile:>6}  ended meanwhile"
    if outage.first_s is not None:
        yield f"{outage.first_s:>6.1f}  seconds from its return to the next one"
    yield f"{outage.all_s:>6.1f}  seconds from its return to the last one"
    yield from (f"{count:>6}  lines by {name} meanwhile" for name, count in outage.words.items())
    yield ""
    yield from _finding_lines(outage.findings)
    yield from (f"Wrong: {line}" for line in outage.complaints)
    yield from (f"Wrong: ended by itself {count} times: {how}" for how, count in outage.ended_by_themselves.items())
    yield ""
    yield "Passed: all waited, and went on." if outage.is_passed else "FAILED: a promise was broken; please report it."


def soak_lines(soaked: Soaked) -> Iterator[str]:
    """What grew and what did not."""
    yield f"{soaked.scans} scans in {format_duration(soaked.seconds)} on {soaked.database}"
    yield ""
    yield f"{'':<34}{'early':>12}{'late':>12}"
    for gauge in soaked.gauges:
        mark = "" if gauge.is_flat else "  GROWS"
        yield f"{gauge.name:<34}{gauge.early:>12,.0f}{gauge.late:>12,.0f}{mark}"
    yield from (f"Wrong: {line}" for line in soaked.complaints)
    yield ""
    yield "Passed: nothing grows." if soaked.is_passed else "FAILED: see above."


def _finding_lines(findings: Findings) -> Iterator[str]:
    for name, meaning in _PROMISES.items():
        lines = getattr(findings, name)
        yield f"{len(lines):>6}  {meaning}"
        yield from (f"          {safe_text(line)}" for line in lines[:_SHOWN_FINDINGS])
