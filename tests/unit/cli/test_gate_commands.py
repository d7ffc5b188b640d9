"""A new classifier is activated only if it is no worse than the active one on what was frozen."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

import cli.gating
import training.examination
from cli.main import main
from db.registry import activate_classifier
from db.session import open_database
from tests.bundles import build_bundle
from tests.unit.training.faces import DrawnFaceDetector, draw_face

COUNT = 10
NAMES = ("face", "mean", "top-k", "confident", "max-track", "image")
# As good a ranking, but nothing is called fake any more.
SILENT = {name: {"slope": 1.0, "intercept": -15.0} for name in NAMES}


@pytest.fixture(autouse=True)
def _examined(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation of our own, and a detector that finds drawn faces."""
    monkeypatch.setenv("LOGNAME", "ada")
    monkeypatch.setattr(training.examination, "FaceDetector", DrawnFaceDetector)


@pytest.fixture
def first(tmp_path: Path) -> None:
    """The active classifier is version 1, forced over the packaged one."""
    bundle = build_bundle(tmp_path / "one", version="1")
    forced = run("import", bundle, "--activate", "--force", "--reason", "the first of ours")
    assert forced.exit_code == 0, forced.output


def run(*arguments: str | Path) -> Result:
    """`fakesweep classifiers` in this process."""
    return CliRunner().invoke(main, ["classifiers", *map(str, arguments)])


def write_tinted_faces(root: Path, *, seed: int = 0) -> Path:
    """Ten blue real and ten red fake pictures: red is what the bundles of the tests call fake."""
    for label, tint in (("real", (0.4, 0.7, 1.0)), ("fake", (1.0, 0.7, 0.4))):
        folder = root / label / f"tinted_{label}"
        folder.mkdir(parents=True)
        for number in range(COUNT):
            picture = draw_face(seed + number + (label == "fake") * COUNT, is_fake=False) * np.array(tint)
            cv2.imwrite(str(folder / f"{number}.png"), np.ascontiguousarray(picture[:, :, ::-1]))
    return root


def active() -> str:
    """The version that judges."""
    listed = json.loads(run("list", "--json", "-").stdout)["classifiers"]
    return str(next(entry["version"] for entry in listed if entry["active"]))


def history() -> list[dict[str, Any]]:
    """What was activated, the latest first."""
    found: list[dict[str, Any]] = json.loads(run("history", "--json", "-").stdout)["activations"]
    return found


@pytest.mark.usefixtures("first")
def test_without_a_frozen_set_only_force_activates(tmp_path: Path) -> None:
    """Nothing can tell whether a classifier is worse: the message says what to do, and the refusal is recorded."""
    refused = run("import", build_bundle(tmp_path / "other", version="2"), "--activate")
    told = history()

    assert refused.exit_code == 1
    assert "no evaluation set is frozen" in refused.stderr
    assert "fakesweep classifiers freeze DIR" in refused.stderr
    assert active() == "1"
    assert [(one["outcome"], one["classifier"]["version"], one["by"], one["reason"]) for one in told[:2]] == [
        ("refused", "2", "ada", None),
        ("forced", "1", "ada", "the first of ours"),
    ]
    assert told[-1]["outcome"] == "packaged"
    assert "no evaluation set" in told[0]["figures"]["obstacle"]
    assert run("freeze").stdout == "No evaluation set is frozen.\n"


@pytest.mark.slow
@pytest.mark.usefixtures("first")
def test_an_equal_one_passes(tmp_path: Path) -> None:
    """The table shows what was compared, the history keeps it, and the new one judges."""
    frozen = run("freeze", write_tinted_faces(tmp_path / "examination"))

    passed = run("import", build_bundle(tmp_path / "equal", version="equal"), "--activate")

    assert frozen.exit_code == 0, frozen.stderr
    assert "examination (" in frozen.stdout
    assert "10 fake pictures, 10 real pictures" in frozen.stdout
    assert passed.exit_code == 0, passed.stderr
    assert "10 real, 10 fake pictures" in passed.stdout
    assert active() == "equal"
    latest = history()[0]
    assert (latest["outcome"], latest["previous"]["version"]) == ("passed", "1")
    assert [check["fault"] for check in latest["figures"]["checks"]] == [None] * 5
    assert run("activate", "equal").stderr.endswith("judges new submissions already.\n")
    assert len(history()) == 3


@pytest.mark.slow
@pytest.mark.usefixtures("first")
def test_a_worse_one_is_refused_unless_forced(tmp_path: Path) -> None:
    """A refusal changes nothing; force is recorded with who, why and the figures; a rollback needs no gate."""
    run("freeze", write_tinted_faces(tmp_path / "examination"))

    refused = run("import", build_bundle(tmp_path / "worse", version="worse", calibration=SILENT), "--activate")
    after_refused = active()
    forced = run("activate", "worse", "--force", "--reason", "to see it\x1b[31m fail")
    after_forced = active()
    rolled_back = run("rollback", "--reason", "it failed")
    told = history()

    assert refused.exit_code == 1
    assert "worse" in refused.stdout
    assert "--force" in refused.stderr
    # Judged once, for the refusal.
    assert "Judging the frozen set" in refused.stderr
    assert "Judging the frozen set" not in forced.stderr
    assert rolled_back.exit_code == 0, rolled_back.stderr
    assert [after_refused, after_forced, active()] == ["1", "worse", "1"]
    assert [(one["outcome"], one["classifier"]["version"], one["reason"]) for one in told[:3]] == [
        ("rolled_back", "1", "it failed"),
        ("forced", "worse", "to see it\x1b[31m fail"),
        ("refused", "worse", None),
    ]
    called = next(check for check in told[1]["figures"]["checks"] if check["figure"] == "fakes_called")
    assert (called["active"], called["candidate"], called["fault"]) == (1.0, 0.0, "worse")
    assert told[1]["evaluation_set"] == told[2]["evaluation_set"] is not None
    assert "\x1b" not in run("history").stdout


