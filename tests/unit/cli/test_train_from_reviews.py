"""What training takes from this installation, and what it refuses before anything is learnt."""

import hashlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from cli.train_from_reviews import frozen_set, reviewed_items
from db.entries import ContentEntry
from db.evaluation_sets import register_set
from db.known_files import FileStamp, remember_files
from db.reviews import add_review
from db.session import Database
from db.tables.contents import Video
from training.errors import TrainingError


def review(database: Database, path: Path, label: str) -> None:
    """Makes a video known and labels it."""
    content = path.read_bytes()
    entry = ContentEntry(0, FileStamp(bytes(path), len(content), 1), hashlib.sha256(content).hexdigest(), mtime_ns=1)
    with database.begin() as session:
        video = Video(sha256=entry.sha256, size_bytes=len(content), first_seen_at=0.0)
        session.add(video)
        session.flush()
        remember_files(session, {entry.stamp.path: (entry.stamp, video.id)})
        add_review(session, video.id, label=label, reviewer="ada")


def test_reviewed_videos_are_told_and_taken(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is left out is listed with its name made harmless, and a class that is missing is told."""
    for name in ("kept.mp4", "changed\x1b[31m.mp4"):
        (tmp_path / name).write_text(name)
        review(database, tmp_path / name, "fake")
    (tmp_path / "changed\x1b[31m.mp4").write_text("else")

    items = reviewed_items()

    told = capsys.readouterr().out
    assert [item.path.name for item in items] == ["kept.mp4"]
    assert "changed\\x1b[31m.mp4: it is gone, or holds something else now" in told
    assert "1 reviewed videos, of the machine's verdicts: 1 unjudged" in told
    assert "all of them are fake" in told
    assert "\x1b" not in told


@pytest.mark.usefixtures("home")
def test_an_installation_without_a_database_has_no_frozen_set(home: Path) -> None:
    """Looking makes no database."""
    assert frozen_set(must_know=True) is None
    assert not home.exists()


def test_a_frozen_set_that_is_not_here_is_told_or_refused(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever trains for the gate has to have the set at hand; others are told that nothing is left out."""
    with database.begin() as session:
        register_set(session, sha256="ab" * 32, name="n", path="/gone", counts={}, actor=None)

    assert frozen_set(must_know=False) is None
    assert "is not left out" in capsys.readouterr().out
    with pytest.raises(TrainingError, match="fakesweep classifiers freeze"):
        frozen_set(must_know=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--activate", "--no-final"], "--activate needs a bundle"),
        (["--force"], "add --activate"),
        (["--margin", "auc=0.1"], "add --activate"),
        (["--from-reviews", "--replay", "1"], "--replay"),
    ],
)
def test_options_that_contradict_each_other_are_refused(home: Path, options: list[str], words: str) -> None:
    """A mistake costs no training."""
    result = CliRunner().invoke(main, ["train", "--data", str(home.parent), *options])

    assert result.exit_code == 2
    assert words in result.stderr
