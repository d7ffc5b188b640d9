"""`fakesweep classifiers`: which classifiers there are, and which one judges."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import classifiers_activate, classifiers_compare, classifiers_freeze, classifiers_quantise
from cli.classifier_names import classifier_argument, classifier_words, named_classifier
from cli.gate_options import as_mapping, gate_options
from cli.opening import default_bundle, opened_database, register_bundle
from cli.options import json_option
from cli.rendering.output import open_output
from cli.rendering.report_json import write_json
from worker.safe_text import safe_text

if TYPE_CHECKING:
    from db.registry import RegisteredClassifier


@click.group(name="classifiers")
def command() -> None:
    """List, import, activate and roll back classifiers.

    A classifier is a bundle: a directory with the network, its calibration, its thresholds and a card that
    says what it is good for. The active one judges new submissions; what was judged before keeps its verdict
    and the name of the classifier that gave it. A new one is activated only if it is no worse than the active one on
    material that was set aside for that.

    \b
    Examples:
      fakesweep classifiers freeze examination/
      fakesweep classifiers import trained/2026-11-20 --activate
      fakesweep classifiers compare fakesweep-mobilenetv2 2026-11-20
      fakesweep classifiers rollback
    """


@command.command("list")
@json_option
def list_(json_file: str | None) -> None:
    """List the registered classifiers; the active one has a star."""
    from db.registry import list_classifiers

    with opened_database() as database, database.read() as session:
        found = list_classifiers(session)
    if json_file:
        with open_output(json_file) as stream:
            write_json({"classifiers": [_as_json(classifier) for classifier in found]}, stream)
    elif found:
        _print_table(found)
    else:
        click.echo("No classifier is registered yet: the first scan registers the packaged one.", err=True)


@command.command()
@classifier_argument
@json_option
def show(classifier: str, json_file: str | None) -> None:
    """Show a classifier's card; `--json` gives its manifest.

    CLASSIFIER is an id, a name, a version or the start of a hash.
    """
    with opened_database() as database, database.read() as session:
        found = named_classifier(session, classifier)
    if json_file:
        with open_output(json_file) as stream:
            write_json(_as_json(found), stream)
        return
    card = Path(found.path) / "card.md"
    click.echo(safe_text(f"{found.name} {found.version} at {found.path}"), err=True)
    if not card.is_file():
        raise click.ClickException(f"no card at {card}: import the bundle again")
    click.echo(_safe_lines(card.read_text(encoding="utf-8", errors="replace")))


@command.command("import")
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--activate", is_flag=True, help="Let it judge new submissions at once, if the gate allows it.")
@gate_options
def import_(
    directory: Path | None, *, activate: bool, force: bool, reason: str | None, margins: tuple[tuple[str, float], ...]
) -> None:
    """Register a bundle.

    It is a directory, or a zip or tar file of one, that is verified and copied into FAKESWEEP_HOME; without DIR it is
    the packaged one. With --activate it has to
    pass the gate like any other: see `fakesweep classifiers activate --help`.
    """
    from cli.bundle_archive import opened_bundle
    from cli.bundle_copy import copy_bundle
    from cli.gating import Wish, activate_through_gate
    from worker.settings import read_settings

    if not activate and (force or reason or margins):
        raise click.UsageError("--force, --reason and --margin are about activating: add --activate")
    settings = read_settings()
    if directory is None:
        place = default_bundle()
    else:
        with opened_bundle(directory) as unpacked:
            place = copy_bundle(unpacked, home=settings.home)
    with opened_database(settings) as database:
        with database.begin() as session:
            registered = register_bundle(session, place)
        click.echo(f"Registered {classifier_words(registered)}.", err=True)
        if activate:
            is_new = activate_through_gate(database, settings, registered, Wish(force, reason, as_mapping(margins)))
            classifiers_activate.say_activated(registered, settings, is_new=is_new)


def _print_table(found: list[RegisteredClassifier]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from cli.rendering.report_table import console_for

    table = Table("", "id", "name", "version", "hash", "registered", "place", box=SIMPLE_HEAD, pad_edge=False)
    for classifier in found:
        table.add_row(
            "*" if classifier.is_active else "",
            str(classifier.id),
            safe_text(classifier.name),
            safe_text(classifier.version),
            classifier.sha256[:12],
            _day(classifier.created_at),
            safe_text(classifier.path),
        )
    console_for().print(table)


def _as_json(classifier: RegisteredClassifier) -> dict[str, Any]:
    return {
        "id": classifier.id,
        "name": classifier.name,
        "version": classifier.version,
        "sha256": classifier.sha256,
        "path": classifier.path,
        "active": classifier.is_active,
        "manifest": classifier.manifest,
    }


def _safe_lines(text: str) -> str:
    return "\n".join(safe_text(line) for line in text.splitlines())


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, tz=UTC).strftime("%Y-%m-%d")


for _name, _command in {
    "freeze": classifiers_freeze.command,
    "activate": classifiers_activate.activate,
    "rollback": classifiers_activate.rollback,
    "history": classifiers_activate.history,
    "compare": classifiers_compare.command,
    "quantise": classifiers_quantise.command,
}.items():
    command.add_command(_command, _name)
