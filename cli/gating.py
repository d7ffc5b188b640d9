"""Takes a classifier through the gate: both are judged on the frozen set, and what came of it is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from cli.account import user_name
from cli.classifier_names import classifier_words
from cli.opening import active_or_packaged
from worker.safe_text import safe_text

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from db.activations import Outcome
    from db.evaluation_sets import EvaluationSet
    from db.registry import RegisteredClassifier
    from db.session import Database
    from training.gate import Comparison
    from worker.settings import Settings

NO_SET = "no evaluation set is frozen, so nothing can tell whether it is worse than the active one"


@dataclass(frozen=True)
class Wish:
    """How somebody wants a classifier to be let through.

    Args:
        is_forced: whatever the gate says.
        reason: why, in a sentence.
        margins: by figure; the others have their defaults.
        actor: who wants it; the account's user where None.
    """

    is_forced: bool = False
    reason: str | None = None
    margins: Mapping[str, float] = field(default_factory=dict)
    actor: str | None = None


@dataclass(frozen=True)
class Finding:
    """What the gate found: a comparison on a frozen set, or what stood in its way."""

    frozen: EvaluationSet | None
    comparison: Comparison | None
    obstacle: str | None = None

    @property
    def is_passed(self) -> bool:
        """Whether there was a comparison, and it was good."""
        return self.comparison is not None and self.comparison.is_passed

    def to_json(self) -> dict[str, Any]:
        """As the database keeps it."""
        return {"obstacle": self.obstacle} if self.comparison is None else self.comparison.to_json()


def activate_through_gate(database: Database, settings: Settings, candidate: RegisteredClassifier, wish: Wish) -> bool:
    """Activates a verified classifier that is no worse than the active one, or that is forced; writes down either.

    Returns:
        False where it was active already, and nothing was done.

    Raises:
        click.ClickException: it is refused, or another one was activated meanwhile.
    """
    with database.begin() as session:
        incumbent = active_or_packaged(session)
    if incumbent.id == candidate.id:
        return False
    finding = find_worse(database, settings, incumbent, candidate, wish)
    if finding.comparison is not None:
        print_comparison(finding.comparison, incumbent, candidate)
    if finding.is_passed or wish.is_forced:
        _activate(database, incumbent, candidate, wish, finding)
        return True
    with database.begin() as session:
        _note(session, incumbent, candidate, wish, finding, "refused")
    raise click.ClickException(_refusal(candidate, finding))


def find_worse(
    database: Database, settings: Settings, incumbent: RegisteredClassifier, candidate: RegisteredClassifier, wish: Wish
) -> Finding:
    """Compares both on the frozen set.

    Raises:
        TrainingError: the frozen set is not here, altered, or too small, and nobody forces.
        BundleError: a bundle is missing or altered, and nobody forces.
    """
    from cli.frozen import find_frozen_set, scores_of
    from db.evaluation_sets import current_set
    from training.errors import TrainingError
    from training.gate import compare_scores
    from training.margins import Margins
    from worker.pipeline.errors import PipelineError

    with database.read() as session:
        frozen = current_set(session)
    if frozen is None:
        return Finding(None, None, NO_SET)
    try:
        files = find_frozen_set(frozen, settings)
        active, new = (scores_of(database, settings, frozen, files, one) for one in (incumbent, candidate))
        return Finding(frozen, compare_scores(active, new, margins=Margins(wish.margins)))
    except (TrainingError, PipelineError) as error:
        if not wish.is_forced:
            raise
        click.echo(safe_text(f"Not compared: {error}"), err=True)
        return Finding(frozen, None, str(error))


def print_comparison(comparison: Comparison, active: RegisteredClassifier, candidate: RegisteredClassifier) -> None:
    """The figures of both as a table."""
    from cli.rendering.gate_table import gate_table
    from cli.rendering.report_table import console_for

    console = console_for()
    console.print(f"active: {classifier_words(active)}\nnew:    {classifier_words(candidate)}")
    console.print(gate_table(comparison.to_json()))
    if comparison.left_out:
        console.print(f"Files that only one of them has judged, left out: {comparison.left_out}.")


def _activate(
    database: Database, incumbent: RegisteredClassifier, candidate: RegisteredClassifier, wish: Wish, finding: Finding
) -> None:
    from db.registry import activate_classifier

    with database.begin() as session:
        if activate_classifier(session, candidate.id) != incumbent.id:
            # The exception undoes it: what was compared is not what judges now.
            raise click.ClickException("another classifier was activated meanwhile: run the same command again")
        _note(session, incumbent, candidate, wish, finding, "passed" if finding.is_passed else "forced")


def _note(
    session: Session,
    incumbent: RegisteredClassifier,
    candidate: RegisteredClassifier,
    wish: Wish,
    finding: Finding,
    outcome: Outcome,
) -> None:
    from db.activations import note_activation

    note_activation(
        session,
        classifier_id=candidate.id,
        previous_id=incumbent.id,
        outcome=outcome,
        actor=wish.actor or user_name(),
        reason=wish.reason,
        set_id=None if finding.frozen is None else finding.frozen.id,
        figures=finding.to_json(),
    )


def _refusal(candidate: RegisteredClassifier, finding: Finding) -> str:
    name = classifier_words(candidate)
    if finding.comparison is None:
        return (
            f"{name} was not activated: {finding.obstacle}. Freeze labelled material that neither has learnt from with"
            " `fakesweep classifiers freeze DIR`, or let it through by --force, which is recorded"
        )
    faults = sum(check.fault is not None for check in finding.comparison.checks)
    return (
        f"{name} was not activated: {faults} of {len(finding.comparison.checks)} figures are worse than their margins"
        " allow. Widen a margin with --margin FIGURE=VALUE, or let it through by --force, which is recorded"
    )
