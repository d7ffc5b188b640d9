"""`fakesweep classifiers activate`, `rollback` and `history`: which classifier judges, and how it came to that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from cli.account import user_name
from cli.classifier_names import classifier_argument, classifier_words, named_classifier
from cli.gate_options import as_mapping, gate_options
from cli.opening import opened_database, require_unaltered
from cli.options import json_option
from cli.rendering.output import STDOUT, open_output
from worker.safe_text import safe_text

if TYPE_CHECKING:
    from db.activations import Activation
    from db.registry import RegisteredClassifier
    from worker.settings import Settings

_OUTCOMES = {
    "passed": "passed the gate",
    "refused": "refused",
    "forced": "forced",
    "rolled_back": "rolled back to",
    "packaged": "came with the package",
}


@click.command()
@classifier_argument
@gate_options
def activate(classifier: str, *, force: bool, reason: str | None, margins: tuple[tuple[str, float], ...]) -> None:
    """Let a classifier judge, if it is no worse.

    CLASSIFIER is an id, a name, a version or the start of a hash. Its files are verified; then it and the active
    one are judged on the frozen evaluation set (see `fakesweep classifiers freeze`), and no figure may be worse
    than its margin allows. Whoever passes judges what is submitted from then on, without a restart of any worker.
    What was compared, and who forced what, stands in `fakesweep classifiers history`.

    \b
    Examples:
      fakesweep classifiers activate my-classifier
      fakesweep classifiers activate my-classifier --margin auc=0.02
      fakesweep classifiers activate 3fa9c1 --force --reason "measured elsewhere, see ticket 12"
    """
    from cli.gating import Wish, activate_through_gate
    from worker.settings import read_settings

    settings = read_settings()
    with opened_database(settings) as database:
        with database.read() as session:
            found = named_classifier(session, classifier)
        require_unaltered(found)
        is_new = activate_through_gate(database, settings, found, Wish(force, reason, as_mapping(margins)))
    say_activated(found, settings, is_new=is_new)


def say_activated(classifier: RegisteredClassifier, settings: Settings, *, is_new: bool) -> None:
    """What an activation means, and when it means nothing here."""
    name = classifier_words(classifier)
    if is_new:
        click.echo(f"{name} judges new submissions now; `scan --outdated` judges older ones again.", err=True)
    else:
        click.echo(f"{name} judges new submissions already.", err=True)
    if settings.classifier is not None:
        note = f"Note: FAKESWEEP_CLASSIFIER={settings.classifier} goes first while it is set."
        click.echo(safe_text(note), err=True)


@click.command()
@click.option("--reason", help="Why, in a sentence; recorded.")
def rollback(reason: str | None) -> None:
    """Go back to the classifier before this one.

    The gate is not asked: it judged before.
    """
    from db.activations import note_activation
    from db.registry import lock_active, rollback_classifier
    from worker.settings import read_settings

    settings = read_settings()
    with opened_database(settings) as database, database.begin() as session:
        before = lock_active(session)
        found = rollback_classifier(session)
        if found is None:
            raise click.ClickException("there is no earlier classifier to go back to: see `fakesweep classifiers list`")
        require_unaltered(found)
        note_activation(
            session,
            classifier_id=found.id,
            previous_id=before,
            outcome="rolled_back",
            actor=user_name(),
            reason=reason,
        )
    say_activated(found, settings, is_new=True)


@click.command()
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many, from the latest on.")
@json_option
def history(limit: int, json_file: str | None) -> None:
    """Tell who activated what, when and why.

    `--json` gives every figure that was compared.
    """
    from cli.rendering.report_json import write_json
    from db.activations import list_activations

    with opened_database() as database, database.read() as session:
        found = list_activations(session, limit=limit)
    if json_file:
        with open_output(json_file) as stream:
            write_json({"activations": [_as_json(one) for one in found]}, stream)
    if json_file == STDOUT:
        return
    if not found:
        click.echo("No classifier was activated yet: the first scan activates the packaged one.", err=True)
        return
    _print(found)


def _print(found: list[Activation]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from cli.rendering.report_table import console_for

    table = Table("when (UTC)", "classifier", "", "by", "figures", "why", box=SIMPLE_HEAD, pad_edge=False)
    for one in found:
        cells = (
            datetime.fromtimestamp(one.created_at, tz=UTC).strftime("%Y-%m-%d %H:%M"),
            classifier_words(one.classifier),
            _OUTCOMES.get(one.outcome, one.outcome),
            safe_text(one.actor or ""),
            _figures(one.figures),
            safe_text(one.reason or ""),
        )
        table.add_row(*(Text(cell) for cell in cells))
    console_for().print(table)


def _figures(figures: Any) -> str:
    if figures is None:
        return ""
    if "checks" not in figures:
        return "not compared"
    worse = [check for check in figures["checks"] if check["fault"] is not None]
    total = len(figures["checks"])
    return f"{len(worse)} of {total} too much worse" if worse else f"none of {total} too much worse"


def _as_json(one: Activation) -> dict[str, Any]:
    def named(classifier: RegisteredClassifier) -> dict[str, Any]:
        return {name: getattr(classifier, name) for name in ("id", "name", "version", "sha256")}

    return {
        "id": one.id,
        "at": datetime.fromtimestamp(one.created_at, tz=UTC).isoformat(timespec="seconds"),
        "classifier": named(one.classifier),
        "previous": None if one.previous is None else named(one.previous),
        "outcome": one.outcome,
        "by": one.actor,
        "reason": one.reason,
        "evaluation_set": one.set_sha256,
        "figures": one.figures,
    }
