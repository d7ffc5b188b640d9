"""The documentation says what the code does."""

import re
from pathlib import Path

import pytest

from cli.main import COMMANDS
from db.states import STATES
from worker.pipeline.errors import Reason
from worker.settings import VARIABLES

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
BY_NAME = [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES]


def first_column(page: str, heading: str) -> list[str]:
    """The names in the first column of the table under a heading."""
    section = (ROOT / page).read_text().partition(heading)[2].partition("\n## ")[0]
    return re.findall(r"(?m)^\| `(\w+)` \|", section)


def test_settings_table_is_that_of_the_code() -> None:
    """Every variable is documented, with its default and its meaning, and no other."""
    rows = re.findall(r"(?m)^\| `(FAKESWEEP_\w+)` \| (.*) \| (.*) \|$", (ROOT / "docs/settings.md").read_text())

    assert rows == [(variable.name, variable.default, variable.meaning) for variable in VARIABLES]


def test_states_and_reasons_are_those_of_the_code() -> None:
    """Every state and every reason code is explained, and no other."""
    assert tuple(first_column("docs/states.md", "## States")) == STATES
    assert first_column("docs/states.md", "## Reasons") == [reason.value for reason in Reason]


@pytest.mark.parametrize("page", BY_NAME)
def test_links_lead_somewhere(page: Path) -> None:
    """A link to a file of ours names a file that is there."""
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", BY_NAME)
def test_commands_exist(page: Path) -> None:
    """A command, script or variable that a page names can be typed."""
    text = page.read_text()
    code = "\n".join(re.findall(r"(?s)```.*?```|`[^`\n]+`", text))
    commands = set(re.findall(r"(?m)(?:^|[`/ ])fakesweep ([a-z]+)", code))
    scripts = set(re.findall(r"\bscripts/([a-z_]+)", code))
    variables = set(re.findall(r"FAKESWEEP_[A-Z_]+", text))

    known = {variable.name for variable in VARIABLES}
    # Read by scripts/setup, by docker-compose.yml, by `collect generate` and by `serve`.
    known |= {"FAKESWEEP_PYTHON", "FAKESWEEP_VIDEOS", "FAKESWEEP_WORKERS"}
    known |= {"FAKESWEEP_IMAGE_API_KEY", "FAKESWEEP_IMAGE_API_URL", "FAKESWEEP_IMAGE_API_MODEL"}
    assert commands - set(COMMANDS) == set()
    assert {name for name in scripts if not (ROOT / "scripts" / name).exists()} == set()
    assert variables - known == set()


def test_every_decision_is_listed() -> None:
    """The list of decisions names each page once, in order."""
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text())

    assert listed == sorted(page.name for page in folder.glob("0*.md"))
