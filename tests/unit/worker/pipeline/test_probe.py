"""The probe names what a file is, whatever it is called, and lets nothing but a video through."""

import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.clips import Drawn
from tests.drawing import (
    X264,
    draw_encrypted,
    draw_picture,
    draw_sound,
    draw_unindexed,
    run_ffmpeg,
)
from tests.reading import read_clip
from worker.pipeline.errors import Reason, UnreadableVideoError
from worker.pipeline.limits import Limits
from worker.pipeline.probe import probe_video


def _refusal(path: Path | bytes, *, limits: Limits | None = None) -> UnreadableVideoError:
    with pytest.raises(UnreadableVideoError) as caught:
        probe_video(path, limits=limits or Limits())
    return caught.value


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_facts_of_an_indexed_video(drawn: Drawn) -> None:
    """Headers and index give codec, size, rate, duration and keyframes."""
    facts = probe_video(drawn("h264-b.mp4"))

    assert (facts.codec, facts.width_px, facts.height_px) == ("h264", 160, 120)
    assert facts.frame_rate == 25.0
    assert facts.duration_s == pytest.approx(4.0)
    assert facts.keyframes_s == pytest.approx((0.0, 1.0, 2.0, 3.0))
    assert facts.pixel_format == "yuv420p"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"dear diary, this is no video\n" * 50, Reason.NOT_A_VIDEO),
        (b"\0" * 20_000, Reason.NOT_A_VIDEO),
        (bytes(range(256)) * 64, Reason.NOT_A_VIDEO),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n/etc/passwd\n", Reason.NOT_A_VIDEO),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", Reason.NOT_A_VIDEO),
        (b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'></MPD>", Reason.NOT_A_VIDEO),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>", Reason.NOT_A_VIDEO),
        (b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n", Reason.NOT_A_VIDEO),
    ],
)
def test_what_is_no_video_is_refused(content: bytes, reason: Reason, tmp_path: Path) -> None:
    """Nothing, text, noise, playlists and scripts under a video's name are told apart from videos."""
    assert _refusal(_write(tmp_path / "renamed.mp4", content)).reason == reason


@pytest.mark.parametrize("codec", ["mjpeg", "png", "webp", "gif", "bmp", "tiff"])
def test_renamed_picture_is_a_picture(codec: str, tmp_path: Path) -> None:
    """A still picture is no video of one frame."""
    assert _refusal(draw_picture(tmp_path / "renamed.mp4", codec=codec)).reason == Reason.IS_PICTURE


@pytest.mark.parametrize("name", ["sound.m4a", "sound.mp3", "sound.wav", "sound.ogg"])
def test_sound_alone_is_audio_only(name: str, tmp_path: Path) -> None:
    """A file with nothing but sound says so."""
    assert _refusal(draw_sound(tmp_path / name)).reason == Reason.AUDIO_ONLY


def test_cover_picture_makes_no_video(tmp_path: Path) -> None:
    """Music with a cover is audio only."""
    refusal = _refusal(draw_sound(tmp_path / "sound.mp3", cover=True))

    assert refusal.reason == Reason.AUDIO_ONLY
    assert "cover" in refusal.detail


def test_encrypted_video_is_named(tmp_path: Path) -> None:
    """Common Encryption is found before ffmpeg chews on noise."""
    assert _refusal(draw_encrypted(tmp_path / "locked.mp4")).reason == Reason.ENCRYPTED


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(max_side_px=159), Reason.TOO_LARGE),
        (Limits(max_pixels=160 * 120 - 1), Reason.TOO_LARGE),
        (Limits(max_duration_s=3.9), Reason.TOO_LONG),
    ],
)
def test_limits_are_kept(limits: Limits, reason: Reason, drawn: Drawn) -> None:
    """A video over a limit is refused with the value."""
    refusal = _refusal(drawn("h264.mp4"), limits=limits)

    assert refusal.reason == reason
    assert "limit" in refusal.detail


