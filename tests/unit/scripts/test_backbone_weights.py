"""Weights of backbones are downloaded whole, checked, and gone on with after a break."""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.parts import backbone_weights, downloading
from scripts.parts.backbone_weights import FILES, WeightsFile, fetch_backbone
from scripts.parts.downloading import FetchError
from tests.unit.scripts.weights_server import serve
from training.backbones.names import BACKBONES

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "fetch_weights"
CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _made_up_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backbone `net`, whose pinned hash is that of CONTENT; and no proxy before loopback."""
    pinned = {"md5": hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()}
    monkeypatch.setitem(FILES, "net", WeightsFile("mobilenetv2", "net.h5", None, pinned, style="keras"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_weights_are_put_in_place_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file has its published name, nothing else is left, and the next command is said."""
    with serve({"/w/net.h5": CONTENT}) as server:
        found = fetch_backbone("net", mirror=f"{server.address}/w/", to=tmp_path / "weights")

    assert found == tmp_path / "weights" / "net.h5"
    assert found.read_bytes() == CONTENT
    assert list(found.parent.iterdir()) == [found]
    told = capsys.readouterr().err
    assert f"fakesweep train --backbone mobilenetv2 --weights {found} --weights-style keras" in told
    assert "checked by MD5 alone" in told


def test_weights_that_are_there_are_not_fetched_again(tmp_path: Path) -> None:
    """A second call asks nobody; an altered file is fetched anew."""
    with serve({"/net.h5": CONTENT}) as server:
        found = fetch_backbone("net", mirror=server.address, to=tmp_path)
        fetch_backbone("net", mirror=server.address, to=tmp_path)
        assert len(server.asked) == 1

        found.write_bytes(b"altered")
        fetch_backbone("net", mirror=server.address, to=tmp_path)

    assert len(server.asked) == 2
    assert found.read_bytes() == CONTENT


def test_another_file_is_refused_and_forgotten(tmp_path: Path) -> None:
    """A wrong hash puts nothing in place, and the next run does not go on from it."""
    with (
        serve({"/net.h5": b"another" * 1000}) as server,
        pytest.raises(FetchError, match=r"net\.h5 has md5 [0-9a-f]{32}, expected [0-9a-f]{32}"),
    ):
        fetch_backbone("net", mirror=server.address, to=tmp_path)

    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_said_with_its_address(tmp_path: Path) -> None:
    """404 names the address that was asked."""
    with serve({}) as server, pytest.raises(FetchError, match=r"/net\.h5 answers 404 Not Found: check the address"):
        fetch_backbone("net", mirror=server.address, to=tmp_path)


def test_a_broken_download_is_gone_on_with(tmp_path: Path) -> None:
    """The message says how far it came, and the next run asks for the rest alone."""
    with serve({"/net.h5": CONTENT}, breaks_after=300_000) as server:
        with pytest.raises(FetchError, match="broke off after 300000 of 1024000 bytes: run it again"):
            fetch_backbone("net", mirror=server.address, to=tmp_path)
        assert not (tmp_path / "net.h5").exists()

        found = fetch_backbone("net", mirror=server.address, to=tmp_path)

    assert server.asked == [("/net.h5", None), ("/net.h5", "bytes=300000-")]
    assert found.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [found]


def test_a_server_without_ranges_starts_over(tmp_path: Path) -> None:
    """Where the rest cannot be had alone, the whole is taken, and not put behind the first part."""
    with serve({"/net.h5": CONTENT}, breaks_after=300_000, takes_ranges=False) as server:
        with pytest.raises(FetchError, match="broke off"):
            fetch_backbone("net", mirror=server.address, to=tmp_path)

        found = fetch_backbone("net", mirror=server.address, to=tmp_path)

    assert found.read_bytes() == CONTENT


@pytest.mark.parametrize("left", [b"of another version", CONTENT + b"and more"])
def test_what_does_not_belong_to_the_file_is_dropped(tmp_path: Path, left: bytes) -> None:
    """A part that was left by another version, or too much, costs a second download and no error."""
    (tmp_path / ".net.h5.partial").write_bytes(left)

    with serve({"/net.h5": CONTENT}) as server:
        found = fetch_backbone("net", mirror=server.address, to=tmp_path)

    assert found.read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_a_whole_part_is_taken_without_another_byte(tmp_path: Path) -> None:
    """A run that was killed just before the end has nothing left to fetch."""
    (tmp_path / ".net.h5.partial").write_bytes(CONTENT)

    with serve({"/net.h5": CONTENT}) as server:
        found = fetch_backbone("net", mirror=server.address, to=tmp_path)

    assert server.asked == [("/net.h5", f"bytes={len(CONTENT)}-")]
    assert found.read_bytes() == CONTENT


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    """An address at which nothing listens is named."""
    with serve({}) as server:
        address = server.address

    with pytest.raises(FetchError, match=r"net\.h5 cannot be reached or broke off .*refused.*: check the network"):
        fetch_backbone("net", mirror=address, to=tmp_path)


