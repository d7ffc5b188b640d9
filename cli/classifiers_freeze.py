"""`fakesweep classifiers freeze`: sets the material aside on which classifiers are compared."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.opening import opened_database
from worker.safe_text import safe_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.evaluation_sets import EvaluationSet
    from db.session import Database
    from worker.settings import Settings


@click.command()
@click.argument("roots", metavar="[DIR]...", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--name", help="What to call it. [default: the directory's name]")
@click.option("--replace", is_flag=True, help="Take the place of another set; earlier comparisons keep theirs.")
def command(roots: tuple[Path, ...], *, name: str | None, replace: bool) -> None:
    """Set material aside to compare classifiers.

    Before a classifier is activated, it and the active one are judged on what was set aside here. Give
    directories with real/ and fake/, or with a manifest.csv, that no classifier learns from; of a layout with splits
    the test part is taken. The files are copied into FAKESWEEP_HOME and hashed; once anything of the copy is altered it
    is refused. Training leaves out what the set holds. Without DIR: tell what is frozen.

    \b
    Examples:
      fakesweep classifiers freeze examination/
      fakesweep classifiers freeze
    """
    from worker.settings import read_settings

    settings = read_settings()
    with opened_database(settings) as database:
        present = _present(database)
        if not roots:
            click.echo(_told(present) if present else "No evaluation set is frozen.")
            return
        frozen = _freeze(database, settings, roots, present, name=name, replace=replace)
    click.echo(_told(frozen))


def _freeze(
    database: Database,
    settings: Settings,
    roots: tuple[Path, ...],
    present: EvaluationSet | None,
    *,
    name: str | None,
    replace: bool,
) -> EvaluationSet:
    from cli.account import user_name
    from cli.bars import bar
    from cli.frozen import evaluation_shelf
    from db.evaluation_sets import register_set
    from training.crops import INPUT_SIZE_PX
    from training.examination import face_cutter
    from training.freezing import freeze_set
    from worker.cores import usable_cores
    from worker.pipeline.detector_file import find_detector

    shelf = evaluation_shelf(settings)
    threads = usable_cores()
    cutter = face_cutter(shelf / "faces", detector=find_detector(), threads=threads, size_px=INPUT_SIZE_PX)
    expected = None if present is None or replace else present.sha256
    with bar("Finding faces") as on_progress:
        made = freeze_set(roots, shelf, cutter, say=_say, expected=expected, on_progress=on_progress)
    with database.begin() as session:
        register_set(
            session,
            sha256=made.sha256,
            name=name or roots[0].resolve().name or "/",
            path=str(made.directory),
            counts=made.counts,
            actor=user_name(),
        )
    frozen = _present(database)
    if frozen is None:
        raise RuntimeError(f"the set {made.sha256} was registered and is not there")
    return frozen


def _present(database: Database) -> EvaluationSet | None:
    from db.evaluation_sets import current_set

    with database.read() as session:
        return current_set(session)


def _say(line: str) -> None:
    click.echo(safe_text(line), err=True)


def _told(frozen: EvaluationSet) -> str:
    day = datetime.fromtimestamp(frozen.frozen_at, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
    by = f" by {frozen.frozen_by}" if frozen.frozen_by else ""
    return safe_text(f"{frozen.name} ({frozen.sha256[:12]}): {_counted(frozen.counts)}; frozen on {day}{by}")


def _counted(counts: Mapping[str, int]) -> str:
    words = {"images": "pictures"}
    parts = [(label, words.get(kind, kind), count) for name, count in counts.items() for label, kind in [name.split()]]
    return ", ".join(f"{count} {label} {kind}" for label, kind, count in parts)
