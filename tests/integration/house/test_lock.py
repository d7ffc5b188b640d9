"""What requirements.lock promises: everything pinned, everything hashed, no address."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LOCK = (ROOT / "requirements.lock").read_text()


def canonical(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_names_no_address() -> None:
    """The lock works with any index or mirror."""
    assert "://" not in LOCK
    assert not re.search(r"(?m)^--|--(index|find-links|extra)", LOCK)


def test_pins_every_dependency() -> None:
    """What pyproject.toml asks for is in the lock, extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    wanted = {canonical(re.split(r"[^\w.-]", line)[0]) for group in groups for line in group}

    pinned = {canonical(name) for name in re.findall(r"(?m)^([\w.-]+)(?:\[[\w,]+\])?==", LOCK)}

    assert wanted - pinned == set()


def test_hashes_every_package() -> None:
    """No package is installed without its hash being checked."""
    packages = re.split(r"(?m)^(?=[A-Za-z0-9])", LOCK)[1:]

    assert packages
    assert [package.split()[0] for package in packages if "--hash=sha256:" not in package] == []


def test_carries_what_the_project_is_built_with() -> None:
    """Installing the project itself needs nothing beyond the lock."""
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]

    names = [re.split(r"[^\w-]", requirement)[0] for requirement in needed]
    assert [name for name in names if not re.search(rf"(?m)^{name}==", LOCK)] == []
