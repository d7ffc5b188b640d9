"""A bundle may come as one file, and nothing in that file reaches any other place."""

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.bundle_archive import MAX_FILES, opened_bundle
from cli.bundle_copy import copy_bundle
from cli.main import main
from tests.bundles import build_bundle
from worker.pipeline.errors import BundleError

Pack = Callable[[Path, Mapping[str, bytes]], Path]


def _zip(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return path


def _tar(path: Path, files: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as opened:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture(params=[_zip, _tar], ids=["zip", "tar"])
def pack(request: pytest.FixtureRequest) -> Pack:
    """Packs files of any names: each test runs once on zip, once on tar."""
    packer: Pack = request.param
    return packer


def _refused(archive: Path) -> str:
    with pytest.raises(BundleError) as caught, opened_bundle(archive):
        pass
    return str(caught.value)


@pytest.mark.parametrize("folder", ["", "bundle/", "./"])
def test_an_archive_is_registered_like_its_directory(folder: str, pack: Pack, tmp_path: Path) -> None:
    """With a folder in it or without, the bundle is verified and copied as ever."""
    bundle = build_bundle(tmp_path / "bundle")
    archive = pack(tmp_path / "bundle.bin", {f"{folder}{file.name}": file.read_bytes() for file in bundle.iterdir()})

    result = CliRunner().invoke(
        main, ["classifiers", "import", str(archive)], env={"FAKESWEEP_HOME": str(tmp_path / "home")}
    )

    assert result.exit_code == 0, result.output
    assert "Registered fakesweep-red" in result.output
    (copied,) = (tmp_path / "home" / "classifiers").iterdir()
    assert {file.name for file in copied.iterdir()} == {file.name for file in bundle.iterdir()}


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "../../evil",
        "/var/evil",
        "a/../../evil",
        "a/b/evil",
        "..\\evil",
        "C:evil",
        "a/..",
        "bundle/../../evil",
    ],
)
def test_a_name_that_leads_out_is_refused(name: str, pack: Pack, tmp_path: Path) -> None:
    """Whatever a member is called, nothing is written outside, and the message names it."""
    before = set(tmp_path.rglob("*"))
    archive = pack(tmp_path / "bundle.bin", {name: b"x"})

    assert "leads out of the bundle" in _refused(archive)
    assert set(tmp_path.rglob("*")) - before == {archive}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_a_tar_holds_plain_files_alone(kind: bytes, tmp_path: Path) -> None:
    """Links would be written through, pipes and devices waited for."""
    with tarfile.open(tmp_path / "bundle.tar", "w") as opened:
        member = tarfile.TarInfo("card.md")
        member.type, member.linkname = kind, "/etc/passwd"
        opened.addfile(member)

    assert "'card.md', which is no plain file" in _refused(tmp_path / "bundle.tar")


def test_a_zip_holds_plain_files_alone(tmp_path: Path) -> None:
    """A link in a zip file is a file whose mode says so."""
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as opened:
        entry = zipfile.ZipInfo("card.md")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(entry, "/etc/passwd")

    assert "'card.md', which is no plain file" in _refused(tmp_path / "bundle.zip")


def test_an_archive_that_swells_is_stopped(pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Megabytes of nothing take no room in an archive: what comes out of it is counted."""
    monkeypatch.setattr("cli.bundle_archive.MAX_BUNDLE_BYTES", 1_000_000)
    archive = pack(tmp_path / "bundle.bin", {"classifier.bin": bytes(5_000_000)})
    assert archive.stat().st_size < 100_000

    assert "over 1000000 bytes" in _refused(archive)


def test_an_archive_of_many_files_is_stopped(pack: Pack, tmp_path: Path) -> None:
    """A bundle has a handful."""
    archive = pack(tmp_path / "bundle.bin", {f"{number}.txt": b"x" for number in range(MAX_FILES + 1)})

    assert f"more than {MAX_FILES} files" in _refused(archive)


def test_a_file_that_comes_twice_is_refused(tmp_path: Path) -> None:
    """What was checked would not be what is used."""
    archive = _tar(tmp_path / "bundle.tar", {"card.md": b"one", "bundle/card.md": b"two"})

    assert "holds a file twice (card.md)" in _refused(archive)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_cut_archive_is_refused(share: float, pack: Pack, tmp_path: Path) -> None:
    """Half a download is no bundle: one message, no traceback."""
    archive = pack(tmp_path / "bundle.bin", {"classifier.bin": os.urandom(200_000)})
    archive.write_bytes(archive.read_bytes()[: int(share * archive.stat().st_size)])

    result = CliRunner().invoke(main, ["classifiers", "import", str(archive)], env={"FAKESWEEP_HOME": str(tmp_path)})

    assert result.exit_code == 1
    assert result.output.startswith("Error: ")


def test_a_link_in_a_directory_brings_no_other_file(tmp_path: Path) -> None:
    """A bundle's directory from a stranger may hold a link to a secret of whoever imports it."""
    bundle = build_bundle(tmp_path / "bundle")
    (tmp_path / "secret").write_text("correct horse battery staple")
    (bundle / "card.md").unlink()
    (bundle / "card.md").symlink_to(tmp_path / "secret")

    with pytest.raises(BundleError, match=r"card\.md is (a link that leads out|altered)"):
        copy_bundle(bundle, home=tmp_path / "home")
    assert not list((tmp_path / "home").rglob("card.md"))
