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
