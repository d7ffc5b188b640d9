"""What gets into the installed package, and into the image."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PARTS = ("cli", "db", "scheduler", "training", "web", "worker")


def test_lists_every_package() -> None:
    """A folder of code that pyproject.toml does not list would be missing once installed."""
    found = {
        ".".join(path.parent.relative_to(ROOT).parts) for part in PARTS for path in (ROOT / part).rglob("__init__.py")
    }

    assert set(PROJECT["tool"]["setuptools"]["packages"]) == found


@pytest.mark.slow
def test_wheel_carries_code_migrations_and_classifier(tmp_path: Path) -> None:
    """The wheel holds all that the command needs at run time, beside the detector that is fetched first."""
    source = tmp_path / "source"
    source.mkdir()
    for name in (*PARTS, "pyproject.toml", "README.md", "LICENSE"):
        path = ROOT / name
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, source / name)
    (source / "worker" / "detectors" / "centerface.onnx").write_bytes(b"a detector")

    pip = [sys.executable, "-I", "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", tmp_path, source], check=True, stdin=subprocess.DEVNULL)

    names = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    data = [ROOT / "worker" / "classifiers", ROOT / "db" / "migrations"]
    kept = {str(path.relative_to(ROOT)) for folder in data for path in folder.rglob("*") if path.is_file()}
    kept |= {str(path.relative_to(ROOT)) for path in (ROOT / "db").glob("*.sql")}
    assert {name for name in kept if "__pycache__" not in name} - names == set()
    assert "worker/detectors/centerface.onnx" in names
    assert not {name.split("/")[0] for name in names} & {"tests", "scripts", "docs"}


def test_image_copies_what_exists_and_is_not_root() -> None:
    """The Dockerfile installs by hash, runs under a number other than 0, and starts the console script."""
    lines = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines()
    copied = [word for line in lines if re.match(r"COPY (?!--from)", line) for word in line.split()[1:-1]]

    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert any("--require-hashes" in line and "requirements.lock" in line for line in lines)
    assert int([line for line in lines if line.startswith("USER ")][-1].split()[1]) > 0
    assert f'ENTRYPOINT ["{next(iter(PROJECT["project"]["scripts"]))}"]' in lines
    (check,) = [line for line in lines if line.startswith("HEALTHCHECK ")]
    assert check.endswith('CMD ["fakesweep", "health", "--live"]')
    assert ".env" in (ROOT / ".dockerignore").read_text().splitlines()
