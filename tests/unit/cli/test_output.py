"""A result is written whole or not at all."""

import os
import sys
from pathlib import Path

import click
import pytest

from cli.rendering.output import OutputFile, open_output, refuse_shared_output


def convert(value: str) -> str:
    """What the option type makes of a value."""
    return OutputFile().convert(value, None, None)


def test_a_file_appears_when_complete(tmp_path: Path) -> None:
    """Until the block has ended the file has its old content, and afterwards no part file is left."""
    target = tmp_path / "report.json"
    target.write_text("old")

    with open_output(str(target)) as stream:
        stream.write("new é\n")
        stream.flush()
        before = target.read_text()

    assert before == "old"
    assert target.read_bytes() == "new é\n".encode()
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    """A result that broke off replaces nothing and leaves nothing behind."""
    target = tmp_path / "report.json"
    target.write_text("old")

    with pytest.raises(ValueError, match="broke"), open_output(str(target)) as stream:
        stream.write("half")
        raise ValueError("broke")

    assert target.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_the_file_that_a_link_names_is_replaced(tmp_path: Path) -> None:
    """A symbolic link stays one."""
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")

    with open_output(str(tmp_path / "link.json")) as stream:
        stream.write("new")

    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").read_text() == "new"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """What is no regular file, /dev/null say, stays what it is."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)

    with open_output(convert(str(fifo))) as stream:
        stream.write("through")

    assert os.read(reader, 100) == b"through"
    assert not fifo.is_file()
    os.close(reader)


def test_dash_is_standard_output_in_utf8(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """`-` writes UTF-8 to standard output and leaves it open."""
    with open_output("-") as stream:
        stream.write("é\n")
    sys.stdout.flush()

    assert capfdbinary.readouterr().out == "é\n".encode()


@pytest.mark.parametrize(("place", "complaint"), [("", "is a directory"), ("no/such/file.json", "no directory")])
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, place: str, complaint: str) -> None:
    """A wrong place is named before any work starts."""
    with pytest.raises(click.BadParameter, match=complaint) as refused:
        convert(str(tmp_path / place))

    assert str(tmp_path) in str(refused.value)


def test_two_results_for_one_file_are_refused(tmp_path: Path) -> None:
    """Neither result may overwrite the other."""
    same = str(tmp_path / "out")

    with pytest.raises(click.UsageError, match="out"):
        refuse_shared_output(same, None, f"{tmp_path}/./out")
    with pytest.raises(click.UsageError, match="'-'"):
        refuse_shared_output("-", "-")
    refuse_shared_output(same, "-", None)
