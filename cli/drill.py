"""`fakesweep drill`: hurts an installation of its own in every known way, and checks that nothing was lost."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.options import json_option
from cli.rendering.output import STDOUT, open_output
from cli.rendering.report_json import write_json

if TYPE_CHECKING:
    from scheduler.drill.conductor import Result
    from scheduler.drill.outage import Outage, Part
    from scheduler.drill.soak import Soaked

FAILED = 4
"""As when a scan's counts do not add up: a defect."""


@click.command(name="drill")
@click.option("--faults", type=click.IntRange(0), default=60, show_default=True, metavar="N", help="Faults to do.")
@click.option(
    "--videos", type=click.IntRange(2, 100_000), default=60, show_default=True, metavar="N", help="Videos to judge."
)
@click.option("--seed", type=int, metavar="S", help="The same seed plans the same drill. [default: another each time]")
@click.option(
    "--on",
    "kind",
    type=click.Choice(("auto", "embedded", "cluster")),
    default="auto",
    show_default=True,
    help="Embedded broker and SQLite, or Valkey and PostgreSQL of the drill's own; auto is what you use.",
)
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, metavar="N", help="Workers.")
@click.option(
    "--concurrency", type=click.IntRange(1, 64), default=2, show_default=True, metavar="N", help="Videos at once each."
)
@click.option(
    "--whole", type=click.IntRange(0), default=0, show_default=True, metavar="N", help="Videos really looked at."
)
@click.option(
    "--soak", type=click.IntRange(50), metavar="N", help="No faults: judge N short videos, watch memory and files."
)
@click.option(
    "--outage",
    type=click.Choice(("broker", "database")),
    help="No faults but one: the broker or the database is away for --for, on a cluster of the drill's own.",
)
@click.option(
    "--for",
    "away_s",
    type=click.FloatRange(1),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long --outage lasts.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Do it in this new directory, and leave database and logs there.",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    seed: int | None,
    kind: str,
    soak: int | None,
    outage: Part | None,
    keep: Path | None,
    json_file: str | None,
    concurrency: int,
    **asked: Any,
) -> None:
    """Hurt an installation of its own in every known way, and check that nothing was lost.

    Kills workers, schedulers, brokers and commands, freezes, locks, empties, forges and sets clocks wrong while a
    batch of small generated videos is judged; among them are some that kill their worker. Then it checks in SQL
    that every video has one verdict. All happens in a temporary directory with servers of its own: your database,
    your queue and your workers are not touched.

    Ends with status 0 when every promise was kept, 4 when one was not.

    \b
    Examples:
      fakesweep drill
      fakesweep drill --faults 500 --videos 500 --on cluster --seed 7 --json drill.json
      fakesweep drill --soak 10000
      fakesweep drill --outage broker --for 600
    """
    import secrets

    from cli.rendering.drill import drill_lines, outage_lines, soak_lines, told
    from cli.stopping import stopped_by_signals
    from scheduler.drill.plan import Order
    from scheduler.drill.setting import private_installation
    from worker.settings import read_settings

    if asked["whole"] > asked["videos"] - 2:
        raise click.UsageError(
            f"--whole must be at most two less than --videos ({asked['videos']}), got {asked['whole']}"
        )
    if outage is not None and (soak is not None or kind == "embedded"):
        raise click.UsageError("--outage takes a server away, so neither --soak nor --on embedded goes with it")
    kind = kind if outage is None else "cluster"
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise click.UsageError(f"--keep needs a new or an empty directory, got {os.fspath(keep)!r}")
    seed = secrets.randbelow(10_000) if seed is None else seed
    with stopped_by_signals(), private_installation(kind, read_settings(), keep=keep) as installation:
        if soak is not None:
            from scheduler.drill.soak import run_soak

            with told(f"Soak of {soak} scans") as tell_soak:
                soaked = run_soak(installation, scans=soak, concurrency=concurrency, seed=seed, tell=tell_soak)
            ctx.exit(_deliver(soaked, soak_lines(soaked), json_file))
        if outage is not None:
            from scheduler.drill.outage import run_outage
            from scheduler.drill.setting import DrillError

            if installation.postgres is None:
                raise DrillError("no PostgreSQL to start here: put its programs (initdb, postgres) on the PATH")
            with told(f"Outage of the {outage}, seed {seed}") as tell_outage:
                waited = run_outage(
                    installation,
                    outage,
                    away_s=asked["away_s"],
                    videos=asked["videos"],
                    seed=seed,
                    workers=asked["workers"],
                    concurrency=concurrency,
                    tell=tell_outage,
                )
            ctx.exit(_deliver(waited, outage_lines(waited), json_file))
        from scheduler.drill.conductor import run_drill

        order = Order(faults=asked["faults"], videos=asked["videos"], seed=seed, whole=asked["whole"])
        with told(f"Drill with seed {seed}") as tell:
            result = run_drill(installation, order, workers=asked["workers"], concurrency=concurrency, tell=tell)
        ctx.exit(_deliver(result, drill_lines(result), json_file))


def _deliver(result: Result | Soaked | Outage, lines: Iterable[str], json_file: str | None) -> int:
    """Writes the result; returns the exit status."""
    if json_file:
        with open_output(json_file) as stream:
            write_json(result.to_json(), stream)
    if json_file != STDOUT:
        for line in lines:
            click.echo(line)
    return 0 if result.is_passed else FAILED
