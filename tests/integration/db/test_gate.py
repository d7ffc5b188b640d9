"""What the gate needs to remember is remembered, on both databases."""

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from db.activations import list_activations, note_activation
from db.evaluation_sets import current_set, read_scores, register_set, save_scores
from db.migrations.running import present_revision
from db.registry import activate_classifier, lock_active
from db.schema import MIGRATIONS, upgrade_database
from db.session import Database
from tests.seeding import seed_classifier

SCORES = [{"file": "a.png", "score": 0.25}]


def _freeze(database: Database, sha256: str, path: str = "/sets/one") -> int:
    with database.begin() as session:
        return register_set(session, sha256=sha256, name="street", path=path, counts={"real images": 3}, actor="ada\0")


def test_the_set_frozen_last_counts(database: Database) -> None:
    """Another set takes the place of the first, and freezing the first again brings it back, at its new place."""
    first = _freeze(database, "aa")
    second = _freeze(database, "bb")
    with database.read() as session:
        after_second = current_set(session)
    again = _freeze(database, "aa", path="/sets/moved")
    with database.read() as session:
        after_first = current_set(session)

    assert first == again != second
    assert after_second is not None
    assert after_second.sha256 == "bb"
    assert after_first is not None
    assert (after_first.sha256, after_first.path, after_first.counts) == ("aa", "/sets/moved", {"real images": 3})
    assert after_first.frozen_by == "ada\N{REPLACEMENT CHARACTER}"


def test_no_set_at_first(database: Database) -> None:
    """A new installation has no frozen set."""
    with database.read() as session:
        assert current_set(session) is None


def test_scores_are_kept_by_classifier_set_and_protocol(database: Database) -> None:
    """What was scored under another protocol is not found, and scoring again replaces what was kept."""
    classifier, frozen = seed_classifier(database), _freeze(database, "aa")
    key = {"classifier_id": classifier, "set_id": frozen}
    with database.begin() as session:
        save_scores(session, **key, protocol="1", scores=[])
        save_scores(session, **key, protocol="1", scores=SCORES)
    with database.read() as session:
        found = read_scores(session, **key, protocol="1")
        other = read_scores(session, **key, protocol="2")

    assert (found, other) == (SCORES, None)


def test_activations_are_told_latest_first(database: Database) -> None:
    """Each attempt keeps who, why, and the figures, whatever became of it."""
    first, second = seed_classifier(database, version="1"), seed_classifier(database, version="2")
    frozen = _freeze(database, "aa")
    with database.begin() as session:
        note_activation(session, classifier_id=first, previous_id=None, outcome="packaged")
        note_activation(
            session,
            classifier_id=second,
            previous_id=first,
            outcome="refused",
            actor="ada",
            reason="a try",
            set_id=frozen,
            figures={"checks": []},
        )
    with database.read() as session:
        refused, packaged = list_activations(session)
        only_one = list_activations(session, limit=1)

    assert (refused.classifier.id, refused.outcome, refused.actor, refused.reason) == (
        second,
        "refused",
        "ada",
        "a try",
    )
    assert (refused.set_sha256, refused.figures) == ("aa", {"checks": []})
    assert refused.previous is not None
    assert refused.previous.id == first
    assert (packaged.previous, packaged.figures, packaged.set_sha256) == (None, None, None)
    assert only_one == [refused]


def test_activating_tells_which_one_was_active(database: Database) -> None:
    """The one before is what `lock_active` saw, and activating the active one says so."""
    first, second = seed_classifier(database, version="1"), seed_classifier(database, version="2")
    with database.begin() as session:
        seen = lock_active(session)
        before = activate_classifier(session, first)
        same = activate_classifier(session, first)

    assert (seen, before, same) == (second, second, first)


def test_rows_of_the_first_revision_survive_the_second(database: Database) -> None:
    """Going back to the first revision and forward again keeps the classifiers."""
    seed_classifier(database)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        before = present_revision(connection)
    upgraded = upgrade_database(database)
    with database.read() as session:
        kept = session.execute(text("SELECT count(*) FROM classifiers")).scalar_one()

    assert (before, upgraded, kept) == ("0001", True, 1)
