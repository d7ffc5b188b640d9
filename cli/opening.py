"""Opens what commands work on: the settings, the database, and the classifier that judges new submissions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from worker.settings import Settings, read_settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from db.registry import RegisteredClassifier
    from db.session import Database


@contextmanager
def opened_database(settings: Settings | None = None) -> Iterator[Database]:
    """The database with this version's tables; SQLite gets them by itself, a server only by `db upgrade`.

    Raises:
        DatabaseError: it does not answer, or its tables are missing, older or newer.
    """
    from db.schema import check_schema, upgrade_database
    from db.session import open_database

    database = open_database((settings or read_settings()).effective_database_url)
    try:
        if database.is_sqlite:
            upgrade_database(database)
        else:
            check_schema(database)
        yield database
    finally:
        database.dispose()


def classifier_for_submission(session: Session, settings: Settings) -> RegisteredClassifier:
    """The verified classifier that judges what is submitted now, registered where it was not yet.

    FAKESWEEP_CLASSIFIER goes first, then the active one; where none is, the packaged one is activated. A
    newer package brings a newer packaged classifier, which takes the place of its older self.

    Raises:
        BundleError: its files are missing or altered.
    """
    if settings.classifier is not None:
        return register_bundle(session, Path(settings.classifier))
    found = active_or_packaged(session)
    # The packaged one was verified a moment ago.
    if Path(found.path) != default_bundle():
        require_unaltered(found)
    return found


def active_or_packaged(session: Session) -> RegisteredClassifier:
    """The active classifier; where none is, the packaged one is activated, as in place of its own older self.

    Raises:
        BundleError: the packaged one is missing or altered. Of another, the files are not looked at.
    """
    from db.activations import note_activation
    from db.registry import activate_classifier, active_classifier

    active = active_classifier(session)
    if active is not None and Path(active.path) != default_bundle():
        return active
    registered = register_bundle(session, default_bundle())
    before = activate_classifier(session, registered.id)
    if before != registered.id:
        note_activation(session, classifier_id=registered.id, previous_id=before, outcome="packaged")
    return registered


def bundle_in_use(settings: Settings) -> Path:
    """The directory of the classifier that judges: the configured one, else the active one, else the packaged one."""
    from db.registry import active_classifier

    if settings.classifier is not None:
        return Path(settings.classifier)
    if has_no_database_yet(settings):
        return default_bundle()
    with opened_database(settings) as database, database.read() as session:
        active = active_classifier(session)
    return default_bundle() if active is None else Path(active.path)


def has_no_database_yet(settings: Settings) -> bool:
    """Whether the embedded database was never made; looking does not make it."""
    return settings.database_url is None and not (settings.home / "fakesweep.db").exists()


def default_bundle() -> Path:
    """Where the packaged classifier lies."""
    import worker.classifiers

    return Path(worker.classifiers.__file__).parent / "default"


def register_bundle(session: Session, directory: Path) -> RegisteredClassifier:
    """Verifies a bundle and makes it known to the database.

    Raises:
        BundleError: its files are missing or altered.
    """
    from db.registry import read_classifier, register_classifier
    from worker.pipeline.bundle import verify_bundle

    path = directory.absolute()
    manifest = verify_bundle(path)
    classifier_id = register_classifier(
        session, manifest=manifest.to_json(), path=str(path), sha256=manifest_sha256(path)
    )
    registered = read_classifier(session, classifier_id)
    if registered is None:
        raise RuntimeError(f"classifier {classifier_id} was registered and is not there")
    return registered


def manifest_sha256(directory: Path) -> str:
    """The hash that names a bundle: its manifest's, which holds the hashes of its files."""
    from worker.pipeline.bundle import MANIFEST_FILE

    return hashlib.sha256((directory / MANIFEST_FILE).read_bytes()).hexdigest()


def require_unaltered(classifier: RegisteredClassifier) -> None:
    """Makes sure that a registered classifier still lies where it was, byte for byte.

    Raises:
        BundleError: its files are missing, or others than when it was registered.
    """
    from worker.pipeline.bundle import verify_bundle
    from worker.pipeline.errors import BundleError

    path = Path(classifier.path)
    verify_bundle(path)
    if manifest_sha256(path) != classifier.sha256:
        raise BundleError(
            f"the classifier {classifier.name} {classifier.version} at {path} was replaced since it was "
            "registered: import it again with `fakesweep classifiers import`, or activate another"
        )
