"""scripts/bench: the stages of each video beside ffmpeg alone, on a tiny classifier."""

import json
from pathlib import Path

import pytest

from scripts.parts import bench
from scripts.parts.demo_videos import make_demo_videos
from tests.bundles import build_bundle
from worker.pipeline.results import STAGES


@pytest.mark.slow
def test_measures_every_stage_beside_ffmpeg_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each video has its stages and the seconds of ffmpeg alone, the sums agree, and bad files are named."""
    make_demo_videos(tmp_path / "videos", only=["real-vp9.webm", "nobody-h264.mp4"])
    (tmp_path / "videos" / "broken.mp4").write_text("no video")
    monkeypatch.setenv("FAKESWEEP_CLASSIFIER", str(build_bundle(tmp_path / "bundle")))

    status = bench.main([str(tmp_path / "videos"), "--preset", "fast", "--json", str(tmp_path / "bench.json")])

    assert status == 0
    report = json.loads((tmp_path / "bench.json").read_text())
    by_name = {Path(video["path"]).name: video for video in report["videos"]}
    assert by_name.pop("broken.mp4")["reason"] == "not_a_video"
    assert {name: video["frames"] for name, video in by_name.items()} == {"real-vp9.webm": 8, "nobody-h264.mp4": 8}
    assert all(video["ffmpeg_alone_s"] > 0 for video in by_name.values())
    totals = report["totals"]
    assert totals["videos"] == 2
    for stage in (*STAGES, "total"):
        assert totals[f"{stage}_s"] == pytest.approx(sum(video["seconds"][stage] for video in by_name.values()))
    assert totals["videos_per_minute"] > 0
    assert {"processor", "cores", "openvino", "load_before"} <= set(report["machine"])
    assert "videos a minute" in capsys.readouterr().out


def test_says_when_there_is_nothing_to_measure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A directory without videos is wrong usage."""
    assert bench.main([str(tmp_path)]) == 2
    assert "no video" in capsys.readouterr().err
