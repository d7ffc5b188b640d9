"""What a run says, kept."""

from pathlib import Path

from training.run_log import RunLog


def test_everything_said_is_kept_in_order(tmp_path: Path) -> None:
    """Lines from before the place was known, after it, and of an interrupted run, each with its time."""
    said: list[str] = []
    interrupted = RunLog(said.append)
    interrupted("first")
    interrupted.keep_in(tmp_path)
    resumed = RunLog(said.append)
    resumed("second")
    resumed.keep_in(tmp_path)
    resumed("third")
    (tmp_path / "bundle").mkdir()

    resumed.copy_to(tmp_path / "bundle")

    assert said == ["first", "second", "third"]
    lines = (tmp_path / "bundle" / "training-log.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split("  ")[1] for line in lines] == ["first", "second", "third"]


def test_a_name_cannot_forge_a_line(tmp_path: Path) -> None:
    """A file whose name holds a line break or an escape is one line of the log."""
    log = RunLog(lambda _line: None)
    log.keep_in(tmp_path)

    log("skipped a\n2026-01-01 00:00:00  forged\x1b[2J: no face")

    written = (tmp_path / "training-log.txt").read_text(encoding="utf-8")
    assert written.endswith("skipped a\\n2026-01-01 00:00:00  forged\\x1b[2J: no face\n")
    assert written.count("\n") == 1
