"""Everything named becomes an entry, everything else in a directory is a video or is counted."""

import os
import socket
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from scheduler.discovery import Discovery, absolute_path, discover
from worker.pipeline.errors import Reason


def _found(*named: Path | str | bytes) -> tuple[list[tuple[str, str | None]], Discovery]:
    discovery = discover([os.fsencode(path) for path in named])
    items = [
        (os.path.basename(found.path).decode(errors="replace"), found.reason and found.reason.value)  # noqa: PTH119 (bytes)
        for found in discovery
    ]
    return items, discovery


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_directory_stands_for_the_videos_in_it(tmp_path: Path) -> None:
    """In a directory, extensions tell; what is no video is counted; the order is fixed."""
    _touch(tmp_path, "b.mp4", "a.MKV", "notes.txt", "README", "sub/c.webm", "sub/deep/d.mov", "._b.mp4", ".mp4")

    items, discovery = _found(tmp_path)

    assert [name for name, _ in items] == ["a.MKV", "b.mp4", "c.webm", "d.mov"]
    assert (discovery.ignored, discovery.empty_directories) == (4, [])


def test_named_path_is_an_entry_whatever_it_is(tmp_path: Path) -> None:
    """A text file, a missing path and an empty argument are entries too."""
    _touch(tmp_path, "notes.txt")

    items, _ = _found(tmp_path / "notes.txt", tmp_path / "gone.mp4", b"", b"a\0b")

    assert items == [("notes.txt", None), ("gone.mp4", "missing"), ("", "missing"), ("a\0b", "missing")]


def test_each_path_comes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However a path is written, and though its directory is named too, it is one entry."""
    _touch(tmp_path, "v/a.mp4", "v/b.mp4", "v/sub/c.mp4", "v/notes.txt")
    monkeypatch.chdir(tmp_path)

    items, discovery = _found("v", "v/a.mp4", "./v//a.mp4", "v/../v/a.mp4", "v/sub", "v/notes.txt", "v/")

    assert sorted(items) == [("a.mp4", None), ("b.mp4", None), ("c.mp4", None), ("notes.txt", None)]
    assert discovery.ignored == 1


def test_names_of_any_bytes_are_kept(tmp_path: Path) -> None:
    """Leading dashes, newlines, emoji and invalid UTF-8 come back byte for byte."""
    names = [b"-rf.mp4", b"new\nline.mp4", "😀.mp4".encode(), b"\xff\xfe.mp4", b" space .mp4"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(b"x")

    found = [os.path.basename(item.path) for item in discover([tmp_path.as_posix()])]  # noqa: PTH119 (bytes)

    assert found == sorted(names)


def test_pipes_sockets_and_devices_are_recorded_and_not_opened(tmp_path: Path) -> None:
    """A special file that looks like a video is an entry with that reason; looking at it never blocks."""
    os.mkfifo(tmp_path / "pipe.mp4")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        folder = os.open(tmp_path, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{folder}/s.mkv" if sys.platform == "linux" else str(tmp_path / "s.mkv"))
        os.close(folder)

    items, discovery = _found(tmp_path, "/dev/null")

    assert items == [("pipe.mp4", "special_file"), ("s.mkv", "special_file"), ("null", "special_file")]
    assert discovery.ignored == 1


def test_links_to_files_are_followed_and_broken_ones_told(tmp_path: Path) -> None:
    """A link to a video is a video; a broken one that looks like a video is an entry."""
    _touch(tmp_path, "real/a.mp4")
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "l.mp4").symlink_to(tmp_path / "real" / "a.mp4")
    (folder / "broken.mp4").symlink_to(tmp_path / "nowhere")
    (folder / "broken").symlink_to(tmp_path / "nowhere")

    items, discovery = _found(folder)

    assert items == [("broken.mp4", "missing"), ("l.mp4", None)]
    assert discovery.ignored == 1


def test_link_loops_end(tmp_path: Path) -> None:
    """A link to a directory above, and one to itself, are told and not followed."""
    _touch(tmp_path, "v/sub/a.mp4")
    (tmp_path / "v/sub/up").symlink_to(tmp_path / "v")
    (tmp_path / "v/self").symlink_to(tmp_path / "v/self")

    items, _ = _found(tmp_path / "v")

    assert items == [("self", "symlink_loop"), ("a.mp4", None), ("up", "symlink_loop")]


def test_directories_linked_crosswise_are_walked_once(tmp_path: Path) -> None:
    """Links among directories do not multiply what is found."""
    for name in "abcdefgh":
        _touch(tmp_path, f"{name}/{name}.mp4")
        for other in "abcdefgh":
            (tmp_path / name / f"to_{other}").symlink_to(tmp_path / other)

    items, _ = _found(tmp_path)

    assert sorted(name for name, reason in items if reason is None) == [f"{name}.mp4" for name in "abcdefgh"]


def test_empty_directory_is_remembered(tmp_path: Path) -> None:
    """A directory without a video yields nothing, and says so; one whose only video is named does not."""
    _touch(tmp_path, "full/a.mp4", "empty/notes.txt")

    items, discovery = _found(tmp_path / "empty", tmp_path / "full", tmp_path / "full/a.mp4")

    assert items == [("a.mp4", None)]
    assert discovery.empty_directories == [os.fsencode(tmp_path / "empty")]


def test_path_through_a_link_and_back_is_where_it_leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`link/..` is the parent of what the link leads to, as the shell's programs see it."""
    _touch(tmp_path, "a/b/c.mp4", "a/v.mp4")
    (tmp_path / "link").symlink_to(tmp_path / "a" / "b")
    monkeypatch.chdir(tmp_path)

    assert absolute_path(b"link/../v.mp4") == os.fsencode(tmp_path / "a" / "v.mp4")
    assert absolute_path(b"link/..") == os.fsencode(tmp_path / "a")
    assert absolute_path(b"link/c.mp4") == os.fsencode(tmp_path / "link" / "c.mp4")


_AS_NOBODY = """
import os, sys
from scheduler.discovery import discover
os.setgroups([]); os.setgid(65534); os.setuid(65534)
print([(os.path.basename(found.path).decode(), str(found.reason)) for found in discover(sys.argv[1:])])
"""


def test_directory_without_permission_is_an_entry(tmp_path: Path) -> None:
    """What may not be listed or looked into is told, and its neighbours are found."""
    _touch(tmp_path, "v/closed/x.mp4", "v/a.mp4")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == (tmp_path).owner() and not folder.stat().st_mode & 0o005:
            folder.chmod(0o755)
    (tmp_path / "v/closed").chmod(0)
    code = (
        _AS_NOBODY
        if os.geteuid() == 0
        else _AS_NOBODY.replace("os.setgroups([]); os.setgid(65534); os.setuid(65534)", "")
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "v")], capture_output=True, text=True, check=True
    )
    (tmp_path / "v/closed").chmod(0o755)

    assert shown.stdout.strip() == "[('a.mp4', 'None'), ('closed', 'permission_denied')]"


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    """A walk keeps one directory's listing, not what it has found before."""
    for number in range(40):
        _touch(tmp_path, *(f"{number}/{name}.mp4" for name in range(50)))
    tracemalloc.start()
    count = sum(1 for _ in discover([str(tmp_path)]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 2000
    assert peak < 200_000


def test_reason_codes_are_those_of_the_pipeline(tmp_path: Path) -> None:
    """Discovery speaks the words of the one list of reasons."""
    assert next(iter(discover([str(tmp_path / "gone")]))).reason is Reason.MISSING
