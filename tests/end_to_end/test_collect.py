"""`fakesweep collect`, as people run it: killed, interrupted, repeated, and trained from."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import cv2
import numpy as np
import pytest
from moto.server import ThreadedMotoServer
from skimage import data

from tests.end_to_end.installation import PROGRAM, Installation, kill_with_children, stop
from tests.http_server import Call, LoopbackServer, Reply, serving
from tests.image_api import KEY, ImageApiServer
from tests.services import wait_until
from tests.unit.training.faces import draw_face
from training.collect.ledger import Entry, read_ledger
from training.dataset import Item, discover_items

pytestmark = pytest.mark.slow


@pytest.fixture
def collector(tmp_path: Path) -> Installation:
    """A fresh installation with a key."""
    return Installation(tmp_path / "home", None, {"IMAGE_API_KEY": KEY})


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where pictures go."""
    return tmp_path / "faces"


def ledger_of(target: Path) -> list[Entry]:
    """The lines of a target's ledger."""
    return read_ledger(target / ".fakesweep-collect" / "ledger.jsonl")


def states(target: Path) -> list[str]:
    """What the ledger says, in its order."""
    return [entry["state"] for entry in ledger_of(target)]


def items_of(target: Path, label: str) -> list[Item]:
    """The collected pictures as training sees them, once there is one of the other kind beside them."""
    other = "real" if label == "fake" else "fake"
    with (target / "manifest.csv").open("a") as manifest:
        manifest.write(f"another.jpg,{other}\n")
    return [item for item in discover_items(target) if item.label == label]


def generate(server: ImageApiServer, target: Path, *more: str) -> list[str | Path]:
    """The arguments that ask for portraits."""
    words = ["--base-url", server.base_url, "--model", "drawn-1", "--prompt", "a portrait", "--prompt", "another"]
    return ["collect", "generate", target, *words, *more]


def test_a_killed_run_pays_for_nothing_twice_that_it_got(collector: Installation, target: Path, tmp_path: Path) -> None:
    """After SIGKILL the same command asks for what is missing; only what was under way may be charged for again."""
    with ImageApiServer(takes_s=0.3) as server:
        command = generate(server, target, "--count", "16", "--price", "0.5", "--concurrency", "2", "--yes")
        process = collector.start(*command, log=tmp_path / "log")
        wait_until(lambda: states(target).count("saved") >= 4, timeout_s=60, what="four pictures")
        kill_with_children(process)
        saved = {
            entry["request"]
            for entry in read_ledger(target / ".fakesweep-collect" / "ledger.jsonl")
            if entry["state"] == "saved"
        }
        answer = collector.run(*command)

        twice = {name for name, count in server.charged.items() if count > 1}
        assert answer.returncode == 0, answer.stderr
        assert len(items_of(target, "fake")) == len(server.charged) == 16
        assert len({item.path.read_bytes() for item in items_of(target, "fake")}) == 16
        assert len(twice) <= 2
        assert twice & saved == set()


def test_ctrl_c_waits_for_what_is_paid_for(collector: Installation, target: Path, tmp_path: Path) -> None:
    """One SIGINT sends nothing more, keeps what comes, and leaves a manifest that lists it."""
    with ImageApiServer(takes_s=1.0) as server:
        command = generate(server, target, "--count", "20", "--concurrency", "2", "--yes")
        process = collector.start(*command, log=tmp_path / "log")
        wait_until(lambda: len(server.calls) >= 2, timeout_s=60, what="two requests")
        status = stop(process, signal.SIGINT)

        assert status == 130
        assert sum(server.charged.values()) == len(items_of(target, "fake")) < 20
    assert states(target).count("sent") == states(target).count("saved")
    assert "Waiting for the answers" in (tmp_path / "log").read_text()


def test_the_cost_is_shown_and_agreed_to_first(collector: Installation, target: Path, tmp_path: Path) -> None:
    """A dry run sends and writes nothing and needs no key; without a price, or with nobody to ask, --yes is needed."""
    prices = tmp_path / "prices.toml"
    prices.write_text('[[price]]\nmodel = "drawn-1"\nquality = "high"\neach = 0.25\n')
    with ImageApiServer() as server:
        priced = generate(server, target, "--count", "6", "--prices", str(prices), "--quality", "high")
        keyless = Installation(collector.home, None)
        dry = keyless.run(*priced, "--dry-run")
        unagreed = collector.run(*priced)
        unknown = collector.run(*generate(server, target, "--count", "6"))

        assert server.calls == []
    assert (dry.returncode, unagreed.returncode, unknown.returncode) == (0, 1, 1)
    assert "6 pictures in 6 requests" in dry.stderr
    assert "cost: 6 x 0.25 = 1.50" in dry.stderr
    assert "nobody is here to agree" in unagreed.stderr
    assert "the cost is unknown" in unknown.stderr


def test_a_dry_run_leaves_no_trace(collector: Installation, target: Path) -> None:
    """Not even the target is made."""
    with ImageApiServer() as server:
        collector.run(*generate(server, target, "--count", "1", "--dry-run"))

    assert not target.exists()


