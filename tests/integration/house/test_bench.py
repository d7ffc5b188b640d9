"""scripts/bench: each part runs, and its figures add up."""

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from sqlalchemy import select

from db.progress import read_progress
from db.reports import open_report
from db.session import Database
from db.tables.scans import Scan
from db.videos import find_videos
from scripts.parts import bench
from scripts.parts.bench_archive import BATCH_ID, ArchivedVideo, count_frames, fill_archive
from scripts.parts.bench_engines import engines_here, measure_engines, print_engines
from scripts.parts.bench_networks import kept_calls, seconds_alone
from scripts.parts.bench_reading import bytes_in_memory, drop_from_memory
from scripts.parts.demo_videos import make_demo_videos
from tests.bundles import build_bundle
from tests.seeding import end_scan, judged, scan_ids, seed_batch, seed_classifier
from worker.pipeline.keras_classifier import KerasNetwork
from worker.pipeline.openvino_classifier import OpenvinoNetwork
from worker.pipeline.results import STAGES


@pytest.mark.slow
def test_measures_every_stage_beside_ffmpeg_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each video has its stages and the seconds of ffmpeg alone, the sums agree, and bad files are named."""
    make_demo_videos(tmp_path / "videos", only=["real-vp9.webm", "nobody-h264.mp4"])
    (tmp_path / "videos" / "broken.mp4").write_text("no video")
    monkeypatch.setenv("FAKESWEEP_CLASSIFIER", str(build_bundle(tmp_path / "bundle")))

    words = ["--part", "stages", "--preset", "fast", "--json", str(tmp_path / "bench.json")]
    status = bench.main([str(tmp_path / "videos"), *words])

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


@pytest.mark.drill
def test_measures_the_batch_beside_its_limit_and_what_does_not_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The parts that judge run whole on small sizes, and their ratios are made of what was measured."""
    make_demo_videos(tmp_path / "videos", only=["real-vp9.webm", "real-h264-720p.mp4"])
    monkeypatch.setattr(bench, "DEMO", tmp_path / "videos")
    parts = [word for part in ("batch", "growth", "flat", "cold", "watching") for word in ("--part", part)]
    sizes = ["--kind", "embedded", "--preset", "fast", "--flat-videos", "51", "--pages", "1"]
    sizes += ["--longest", "10 min", "--largest", "1080p", "--batch-rounds", "2"]

    status = bench.main([str(tmp_path / "videos"), *parts, *sizes, "--json", str(tmp_path / "bench.json")])

    assert status == 0
    report = json.loads((tmp_path / "bench.json").read_text())
    assert [run["counts"] for run in report["batch"]] == [{"judged": 2}] * 2
    last = report["batch"][-1]
    alone = last["alone"]
    assert alone["videos"] == 2
    assert min(alone[name] for name in ("decode_s", "detect_s", "classify_s")) > 0
    # More than the limit, or the limit was not one; both ran on a machine that others may have slowed at either time.
    assert report["ratio_to_limit"] == last["ratio_to_limit"] > 0.3
    ratios = [one["whole_s"] / one["limit_s"] for one in last["rounds"]]
    assert last["ratio_to_limit"] == pytest.approx(sum(ratios) / 2, abs=0.01)
    long = {one["length"]: one for one in report["growth"] if one["size"] == "1080p"}
    assert long.keys() == {"10 s", "1 min", "10 min"}
    assert all(one["faces"] >= 12 for one in report["growth"])
    assert report["growth_10min_over_1min"] > 0
    if long["10 min"]["read_share"] is not None:
        assert long["10 min"]["read_share"] < 0.5
    assert 100 < report["peak_memory_mb"] < 600
    assert report["flat"]["videos"] == 51
    assert report["cold"]["to_end_s"] >= report["cold"]["to_verdict_s"] > 0
    watching = report["watching"]
    assert (watching["pages"], len(watching["alone_s"]), len(watching["watched_s"])) == (1, 3, 3)
    assert watching["watched_over_alone"] > 0.3
    assert watching["pages_drawn_per_minute"] > 0
    assert "growth" in capsys.readouterr().out


