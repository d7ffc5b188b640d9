"""What cannot be explained says why, before anything is written."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from cli.opening import manifest_sha256
from db.outcomes import Outcome
from db.registry import register_classifier
from db.session import Database
from tests.bundles import build_bundle
from tests.seeding import end_scan, judged, scan_ids, seed_batch, seed_classifier


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written without a path lands in the test's own directory."""
    monkeypatch.chdir(tmp_path)


def explain(*arguments: str) -> Result:
    """The command's result; an error that it does not expect fails the test."""
    result = CliRunner().invoke(main, ["show", *arguments, "--explain"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (Outcome(state="no_face"), "no face was found in it"),
        (Outcome(state="unreadable", reason="not_a_video", detail="text"), "was not judged (unreadable, not_a_video)"),
        (None, "was not judged yet"),
    ],
)
def test_a_video_without_a_verdict(database: Database, tmp_path: Path, outcome: Outcome | None, message: str) -> None:
    """There is nothing to explain, and nothing is written."""
    (scan_id,) = scan_ids(database, seed_batch(database, seed_classifier(database), ["a"]))
    if outcome is not None:
        end_scan(database, scan_id, outcome)

    result = explain("/videos/a.mp4")

    assert result.exit_code == 1
    assert message in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_classifier_that_is_gone(database: Database) -> None:
    """Only the classifier that judged can say why."""
    (scan_id,) = scan_ids(database, seed_batch(database, seed_classifier(database), ["a"]))
    end_scan(database, scan_id, judged(0.9))

    result = explain("/videos/a.mp4")

    assert result.exit_code == 1
    assert "no classifier with the hash" in result.stderr
    assert "/classifiers/1" in result.stderr


def test_a_video_that_is_gone_or_another(database: Database, tmp_path: Path) -> None:
    """Every known place is named with what is there now; a file of the same name but another content is not taken."""
    bundle = build_bundle(tmp_path / "bundle")
    sha256 = manifest_sha256(bundle)
    with database.begin() as session:
        manifest = {"name": "red", "version": "1", "thresholds": {"mean": {"real_below": 0.3, "fake_from": 0.8}}}
        classifier_id = register_classifier(session, manifest=manifest, path=str(bundle), sha256=sha256)
    (scan_id,) = scan_ids(database, seed_batch(database, classifier_id, ["a"]))
    end_scan(database, scan_id, judged(0.9))
    # One byte, as "a" has, but another one.
    (tmp_path / "1").write_text("b")

    result = explain("1")

    assert result.exit_code == 1
    assert "/videos/a.mp4: missing" in result.stderr
    assert f"{tmp_path / '1'}: it holds another content now" in result.stderr
    assert "fakesweep scan" in result.stderr


@pytest.mark.parametrize("option", [["--output", "why"], ["--faces", "3"], ["--grad-cam", "last"]])
def test_how_to_explain_without_explaining(database: Database, option: list[str]) -> None:
    """The option alone would do nothing, so it is refused."""
    result = CliRunner().invoke(main, ["show", "1", *option])

    assert result.exit_code == 2
    assert "add --explain" in result.stderr
