"""Finds the classifier that a person means, and names it for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from worker.safe_text import safe_text

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from db.registry import RegisteredClassifier

classifier_argument = click.argument("classifier", metavar="CLASSIFIER")


def named_classifier(session: Session, wanted: str) -> RegisteredClassifier:
    """The classifier of this id, version, name or start of a hash; anything else is refused."""
    from db.registry import find_classifier

    found = find_classifier(session, wanted)
    if found is None:
        raise click.ClickException(f"no classifier {wanted!r}: see `fakesweep classifiers list`")
    return found


def classifier_words(classifier: RegisteredClassifier) -> str:
    """Its name, version and the start of its hash."""
    return safe_text(f"{classifier.name} {classifier.version} ({classifier.sha256[:12]})")