@pytest.mark.slow
def test_measures_the_networks_on_every_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each network in each precision, and larger batches as a GPU takes them; TensorFlow runs on a processor, too."""
    monkeypatch.setenv("FAKESWEEP_CLASSIFIER", str(build_bundle(tmp_path / "bundle", with_keras=True)))

    figures = measure_engines(rounds=1, engines=("processor", "tensorflow"))
    print_engines(figures, Console())

    measured = {(one["network"], one["engine"], one["precision"], one["batch"]) for one in figures["engines"]}
    assert {("detector", "processor", "float32", 1), ("classifier", "processor", "float32", 8)} <= measured
    assert {("detector", "tensorflow", "float16", batch) for batch in (1, 4, 16)} <= measured
    assert {("classifier", "tensorflow", "float32", batch) for batch in (1, 8, 32, 128)} <= measured
    for one in figures["engines"]:
        assert one["ms_a_picture"] * one["pictures_a_second"] == pytest.approx(1000, rel=0.05)
    assert "tensorflow" in capsys.readouterr().out
    assert engines_here()[0] == "processor"


@pytest.mark.slow
def test_what_a_network_was_given_runs_again(tmp_path: Path) -> None:
    """On both engines: the limit is measured with the very pictures that were judged, though they were overwritten."""
    bundle = build_bundle(tmp_path / "bundle", with_keras=True)
    networks = [
        OpenvinoNetwork(bundle / "classifier.xml", size_px=224, threads=1),
        KerasNetwork(bundle / "classifier.keras", size_px=224),
    ]
    crops = np.zeros((3, 224, 224, 3), np.uint8)
    crops[1:, ..., 0] = 255

    with kept_calls() as calls:
        logits = [network.run(crops)[0].ravel().tolist() for network in networks]
        crops[:] = 0

    assert logits == [pytest.approx([0.0, 10.0, 10.0], abs=1e-3)] * 2
    assert [call.is_classifier for call in calls] == [True, True]
    assert seconds_alone(calls) > 0
    of_openvino, of_keras = (call.again() for call in calls)
    assert np.ravel(of_openvino["logit"]).tolist() == pytest.approx(logits[0])
    assert np.ravel(of_keras[0])[:3].tolist() == pytest.approx(logits[1])


def test_what_was_read_of_a_file_is_told(tmp_path: Path) -> None:
    """Reading a piece of a file that nobody holds in memory brings that piece and little more."""
    path = tmp_path / "large"
    path.write_bytes(os.urandom(1 << 24))
    if drop_from_memory(path):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
            file.seek(1 << 20)
            file.read(1 << 16)
        assert 1 << 16 <= bytes_in_memory(path) < 1 << 22

    path.read_bytes()

    assert bytes_in_memory(path) == 1 << 24


@pytest.mark.slow
def test_measures_queue_submission_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The three parts that need no video run on both kinds of installation, and write the keys that are promised."""
    parts = [word for part in ("queue", "submission", "reports") for word in ("--part", part)]
    sizes = ["--jobs", "12", "--files", "30", "--archive-videos", "120", "--rounds", "2"]
    sizes += ["--web-seconds", "1"]

    status = bench.main([*parts, *sizes, "--json", str(tmp_path / "bench.json")])

    assert status == 0
    report = json.loads((tmp_path / "bench.json").read_text())
    runs = [(run["kind"], run["jobs"], run["processes"]) for run in report["queue"]]
    assert runs == [(kind, 12, processes) for kind in ("embedded", "cluster") for processes in (1, 2)]
    assert report["overhead_ms_per_video"] == max(run["overhead_ms_per_video"] for run in report["queue"]) > 0
    submitted = [(run["kind"], run["files"], run["submitted"]) for run in report["submission"]["runs"]]
    assert submitted == [(kind, files, 30) for kind in ("embedded", "cluster") for files in ("new", "known")]
    assert report["report_p95_ms"] == max(
        report["reports"][name]["p95_ms"] for name in ("status", "report --verdict fake --limit 100", "show", "counts")
    )
    assert [stream["format"] for stream in report["streaming"]] == ["csv", "csv", "json", "json"]
    assert report["archive"]["frames"] >= 16 * 100
    assert report["web"]["requests"] >= 100
    assert report["web"]["errors"] == 0
    assert "report --verdict fake --limit 100" in capsys.readouterr().out


def test_an_archive_is_what_it_would_be_had_it_been_judged(database: Database) -> None:
    """Its tallies are right, its videos are found, and what is submitted to it afterwards is judged and counted."""
    fill_archive(database, videos=500)
    with database.read() as session:
        states = Counter(session.scalars(select(Scan.state)))
        assert read_progress(session, BATCH_ID).counts == states
        fakes = open_report(session, BATCH_ID, verdict="fake").whole()["videos"]
        scores = [score for score in session.scalars(select(Scan.score_mean)) if score is not None]
        assert find_videos(session, ArchivedVideo(300).path.decode()) == [300]
        assert find_videos(session, ArchivedVideo(300).sha256) == [300]
    batch_id = seed_batch(database, seed_classifier(database), ["new"])
    (scan_id,) = scan_ids(database, batch_id)
    end_scan(database, scan_id, judged(0.9))

    assert states.keys() == {"judged", "no_face", "unreadable", "failed", "queued"}
    assert len(fakes) == sum(score >= 0.8 for score in scores) > 0
    assert all(len(video["frames"]) in (16, 256) for video in fakes)
    with database.read() as session:
        assert read_progress(session, batch_id).counts == {"judged": 1}
        assert count_frames(database) == sum(ArchivedVideo(number).frames for number in range(1, 501)) + 2