def test_thousands_of_streams_are_refused(tmp_path: Path) -> None:
    """A container with more streams than the limit is too large."""
    path = tmp_path / "many.mkv"
    run_ffmpeg(["-f", "lavfi", "-i", "color=s=16x16:d=0.1", *["-map", "0"] * 12, "-c:v", "mpeg4", path])

    assert _refusal(path, limits=Limits(max_streams=10)).reason == Reason.TOO_LARGE


def test_missing_special_and_looping_paths_have_their_reasons(tmp_path: Path) -> None:
    """Paths that lead to no regular file are named, and a FIFO is never opened."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    assert _refusal(tmp_path / "absent.mp4").reason == Reason.MISSING
    assert _refusal(tmp_path / "absent.mp4" / "below").reason == Reason.MISSING
    assert _refusal(tmp_path).reason == Reason.SPECIAL_FILE
    assert _refusal(tmp_path / "fifo").reason == Reason.SPECIAL_FILE
    assert _refusal(Path("/dev/zero")).reason == Reason.SPECIAL_FILE
    assert _refusal(tmp_path / "loop").reason == Reason.SYMLINK_LOOP


@pytest.mark.parametrize(
    "name",
    [
        b"-i.mp4",
        b"file:x.mp4",
        b"http:x.mp4",
        b"%03d.mp4",
        b"a b\n\tc.mp4",
        b"\xff\xfe.mp4",
        "😀'\"$(id);|.mp4".encode(),
    ],
)
def test_any_file_name_is_read(name: bytes, drawn: Drawn, tmp_path: Path) -> None:
    """Dashes, protocols, patterns, newlines, quotes and bytes that are no UTF-8 mean nothing in a name."""
    path = os.fsencode(tmp_path) + b"/" + name
    os.link(drawn("h264.mp4"), path)

    reading = read_clip(path, frames=2)

    assert reading.numbers == reading.numbers_by_time
    assert len(reading.frames) == 2


def test_largest_video_stream_is_chosen_over_a_thumbnail(tmp_path: Path, drawn: Drawn) -> None:
    """Of several video streams the default one is taken, and covers never."""
    path = tmp_path / "two.mkv"
    small = ["-f", "lavfi", "-i", "color=s=32x32:d=1"]
    run_ffmpeg([*small, "-i", drawn("h264.mp4"), "-map", "0", "-map", "1", "-disposition:v:0", "0", *X264, path])

    assert probe_video(path).stream_index == 1


def test_only_headers_and_index_are_read(tmp_path: Path) -> None:
    """Probing a long video without an index stops at its headers."""
    facts = probe_video(draw_unindexed(tmp_path / "live.mkv", seconds=8))

    assert facts.duration_s is None
    assert facts.keyframes_s == ()


def test_probe_survives_a_killed_helper(drawn: Drawn) -> None:
    """A helper that is killed between two videos is replaced without a word."""
    probe_video(drawn("h264.mp4"))
    # Of this process alone: what the browser's tests serve may have a worker beside it, with a helper of its own.
    spawners = [child for child in psutil.Process().children() if "spawner_process" in " ".join(child.cmdline())]
    started = [child for spawner in spawners for child in spawner.children()]
    helpers = [child for child in started if "probe_process" in " ".join(child.cmdline())]
    for helper in helpers:
        helper.kill()

    assert len(helpers) == 1
    assert probe_video(drawn("h264.mp4")).codec == "h264"


@pytest.mark.parametrize("make", [lambda data: data[: len(data) // 3], lambda data: data[:600]])
def test_video_cut_before_its_index_has_no_frames(make: Callable[[bytes], bytes], drawn: Drawn, tmp_path: Path) -> None:
    """An MP4 whose index is gone says that it was cut off."""
    path = _write(tmp_path / "cut.mp4", make(drawn("h264.mp4").read_bytes()))

    refusal = _refusal(path)
    assert refusal.reason == Reason.NO_FRAMES
    assert "cut off" in refusal.detail
