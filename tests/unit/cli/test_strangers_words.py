"""What a command repeats of what it was given is one line of harmless text, errors included."""

import ast
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli.main import COMMANDS, LazyGroup, main

EVIL = "a\x1b[31m\x07\x9b2J\u202e\nError: forged"
CLI = Path(__file__).parents[3] / "cli"
MAKES_HARMLESS = {"safe_text", "display_name", "_safe_lines"}

COMMAND_LINES = (
    (EVIL,),
    (f"--{EVIL}",),
    *((name, f"--{EVIL}") for name in COMMANDS),
    ("scan", "--preset", EVIL, "x"),
    ("scan", "--json", f"no-directory/{EVIL}", "x"),
    ("report", EVIL),
    ("report", "--format", EVIL),
    ("report", "--threshold", EVIL),
    ("show", EVIL),
    ("status", EVIL),
    ("cancel", EVIL),
    ("retry", EVIL),
    ("review", EVIL, "--label", "real"),
    ("classifiers", EVIL),
    ("classifiers", "show", EVIL),
    ("classifiers", "import", EVIL),
    ("classifiers", "activate", EVIL),
    ("classifiers", "freeze", EVIL),
    ("classifiers", "compare", EVIL, EVIL, EVIL),
    ("collect", EVIL),
    ("collect", "copy", EVIL, "target"),
    ("db", EVIL),
    ("worker", "--queues", EVIL),
    ("evaluate", EVIL),
    ("serve", "--host", EVIL),
    ("tokens", EVIL),
    ("doctor", "--json", f"no-directory/{EVIL}"),
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state directory of nobody's."""
    monkeypatch.setenv("FAKESWEEP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("arguments", COMMAND_LINES, ids=lambda words: "-".join(words).split("a\x1b")[0])
def test_errors_repeat_nothing_that_a_terminal_obeys(arguments: tuple[str, ...]) -> None:
    """A name that holds escapes, or a line break and a forged message, is spelled out."""
    result = CliRunner().invoke(main, arguments, color=True)

    assert result.exit_code in (1, 2), result.output
    assert not isinstance(result.exception, Exception) or isinstance(result.exception, SystemExit)
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(result.output)
    assert not any(line.startswith("Error: forged") for line in result.output.splitlines())


def test_a_message_of_any_command_is_made_harmless() -> None:
    """Not the command but the group sees to it, so that no command can forget."""

    class Group(LazyGroup):
        def get_command(self, _ctx: click.Context, _name: str) -> click.Command:
            @click.command()
            def fail() -> None:
                raise click.ClickException(EVIL)

            return fail

    result = CliRunner().invoke(Group(), ["any"], color=True)

    assert result.output == "Error: a\\x1b[31m\\x07\\x9b2J\\u202e\\nError: forged\n"


def _echoes(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "click.echo":
            yield node


def _says_it_raw(expression: ast.AST) -> bool:
    """Whether it holds an error or a path that nothing made harmless."""
    if isinstance(expression, ast.Call) and ast.unparse(expression.func) in MAKES_HARMLESS:
        return False
    if isinstance(expression, ast.Name | ast.Attribute):
        return ast.unparse(expression).rpartition(".")[2] in {"error", "path"}
    return any(map(_says_it_raw, ast.iter_child_nodes(expression)))


def test_no_command_says_an_error_or_a_path_as_it_came() -> None:
    """What is printed of errors and paths goes through `safe_text`, in every command."""
    raw = [
        f"{path.name}: {ast.unparse(call)}"
        for path in sorted(CLI.glob("*.py"))
        for call in _echoes(path)
        if any(map(_says_it_raw, call.args))
    ]

    assert raw == []
