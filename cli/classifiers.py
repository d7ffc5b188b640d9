"""`fakesweep classifiers`: which classifiers there are, and which one judges."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import classifiers_compare
from cli.classifier_names import classifier_argument, classifier_words, named_classifier
from cli.opening import default_bundle, opened_database, register_bundle, require_unaltered
from cli.options import json_option
from cli.rendering.names import safe_text
from cli.rendering.output import open_output
from cli.rendering.report_json import write_json

if TYPE_CHECKING:
    from db.registry import RegisteredClassifier


@click.group(name="classifiers")
def command() -> None:
    """List, import, activate and roll back classifiers.

    A classifier is a bundle: a directory with the network, its calibration, its thresholds and a card that
    says what it is good for. The active one judges new submissions; what was judged before keeps its verdict
    and the name of the classifier that gave it.

    \b
    Examples:
      fakesweep classifiers list
      fakesweep classifiers import trained/2026-11-20 --activate
      fakesweep classifiers show fakesweep-mobilenetv2
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
    click.echo(f"{found.name} {found.version} at {found.path}", err=True)
    if not card.is_file():
        raise click.ClickException(f"no card at {card}: import the bundle again")
    click.echo(_safe_lines(card.read_text(encoding="utf-8", errors="replace")))


@command.command("import")
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--activate", is_flag=True, help="Let it judge new submissions at once.")
def import_(directory: Path | None, *, activate: bool) -> None:
    """Copy a bundle into FAKESWEEP_HOME and register it; without DIR, register the packaged one."""
    from cli.bundle_copy import copy_bundle
    from db.registry import activate_classifier
    from worker.settings import read_settings

    settings = read_settings()
    place = default_bundle() if directory is None else copy_bundle(directory, home=settings.home)
    with opened_database(settings) as database, database.begin() as session:
        registered = register_bundle(session, place)
        if activate:
            activate_classifier(session, registered.id)
    click.echo(f"Registered {classifier_words(registered)}{' and activated it' if activate else ''}.", err=True)


@command.command()
@classifier_argument
def activate(classifier: str) -> None:
    """Let a registered classifier judge new submissions.

    CLASSIFIER is an id, a name, a version or the start of a hash. Its files are verified first.
    """
    from db.registry import activate_classifier

    with opened_database() as database, database.begin() as session:
        found = named_classifier(session, classifier)
        require_unaltered(found)
        activate_classifier(session, found.id)
    click.echo(f"{classifier_words(found)} judges new submissions now; `--outdated` judges older ones again.", err=True)


@command.command()
def rollback() -> None:
    """Activate the classifier that was active before the present one."""
    from db.registry import rollback_classifier

    with opened_database() as database, database.begin() as session:
        found = rollback_classifier(session)
        if found is None:
            raise click.ClickException("there is no earlier classifier to go back to: see `fakesweep classifiers list`")
        require_unaltered(found)
    click.echo(f"{classifier_words(found)} judges new submissions again.", err=True)


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


command.add_command(classifiers_compare.command, "compare")
