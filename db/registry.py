"""The registered classifiers, and which of them judges new submissions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.clock import db_now
from db.dialects import insert_or
from db.tables.classifiers import Classifier
from db.text import storable


@dataclass(frozen=True)
class RegisteredClassifier:
    """A classifier as the database knows it; times are seconds since the epoch."""

    id: int
    name: str
    version: str
    sha256: str
    path: str
    manifest: dict[str, Any]
    is_active: bool
    created_at: float
    activated_at: float | None


def register_classifier(session: Session, *, manifest: Mapping[str, Any], path: str, sha256: str) -> int:
    """Makes a bundle known, or tells where one that is known lies now.

    Args:
        manifest: the content of its manifest.json.
        path: its directory.
        sha256: of its manifest, hence of all its files.

    Returns:
        Its id.
    """
    told = {"path": path, "manifest": dict(manifest)}
    statement = insert_or(session, Classifier).values(
        name=storable(str(manifest["name"]), limit=200),
        version=storable(str(manifest["version"]), limit=64),
        sha256=sha256,
        active=False,
        created_at=db_now(),
        **told,
    )
    upsert = statement.on_conflict_do_update(index_elements=[Classifier.sha256], set_=told)
    return session.execute(upsert.returning(Classifier.id)).scalar_one()


def active_classifier(session: Session) -> RegisteredClassifier | None:
    """The one that judges new submissions, None where none was activated."""
    return _as_registered(session.scalar(select(Classifier).where(Classifier.active)))


def read_classifier(session: Session, classifier_id: int) -> RegisteredClassifier | None:
    """The classifier with this id."""
    return _as_registered(session.get(Classifier, classifier_id))


def find_classifier(session: Session, wanted: str) -> RegisteredClassifier | None:
    """The classifier that a person means by an id, a version, a name (its newest) or the start of a hash."""
    newest = select(Classifier).order_by(Classifier.id.desc()).limit(1)
    choices = [
        Classifier.version == wanted,
        Classifier.name == wanted,
        Classifier.sha256.startswith(wanted.lower(), autoescape=True),
    ]
    # Nothing larger is an id, on either database.
    if wanted.isdecimal() and len(wanted) <= 18:
        choices.insert(0, Classifier.id == int(wanted))
    for choice in choices:
        found = session.scalar(newest.where(choice))
        if found is not None:
            return _as_registered(found)
    return None


def list_classifiers(session: Session) -> list[RegisteredClassifier]:
    """Every registered classifier, the oldest first."""
    rows = session.scalars(select(Classifier).order_by(Classifier.id))
    return [registered for row in rows if (registered := _as_registered(row)) is not None]


def activate_classifier(session: Session, classifier_id: int) -> int | None:
    """Lets this classifier judge later submissions, and remembers which one did before.

    Returns:
        The one that was active until now, which may be the same; None where none was.
    """
    before = lock_active(session)
    if before == classifier_id:
        return before
    _make_active(session, classifier_id)
    session.execute(update(Classifier).where(Classifier.id == classifier_id).values(previous_id=before))
    return before


def lock_active(session: Session) -> int | None:
    """The id of the active classifier, which stays active until the session's transaction ends."""
    # Of two who activate at once, the second waits for the first.
    rows = session.scalars(
        select(Classifier).order_by(Classifier.id).with_for_update().execution_options(populate_existing=True)
    ).all()
    return next((row.id for row in rows if row.active), None)


def rollback_classifier(session: Session) -> RegisteredClassifier | None:
    """Activates the classifier that was active before the present one.

    Returns:
        The one that is active now; None where there is none to go back to, and nothing was changed.
    """
    previous_id = session.scalar(select(Classifier.previous_id).where(Classifier.active))
    if previous_id is None:
        return None
    # What it followed itself stays as it was, so that the next rollback goes further back.
    _make_active(session, previous_id)
    return read_classifier(session, previous_id)


def _make_active(session: Session, classifier_id: int) -> None:
    # The old one first: the index lets no two be active at any moment.
    session.execute(update(Classifier).where(Classifier.active).values(active=False))
    session.execute(update(Classifier).where(Classifier.id == classifier_id).values(active=True, activated_at=db_now()))


def _as_registered(row: Classifier | None) -> RegisteredClassifier | None:
    if row is None:
        return None
    return RegisteredClassifier(
        id=row.id,
        name=row.name,
        version=row.version,
        sha256=row.sha256,
        path=row.path,
        manifest=row.manifest,
        is_active=row.active,
        created_at=row.created_at,
        activated_at=row.activated_at,
    )
