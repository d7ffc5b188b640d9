"""What no line of the product does: start a shell, build SQL out of text, or load what can run code."""

import ast
import functools
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("cli", "db", "scheduler", "scripts", "training", "web", "worker")
SOURCES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]

LOADS_CODE = {
    "eval",
    "exec",
    "pickle.load",
    "pickle.loads",
    "marshal.load",
    "marshal.loads",
    "shelve.open",
    "yaml.load",
    "yaml.unsafe_load",
    "joblib.load",
    "torch.load",
    "dill.loads",
}
STARTS_A_SHELL = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "commands.getoutput"}
TAKES_SQL = {"text", "sa.text", "sqlalchemy.text", "literal_column", "exec_driver_sql", "execute", "executemany"}
BOUND_BY_CONSTANTS = {"BUSY_TIMEOUT_S", "condition"}
"""Names in SQL that is built here: numbers and conditions of our own code."""


@functools.cache
def _calls(path: Path) -> list[tuple[str, ast.Call]]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [(ast.unparse(node.func), node) for node in nodes if isinstance(node, ast.Call)]


def _found(is_wrong: Callable[[str, ast.Call], bool], *, but_in: str = "nowhere") -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{call.lineno}: {ast.unparse(call)[:100]}"
        for path in SOURCES
        for name, call in _calls(path)
        if path.relative_to(ROOT).parts[0] != but_in and is_wrong(name, call)
    ]


def _starts_a_shell(name: str, call: ast.Call) -> bool:
    asks = any(
        keyword.arg == "shell" and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
        for keyword in call.keywords
    )
    return asks or name in STARTS_A_SHELL


def _loads_code(name: str, call: ast.Call) -> bool:
    pickles = any(keyword.arg == "allow_pickle" and ast.unparse(keyword.value) != "False" for keyword in call.keywords)
    unsafe = any(keyword.arg == "safe_mode" and ast.unparse(keyword.value) != "True" for keyword in call.keywords)
    return name in LOADS_CODE or pickles or unsafe


def _builds_sql(name: str, call: ast.Call) -> bool:
    if name.rpartition(".")[2] not in TAKES_SQL and name not in TAKES_SQL:
        return False
    return any(_is_built(argument) for argument in call.args)


def _is_built(expression: ast.expr) -> bool:
    """Whether a text is put together from more than constants of ours."""
    if isinstance(expression, ast.JoinedStr):
        start = expression.values[0]
        if isinstance(start, ast.Constant) and str(start.value).startswith("PRAGMA "):
            # SQLite binds no values there; ours are numbers and names of our own.
            return False
        values = [part.value for part in expression.values if isinstance(part, ast.FormattedValue)]
        names = {ast.unparse(node) for value in values for node in ast.walk(value) if isinstance(node, ast.Name)}
        return not names <= BOUND_BY_CONSTANTS
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.Add | ast.Mod):
        return any(isinstance(side, ast.Constant | ast.JoinedStr) for side in (expression.left, expression.right))
    return isinstance(expression, ast.Call) and ast.unparse(expression.func).endswith((".format", ".join"))


def test_there_is_something_to_look_at() -> None:
    """The folders hold the product."""
    assert len(SOURCES) > 200


def test_nothing_starts_a_shell() -> None:
    """Programs are started by lists of arguments, in which a name is a name."""
    assert _found(_starts_a_shell) == []


def test_nothing_loads_what_can_run_code() -> None:
    """Pickles, marshalled code and networks in Keras' unsafe mode run what their maker wishes."""
    assert _found(_loads_code) == []


def test_sql_is_bound() -> None:
    """Values reach the database beside the statement, never within it."""
    # What measures makes tables of its own names.
    assert _found(_builds_sql, but_in="scripts") == []


@pytest.mark.parametrize(
    ("code", "is_wrong"),
    [
        ("subprocess.run(x, shell=True)", _starts_a_shell),
        ("subprocess.run(x, shell=flag)", _starts_a_shell),
        ("os.system(x)", _starts_a_shell),
        ("pickle.loads(x)", _loads_code),
        ("np.load(x, allow_pickle=True)", _loads_code),
        ("load_model(x, safe_mode=False)", _loads_code),
        ("session.execute(text(f'SELECT {name}'))", _builds_sql),
        ("session.execute('SELECT ' + name)", _builds_sql),
        ("connection.exec_driver_sql('SELECT %s' % name)", _builds_sql),
        ("sa.text('SELECT {}'.format(name))", _builds_sql),
    ],
)
def test_the_search_finds_what_it_looks_for(code: str, is_wrong: Callable[[str, ast.Call], bool]) -> None:
    """A search that never finds anything would prove nothing."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]

    assert any(is_wrong(ast.unparse(call.func), call) for call in calls)
