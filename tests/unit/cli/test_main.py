"""The overview of the commands is quick and true."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli.main import COMMANDS, main

HEAVY = ("tensorflow", "keras", "openvino", "cv2", "celery", "sqlalchemy", "numpy", "av", "kombu", "alembic")

_SHOW_LOADED = """
import sys
from cli.main import main
for arguments in {calls!r}:
    main.main(arguments, standalone_mode=False)
print("LOADED", *sorted(name for name in {heavy!r} if name in sys.modules))
"""


def loaded_by(*calls: list[str]) -> str:
    """Which heavy modules a fresh interpreter has loaded after these calls."""
    program = _SHOW_LOADED.format(calls=calls, heavy=HEAVY)
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return answer.stdout.splitlines()[-1]


def test_the_overview_loads_nothing_heavy() -> None:
    """`--help` and `--version` answer without a network, a queue or a database."""
    assert loaded_by(["--help"], ["--version"]) == "LOADED"


def test_the_help_of_every_command_loads_nothing_heavy() -> None:
    """Each command's help is as quick as the overview."""
    assert loaded_by(*([name, "--help"] for name in COMMANDS)) == "LOADED"


@pytest.mark.parametrize("name", COMMANDS)
def test_one_liners_are_those_of_the_commands(name: str) -> None:
    """The overview's line is the first sentence of the command's help."""
    command = main.get_command(click.Context(main), name)

    assert command is not None
    assert (command.help or "").startswith(COMMANDS[name].removesuffix("."))


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "db"])
def test_help_explains_by_example(name: str) -> None:
    """Every command's help shows at least one whole command line."""
    command = main.get_command(click.Context(main), name)

    assert command is not None
    assert f"  fakesweep {name} " in (command.help or "") or f"  fakesweep {name}\n" in f"{command.help}\n"


def test_an_unknown_command_is_wrong_usage() -> None:
    """A typing error ends with status 2 and the word that was wrong."""
    result = CliRunner().invoke(main, ["scna"])

    assert result.exit_code == 2
    assert "scna" in result.output


def test_a_bad_setting_is_one_message(tmp_path: Path) -> None:
    """An expected error ends with status 1, its message, and no traceback."""
    answer = subprocess.run(
        [sys.executable, "-m", "cli.main", "status"],
        capture_output=True,
        text=True,
        env={**os.environ, "FAKESWEEP_HOME": str(tmp_path), "FAKESWEEP_DEVICE": "abacus"},
        check=False,
    )

    assert answer.returncode == 1
    assert "abacus" in answer.stderr
    assert "Traceback" not in answer.stderr