@pytest.mark.slow
@pytest.mark.usefixtures("first")
def test_margins_can_be_stated(tmp_path: Path) -> None:
    """Whoever says that so much worse is no harm is let through without force."""
    run("freeze", write_tinted_faces(tmp_path / "examination"))
    bundle = build_bundle(tmp_path / "worse", version="worse", calibration=SILENT)
    wide = ["--margin", "balanced_accuracy=0.5", "--margin", "calibration_error=1", "--margin", "fakes_called=1"]

    passed = run("import", bundle, "--activate", *wide)

    assert passed.exit_code == 0, passed.output
    assert history()[0]["figures"]["margins"]["balanced_accuracy"] == 0.5


@pytest.mark.parametrize(
    ("margin", "words"),
    [
        ("auc", "no FIGURE=VALUE"),
        ("auc=much", "no FIGURE=VALUE"),
        ("speed=0.1", "no margin for 'speed'"),
        ("auc=7", "0 and 1"),
    ],
)
def test_a_wrong_margin_is_refused_at_once(margin: str, words: str) -> None:
    """A typing error costs no judging."""
    result = run("activate", "1", "--margin", margin)

    assert result.exit_code == 2
    assert words in result.stderr


@pytest.mark.usefixtures("first")
def test_a_frozen_set_that_drifted_is_refused(home: Path, tmp_path: Path) -> None:
    """One more byte in one picture and nothing is compared on the set any more; force records why."""
    run("freeze", write_tinted_faces(tmp_path / "examination"))
    picture = next((home / "evaluation").glob("*/*.png"))
    picture.chmod(0o644)
    picture.write_bytes(picture.read_bytes() + b"!")

    refused = run("import", build_bundle(tmp_path / "equal", version="equal"), "--activate")
    after_refused = active()
    forced = run("activate", "equal", "--force")

    assert refused.exit_code == 1
    assert "altered" in refused.stderr
    assert after_refused == "1"
    assert forced.exit_code == 0, forced.stderr
    assert "altered" in history()[0]["figures"]["obstacle"]


@pytest.mark.usefixtures("first")
def test_an_active_classifier_that_is_gone_can_be_replaced(home: Path, tmp_path: Path) -> None:
    """Where the active bundle cannot be judged any more, nothing is compared, but force still helps."""
    run("freeze", write_tinted_faces(tmp_path / "examination"))
    for place in (tmp_path / "one", *(home / "classifiers").iterdir()):
        shutil.rmtree(place)

    refused = run("import", build_bundle(tmp_path / "other", version="other"), "--activate")
    forced = run("activate", "other", "--force")

    assert refused.exit_code == 1
    assert "no classifier with the hash" in refused.stderr
    assert forced.exit_code == 0, forced.stderr
    assert active() == "other"


def test_another_set_needs_a_word(tmp_path: Path) -> None:
    """The examination is not exchanged by accident, and the same one may be frozen again."""
    first_set, second_set = (write_tinted_faces(tmp_path / f"set {seed}", seed=seed) for seed in (100, 200))
    run("freeze", first_set)

    again = run("freeze", first_set)
    other = run("freeze", second_set)
    kept = run("freeze").stdout
    replaced = run("freeze", second_set, "--replace", "--name", "better")

    assert again.exit_code == 0, again.stderr
    assert other.exit_code == 1
    assert "--replace" in other.stderr
    assert kept.startswith("set 100 (")
    assert replaced.stdout.startswith("better (")
    assert "by ada" in run("freeze").stdout


def test_force_without_activating_is_a_mistake(tmp_path: Path) -> None:
    """An option that would do nothing is not taken."""
    result = run("import", tmp_path, "--force")

    assert result.exit_code == 2
    assert "add --activate" in result.stderr


@pytest.mark.usefixtures("first")
def test_only_one_of_two_activations_at_once_counts(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was compared with a classifier that is not active any more is not let through."""
    compare = cli.gating.find_worse

    def overtaken(*arguments: Any) -> Any:
        finding = compare(*arguments)
        database = open_database(f"sqlite:///{home / 'fakesweep.db'}")
        with database.begin() as session:
            # The packaged one was registered second, and is not active.
            activate_classifier(session, 2)
        database.dispose()
        return finding

    monkeypatch.setattr(cli.gating, "find_worse", overtaken)

    result = run("import", build_bundle(tmp_path / "other", version="2"), "--activate", "--force")

    assert result.exit_code == 1
    assert "activated meanwhile" in result.stderr
    assert active() not in ("1", "2")
    assert [one["outcome"] for one in history()] == ["forced", "packaged"]
