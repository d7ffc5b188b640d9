"""Times the submission of many tiny files: new ones, which are read, and known ones, which are not."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from db.registry import register_classifier
from db.schema import upgrade_database
from db.session import open_database
from scheduler.submission import SubmitOptions, submit
from scripts.parts.bench_fresh_process import cost_of
from scripts.parts.bench_installation import KINDS, fresh_installation
from worker.settings import read_settings

_FILES_PER_FOLDER = 1000
_LONG_AGO_S = 1_600_000_000


def measure_submission(*, files: int) -> dict[str, object]:
    """Submits so many files twice to each kind of installation; nothing is sent to a broker."""
    runs = []
    with tempfile.TemporaryDirectory(prefix="fsb-files-") as name:
        _make_files(Path(name), files)
        for kind in KINDS:
            with fresh_installation(kind) as environment:
                url = read_settings(environment).effective_database_url
                classifier_id = _prepare(url)
                runs += [
                    {"kind": kind, "files": what, **_submit(url, name, classifier_id)} for what in ("new", "known")
                ]
    return {"submission": {"files": files, "runs": runs}}


def print_submission(figures: Mapping[str, object], console: Console) -> None:
    """One row per run."""
    table = Table("installation", "files", "submitted", "wall s", "CPU s", "peak MB", "of that grown")
    for column in table.columns[2:]:
        column.justify = "right"
    found = figures["submission"]
    for run in found["runs"] if isinstance(found, dict) else []:
        table.add_row(*(str(value) for value in run.values()))
    console.print(table)


def _make_files(folder: Path, files: int) -> None:
    for number in range(files):
        path = folder / f"{number // _FILES_PER_FOLDER:05}" / f"{number:07}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"tiny video %d" % number)
        # A file that was just written is not trusted to stay as it is, and is read again.
        os.utime(path, (_LONG_AGO_S, _LONG_AGO_S))


def _prepare(url: str) -> int:
    """Makes the tables and a classifier."""
    database = open_database(url)
    upgrade_database(database)
    with database.begin() as session:
        manifest = {"name": "bench", "version": "1"}
        classifier_id = register_classifier(session, manifest=manifest, path="/bench", sha256="0" * 64)
    database.dispose()
    return classifier_id


def _submit(url: str, folder: str, classifier_id: int) -> dict[str, object]:
    cost = asdict(cost_of(submit_folder, url, folder, classifier_id))
    return {"submitted": cost.pop("result"), **cost}


def submit_folder(url: str, folder: str, classifier_id: int) -> int:
    """Submits a folder as one batch; returns the number of entries."""
    database = open_database(url)
    try:
        options = SubmitOptions(preset="standard", frames=16)
        return submit(database, [folder], name=None, options=options, classifier_id=classifier_id).submitted
    finally:
        database.dispose()