def test_a_file_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror cannot fill the disk."""
    monkeypatch.setattr(downloading, "LARGEST_BYTES", 1000)

    with serve({"/net.h5": CONTENT}) as server, pytest.raises(FetchError, match="sends more than 1000 bytes"):
        fetch_backbone("net", mirror=server.address, to=tmp_path)


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    """While another process holds the part, the message says so."""
    with (tmp_path / ".net.h5.partial").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        with pytest.raises(FetchError, match="is being fetched by another process"):
            fetch_backbone("net", mirror=str(tmp_path), to=tmp_path)


def test_a_mirror_may_be_a_directory(tmp_path: Path) -> None:
    """A folder serves as an address does; without the file, it is named."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    with pytest.raises(
        FetchError, match=r"mirror/net\.h5 cannot be read \(No such file or directory\): check --mirror"
    ):
        fetch_backbone("net", mirror=str(mirror), to=tmp_path)
    (mirror / "net.h5").write_bytes(CONTENT)

    assert fetch_backbone("net", mirror=str(mirror), to=tmp_path).read_bytes() == CONTENT


def test_a_file_without_a_public_address_asks_for_a_mirror(tmp_path: Path) -> None:
    """The message names the option and the variable."""
    with pytest.raises(FetchError, match=r"--mirror .*FAKESWEEP_WEIGHTS_MIRROR"):
        fetch_backbone("net", mirror=None, to=tmp_path)


def test_a_file_without_a_pinned_hash_wants_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is taken on trust: the user gives the hash, and it is checked."""
    monkeypatch.setitem(FILES, "net", WeightsFile("mobilenetv2", "net.h5", "https://example.invalid"))
    (tmp_path / "net.h5").write_bytes(CONTENT)
    with pytest.raises(FetchError, match=r"no hash of net\.h5 is known.*--sha256 HEX"):
        fetch_backbone("net", mirror=str(tmp_path), to=tmp_path / "weights")
    with pytest.raises(FetchError, match=r"has sha256 .*, expected 0{64}"):
        fetch_backbone("net", mirror=str(tmp_path), to=tmp_path / "weights", sha256="0" * 64)

    assert fetch_backbone("net", mirror=str(tmp_path), to=tmp_path / "weights", sha256=SHA256.upper()).is_file()


def test_a_hash_of_the_users_does_not_replace_the_pinned_one(tmp_path: Path) -> None:
    """Beside MD5 both must fit; against a pinned SHA-256, and without its form, it is refused at once."""
    (tmp_path / "net.h5").write_bytes(CONTENT)
    with pytest.raises(FetchError, match="has sha256"):
        fetch_backbone("net", mirror=str(tmp_path), to=tmp_path / "weights", sha256="0" * 64)
    with pytest.raises(FetchError, match="is pinned to sha256 d547c096"):
        fetch_backbone("convnexttiny", mirror=str(tmp_path), to=tmp_path, sha256=SHA256)
    with pytest.raises(FetchError, match="must be 64 hexadecimal digits, got 'abc'"):
        fetch_backbone("net", mirror=str(tmp_path), to=tmp_path, sha256="abc")


def test_an_unknown_name_is_answered_with_the_names(tmp_path: Path) -> None:
    """Which weights there are stands in the message."""
    with pytest.raises(FetchError, match="choose one of mobilenetv2, mobilenetv2-torchvision, mobilenetv3"):
        fetch_backbone("vgg", mirror=None, to=tmp_path)


def test_the_table_names_networks_that_can_be_built() -> None:
    """Every file belongs to a backbone, and comes from where Keras publishes it or from the user's own mirror."""
    assert {wanted.backbone for name, wanted in FILES.items() if name != "net"} <= set(BACKBONES)
    assert {wanted.folder for wanted in FILES.values()} == {
        None,
        *(f"{backbone_weights.KERAS}/{name}" for name in ("mobilenet_v2", "mobilenet_v3", "efficientnet_v2", "densenet",
                                                          "resnet", "convnext")),
    }  # fmt: skip
    without_hash = [name for name, wanted in FILES.items() if not wanted.hashes]
    assert without_hash == ["mobilenetv2"]


def test_the_script_fetches_a_backbone(tmp_path: Path) -> None:
    """The command prints the file's path alone on standard output, and ends with 1 and a line when refused."""
    name = FILES["mobilenetv2"].file_name
    variables = {**os.environ, "no_proxy": "127.0.0.1"}
    with serve({f"/{name}": CONTENT}) as server:
        command = [sys.executable, "-I", str(SCRIPT), "--backbone", "mobilenetv2", "--mirror", server.address]
        command += ["--to", str(tmp_path), "--sha256"]
        refused = subprocess.run([*command, "0" * 64], capture_output=True, text=True, check=False, env=variables)
        done = subprocess.run([*command, SHA256], capture_output=True, text=True, check=False, env=variables)

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith(f"fetch_weights: {server.address}/{name} has sha256 ")
    assert done.returncode == 0
    assert done.stdout == f"{tmp_path / name}\n"
    assert "--weights-style keras" in done.stderr
