"""Object stores as source and target, against a server that speaks S3."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.unit.training.faces import draw_face, write_faces
from training.collect.copying import CopyOptions, copy_items, plan_copy
from training.collect.local_store import LocalStore
from training.collect.object_store import ObjectStore
from training.collect.picture_check import check_picture
from training.collect.stores import Store, open_store
from training.collect.target import Provenance, opened_target
from training.dataset import discover_items
from training.errors import TrainingError


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of an S3 of this machine."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket's URL, with credentials in the environment as every S3 tool reads them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"bucket-{uuid4()}"
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=name)
    return f"s3://{name}"


def copy(origin: Store, target: Store) -> dict[str, int]:
    """A whole copy."""
    options = CopyOptions()
    items, _ = plan_copy(origin, options)
    return dict(copy_items(items, origin, target, options, say=lambda _: None))


def contents(root: Path) -> dict[Path, bytes]:
    """All that training finds below a directory."""
    return {item.path.relative_to(root): item.path.read_bytes() for item in discover_items(root)}


def test_material_travels_there_and_back(tmp_path: Path, bucket: str, endpoint: str) -> None:
    """What comes back is what went, byte by byte, and training reads it; nothing is copied twice."""
    write_faces(tmp_path / "from", sources=1, count=1)
    away = open_store(f"{bucket}/faces", endpoint_url=endpoint)

    assert copy(LocalStore(tmp_path / "from"), away) == {"copied": 2}
    assert copy(LocalStore(tmp_path / "from"), away) == {"known": 2}
    assert copy(away, LocalStore(tmp_path / "back")) == {"copied": 2}
    assert copy(away, open_store(f"{bucket}/again", endpoint_url=endpoint)) == {"copied": 2}
    sent = {
        item.path.relative_to(tmp_path / "from"): item.path.read_bytes() for item in discover_items(tmp_path / "from")
    }
    came = {
        item.path.relative_to(tmp_path / "back"): item.path.read_bytes() for item in discover_items(tmp_path / "back")
    }
    assert came == sent


def test_pictures_are_collected_into_a_bucket(tmp_path: Path, bucket: str, endpoint: str) -> None:
    """The ledger stays on this machine, pictures and manifest do not; the next run knows them."""
    import cv2  # noqa: PLC0415 - to draw one picture

    store = open_store(bucket, endpoint_url=endpoint)
    content = bytes(cv2.imencode(".png", draw_face(1, is_fake=True))[1])
    picture = check_picture(content)
    with opened_target(store, home=tmp_path) as target:
        kept = target.keep(content, picture, Provenance("fake", "m"))
        target.ledger.write({"state": "saved", "pictures": [kept]})

    assert [path for path, _ in store.sizes()] == [kept["path"], "manifest.csv"]
    assert store.read(kept["path"]) == content
    with opened_target(open_store(bucket, endpoint_url=endpoint), home=tmp_path) as target:
        assert target.twin_of(picture) == kept["path"]


def test_hostile_keys_stay_inside(tmp_path: Path, bucket: str, endpoint: str) -> None:
    """A key may hold anything; what it becomes on this machine lies below the target."""
    client = boto3.client("s3", endpoint_url=endpoint)
    keys = ["real/x/../../../../evil.jpg", "real/x//double.jpg", "real/x/-rf.jpg", "real/x/ok.jpg", "real/x/"]
    for key in keys:
        client.put_object(Bucket=bucket.removeprefix("s3://"), Key=key, Body=b"" if key.endswith("/") else b"content")

    store = open_store(bucket, endpoint_url=endpoint)
    items, left_out = plan_copy(store, CopyOptions())
    copy_items(items, store, LocalStore(tmp_path / "to"), CopyOptions(), say=lambda _: None)

    assert all(path.resolve().is_relative_to(tmp_path / "to") for path in tmp_path.rglob("*"))
    assert [path.name for path in tmp_path.iterdir()] == ["to"]
    assert (tmp_path / "to" / "real" / "x" / "ok.jpg").read_bytes() == b"content"
    assert [path for path, _ in left_out] == ["real/x/../../../../evil.jpg"]


def test_what_is_not_there_is_said(bucket: str, endpoint: str) -> None:
    """A missing object is none; a missing bucket or server is a message."""
    store = open_store(bucket, endpoint_url=endpoint)

    assert (store.read("nothing"), store.size_of("nothing")) == (None, None)
    with pytest.raises(TrainingError, match="check the address"):
        open_store("s3://no-such-bucket-here", endpoint_url=endpoint).write("a", b"x")


def test_an_unknown_protocol_is_said() -> None:
    """The message names the extra that brings s3://."""
    with pytest.raises(TrainingError, match=r"fakesweep\[collect\]"):
        ObjectStore("nonsense://bucket/x")