def test_the_key_comes_from_dotenv_and_is_shown_nowhere(target: Path, tmp_path: Path) -> None:
    """The working directory's .env serves; neither output nor files hold the key, even when the API repeats it."""
    collector = Installation(tmp_path / "home", None)
    (tmp_path / ".env").write_text(f'OPENAI_API_KEY="{KEY}"\n')
    with ImageApiServer() as server:
        good = collector.run(*generate(server, target, "--count", "1", "--yes"), cwd=tmp_path)
        (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-another-key\n")
        bad = collector.run(*generate(server, target, "--count", "2", "--yes"), cwd=tmp_path)

    assert (good.returncode, bad.returncode) == (0, 1)
    assert "Incorrect API key provided: Bearer ***" in bad.stderr
    assert "Traceback" not in bad.stderr
    files = [path.read_bytes() for path in target.rglob("*") if path.is_file()]
    shown = [text.encode() for answer in (good, bad) for text in (answer.stdout, answer.stderr)]
    assert not any(key in text for key in (KEY.encode(), b"sk-another-key") for text in (*files, *shown))


def test_a_killed_fetch_goes_on(collector: Installation, target: Path, tmp_path: Path) -> None:
    """After SIGKILL the same command fetches what is missing, and no entry is decided twice."""

    def answer(call: Call) -> Reply:
        time.sleep(0.2)
        picture = draw_face(int(call.path.strip("/")), is_fake=False)
        return Reply(200, bytes(cv2.imencode(".png", picture)[1]))

    with LoopbackServer(answer) as server:
        export = tmp_path / "export.jsonl"
        export.write_text("".join(json.dumps({"thumbnail": f"{server.url}/{n}"}) + "\n" for n in range(24)))
        command = ["collect", "fetch", target, "--from", export, "--source", "site", "--allow-private"]
        command += ["--concurrency", "2"]
        process = collector.start(*command, log=tmp_path / "log")
        wait_until(lambda: states(target).count("saved") >= 5, timeout_s=60, what="five pictures")
        kill_with_children(process)
        before = states(target).count("saved")
        again = collector.run(*command)

    assert again.returncode == 0, again.stderr
    assert f"{24 - before} saved" in again.stdout
    assert len(items_of(target, "real")) == states(target).count("saved") == 24


def test_private_hosts_and_failures_are_told(collector: Installation, target: Path, tmp_path: Path) -> None:
    """What may not be asked is counted as blocked; what failed for the moment makes the status 3."""
    export = tmp_path / "export.json"
    with serving({"/busy": Reply(503)}) as server:
        export.write_text(json.dumps([f"{server.url}/busy"]))
        blocked = collector.run("collect", "fetch", target, "--from", export, "--source", "s")
        busy = collector.run(
            "collect", "fetch", tmp_path / "b", "--from", export, "--source", "s", "--allow-private", "--retries", "0"
        )

    assert (blocked.returncode, busy.returncode) == (0, 3)
    assert "1 blocked" in blocked.stdout
    assert "1 failed" in busy.stdout


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of an S3 of this machine, which the environment points to."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    values = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {**values, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="material")
    yield "s3://material/faces"
    server.stop()


def test_from_nothing_to_a_training_set(collector: Installation, bucket: str, tmp_path: Path) -> None:
    """What was generated and fetched goes to a bucket and comes back as training takes it; the detector had its say."""
    portrait = bytes(cv2.imencode(".jpg", cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR))[1])
    noise = bytes(cv2.imencode(".png", np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8))[1])
    with serving({"/portrait": Reply(200, portrait), "/noise": Reply(200, noise)}) as site, ImageApiServer() as server:
        export = tmp_path / "export.json"
        export.write_text(json.dumps([{"url": f"{site.url}/portrait", "person": "Ann"}, {"url": f"{site.url}/noise"}]))
        fetched = collector.run(
            "collect", "fetch", bucket, "--from", export, "--source", "site", "--allow-private", "--one-face"
        )
        made = collector.run(
            "collect", "generate", bucket, "--base-url", server.base_url, "--model", "drawn-1", "--prompt", "=a face",
            "--count", "2", "--yes", "--licence", "CC0",
        )  # fmt: skip
    back = collector.run("collect", "copy", bucket, tmp_path / "back")

    items = discover_items(tmp_path / "back")
    assert [answer.returncode for answer in (fetched, made, back)] == [0, 0, 0], (
        fetched.stderr + made.stderr + back.stderr
    )
    assert "1 saved, 0 duplicate, 1 rejected" in fetched.stdout
    assert "3 copied" in back.stdout
    assert sorted((item.label, item.source, item.licence) for item in items) == [
        ("fake", "drawn-1", "CC0"),
        ("fake", "drawn-1", "CC0"),
        ("real", "site", ""),
    ]
    assert [item.identities for item in items if item.label == "real"] == [("person:Ann",)]
    assert next(item for item in items if item.label == "real").path.read_bytes() == portrait


def test_it_says_what_is_wrong_in_one_message(collector: Installation, target: Path, tmp_path: Path) -> None:
    """Mistakes of the user end without a traceback."""
    (tmp_path / "prompts.txt").write_text("# nothing\n\n")
    wrong = [
        ["collect", "generate", target, "--model", "m", "--count", "1"],
        ["collect", "generate", target, "--model", "m", "--count", "1", "--prompts", tmp_path / "prompts.txt"],
        ["collect", "generate", target, "--model", "m", "--count", "1", "--prompt", "a", "--max-cost", "1"],
        ["collect", "generate", target, "--model", "m", "--count", "1", "--prompt", "a", "--base-url", "nowhere"],
        ["collect", "fetch", target, "--from", tmp_path / "nothing.json", "--source", "s"],
        ["collect", "copy", tmp_path / "nothing", target],
    ]
    answers = [
        subprocess.run([PROGRAM, *words], env=collector.environ, capture_output=True, text=True, check=False)
        for words in wrong
    ]

    assert [answer.returncode for answer in answers] == [2, 2, 1, 1, 1, 1]
    assert not any("Traceback" in answer.stderr for answer in answers)
    assert not target.exists()
