"""Pictures from an image API that is busy, broken, strict and expensive."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.http_server import Call, Reply
from tests.image_api import (
    KEY,
    ImageApiServer,
    answer_pictures,
    answer_with,
    cut_short,
    drop,
    png_of,
)
from tests.unit.training.faces import DrawnFaceDetector
from training.collect import waiting
from training.collect.addresses import AddressRule
from training.collect.bases import read_bases
from training.collect.download import Downloader
from training.collect.generate import Generation, Tally
from training.collect.generation_plan import GenerateOptions, estimate_run
from training.collect.image_api import ImageApi
from training.collect.keys import ApiKey
from training.collect.ledger import read_ledger
from training.collect.local_store import LocalStore
from training.collect.picture_check import FaceRule
from training.collect.target import Target, opened_target
from training.collect.waiting import Pace
from training.collect.wishes import Operation, Settings, Subject
from training.dataset import Item, discover_items
from training.errors import TrainingError

A, B = Subject("a portrait"), Subject("=another portrait")


@pytest.fixture(autouse=True)
def quick_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first wait is 10 ms instead of a second."""
    monkeypatch.setattr(waiting, "FIRST_WAIT_S", 0.01)


def options(*subjects: Subject, operation: Operation = "generations", **more: Any) -> GenerateOptions:
    """A few pictures, one at a time, so that the order of the answers is known."""
    wanted = {"source": "m", "count": 2, "threads": 1, "licence": "CC0", **more}
    return GenerateOptions(Settings(operation, "m", "64x64"), subjects or (A,), **wanted)


@contextmanager
def generation(
    server: ImageApiServer, folder: Path, wanted: GenerateOptions, *, key: str = KEY, pace: Pace | None = None
) -> Iterator[tuple[Generation, Target]]:
    """A run against the server."""
    api = ImageApi(server.base_url, ApiKey(key, "the test"), timeout_s=60, user_agent="fakesweep/test")
    downloader = Downloader(AddressRule(trusted=frozenset({api.place})), "fakesweep/test")
    with opened_target(LocalStore(folder), home=folder) as target:
        yield Generation(wanted, target, api, downloader, pace or Pace(None), say=lambda _: None), target


def run(server: ImageApiServer, folder: Path, wanted: GenerateOptions, **more: Any) -> Tally:
    """A whole run."""
    with generation(server, folder, wanted, **more) as (made, target):
        return made.run(estimate_run(wanted, target.state, target.ledger.entries))


def states(folder: Path) -> list[str]:
    """What the ledger says, in its order."""
    return [entry["state"] for entry in read_ledger(folder / ".fakesweep-collect" / "ledger.jsonl")]


def fakes_of(folder: Path) -> list[Item]:
    """The collected pictures as training sees them, once there is a real one beside them."""
    with (folder / "manifest.csv").open("a") as manifest:
        manifest.write("a-real-one.jpg,real\n")
    return [item for item in discover_items(folder) if item.is_fake]


@pytest.mark.parametrize("form", ["b64_json", "url"])
def test_keeps_pictures_with_their_provenance(tmp_path: Path, form: str) -> None:
    """Whether the answer carries the picture or says where it is, training reads it and knows what made it."""
    with ImageApiServer(form=form) as server:
        tally = run(server, tmp_path, options(A, B, count=4, per_request=2))

    items = fakes_of(tmp_path)
    assert (tally.kept, sum(server.charged.values())) == (4, 4)
    assert {(item.label, item.source, item.licence, item.generator) for item in items} == {("fake", "m", "CC0", "m")}
    assert all(item.origin == server.base_url and item.path.is_file() for item in items)
    assert server.fields[0] == {"model": "m", "n": 2, "prompt": "a portrait", "size": "64x64"}
    assert "'=another portrait" in (tmp_path / "manifest.csv").read_text()


def test_the_key_is_sent_and_kept_nowhere(tmp_path: Path) -> None:
    """It is in the request's header, and in no file of the target."""
    with ImageApiServer() as server:
        run(server, tmp_path, options())

    assert {call.headers["authorization"] for call in server.calls} == {f"Bearer {KEY}"}
    assert [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()] == []


def test_a_wrong_key_ends_the_run_without_showing_it(tmp_path: Path) -> None:
    """401 is said once, with where the key came from; what the server repeats of it is hidden."""
    with ImageApiServer() as server, pytest.raises(TrainingError, match="the key is the test") as caught:
        run(server, tmp_path, options(count=5), key="sk-wrong-key")

    assert len(server.calls) == 1
    assert "sk-wrong-key" not in str(caught.value)
    assert "sk-wrong-key" not in (tmp_path / ".fakesweep-collect" / "ledger.jsonl").read_text()


def test_busy_and_broken_answers_are_tried_again(tmp_path: Path) -> None:
    """429 with and without a wait, and 500, cost nothing and end in a picture."""
    behaviours = [
        answer_with(429, headers={"Retry-After": "0.2"}),
        answer_with(500),
        answer_with(429),
        answer_with(503),
    ]
    with (
        ImageApiServer(*behaviours) as server,
        generation(server, tmp_path, options(count=1, each=Decimal(1))) as (made, target),
    ):
        tally = made.run(estimate_run(options(count=1), target.state, target.ledger.entries))

        assert (tally.kept, len(server.calls), made.spent) == (1, 5, Decimal(1))
    assert states(tmp_path) == ["sent", "failed"] * 4 + ["sent", "saved"]


def test_an_api_that_stays_broken_is_left(tmp_path: Path) -> None:
    """After the last attempt the request counts as failed, and the next run asks again."""
    with ImageApiServer(*[answer_with(500)] * 3) as server:
        assert run(server, tmp_path, options(count=1, retries=2)).failed == 1
        assert run(server, tmp_path, options(count=1, retries=2)).kept == 1


def test_a_used_up_allowance_is_waited_for(tmp_path: Path) -> None:
    """When an answer says that nothing is left, the next request comes after the renewal."""
    spent = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "400ms"}
    moments: list[float] = []

    class Clocked(Pace):
        def hold(self, seconds: float) -> None:
            moments.append(seconds)
            super().hold(0.01)

    with ImageApiServer(answer_pictures(headers=spent)) as server:
        tally = run(server, tmp_path, options(), pace=Clocked(None))

    assert (tally.kept, moments) == (2, [0.4])


def test_an_empty_purse_of_the_account_ends_the_run(tmp_path: Path) -> None:
    """429 can also mean that there is no money: no use in trying again."""
    with ImageApiServer(answer_with(429, code="insufficient_quota")) as server:
        with pytest.raises(TrainingError, match="look after your account"):
            run(server, tmp_path, options(count=5))

        assert len(server.calls) == 1


def test_the_content_policy_is_asked_once(tmp_path: Path) -> None:
    """A refused prompt is written down and left out, in this run and in later ones; others go on."""
    with ImageApiServer(answer_with(400, code="content_policy_violation")) as server:
        first = run(server, tmp_path, options(A, B, count=6))
        second = run(server, tmp_path, options(A, B, count=8))

    assert (first.kept, second.kept) == (3, 1)
    assert [fields["prompt"] for fields in server.fields].count(A.prompt) == 1
    assert states(tmp_path).count("refused") == 1


def test_wrong_requests_end_the_run_soon(tmp_path: Path) -> None:
    """What is wrong with every request is not sent a hundred times."""
    with ImageApiServer(*[answer_with(400, code="invalid_size")] * 9) as server:
        with pytest.raises(TrainingError, match="3 requests in a row"):
            run(server, tmp_path, options(count=9))

        assert len(server.calls) == 3


@pytest.mark.parametrize("behaviour", [drop, cut_short])
def test_a_lost_answer_is_asked_for_once_more_with_the_same_name(tmp_path: Path, behaviour: Any) -> None:
    """The API may have charged for it, so it counts; by its name an API that remembers can know it again."""
    with (
        ImageApiServer(behaviour) as server,
        generation(server, tmp_path, options(count=1, each=Decimal(1))) as (made, target),
    ):
        tally = made.run(estimate_run(options(count=1), target.state, target.ledger.entries))

        assert (tally.kept, made.spent) == (1, Decimal(2))
    assert len(server.charged) == 1
    assert states(tmp_path) == ["sent", "lost", "sent", "saved"]


def test_an_answer_that_is_lost_twice_is_left_alone(tmp_path: Path) -> None:
    """No picture is paid for without end, in one run or in many; who insists is obeyed."""
    with ImageApiServer(drop, drop) as server:
        assert run(server, tmp_path, options(count=1)).lost == 1
        assert run(server, tmp_path, options(count=1)).kept == 0
        assert len(server.calls) == 2
        assert run(server, tmp_path, options(count=1, retry_lost=True)).kept == 1


def test_silence_ends_with_the_time(tmp_path: Path) -> None:
    """An API that does not answer in time loses the answer, not the run."""

    def sleep(server: ImageApiServer, call: Call) -> Reply:
        return Reply(200, server.pictures(call).body, pause_s=0.05)

    with ImageApiServer(sleep) as server, opened_target(LocalStore(tmp_path), home=tmp_path) as target:
        api = ImageApi(server.base_url, ApiKey(KEY, "x"), timeout_s=3, user_agent="x")
        wanted = options(count=1)
        made = Generation(wanted, target, api, Downloader(AddressRule(), "x"), Pace(None), say=lambda _: None)
        assert made.run(estimate_run(wanted, target.state, target.ledger.entries)).kept == 1

    assert states(tmp_path) == ["sent", "lost", "sent", "saved"]


def test_no_more_is_spent_than_allowed(tmp_path: Path) -> None:
    """The limit holds over all runs, and before a request is sent."""
    wanted = options(count=9, each=Decimal("0.4"), most=Decimal("1.0"))
    with ImageApiServer() as server:
        for _ in range(2):
            with pytest.raises(TrainingError, match=r"--max-cost 1\.0"):
                run(server, tmp_path, wanted)

        assert sum(server.charged.values()) == 2
    assert len(fakes_of(tmp_path)) == 2


def test_an_answer_is_not_lost_when_keeping_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was paid for lies on the disk before anything is done with it, and the next run goes on from there."""

    def full(*_args: Any) -> None:
        raise OSError(28, "No space left on device")

    with ImageApiServer() as server:
        with monkeypatch.context() as patched:
            patched.setattr(Target, "keep", full)
            with pytest.raises(OSError, match="No space"):
                run(server, tmp_path, options(count=1))
        tally = run(server, tmp_path, options(count=1))

    assert (tally.kept, sum(server.charged.values())) == (1, 1)
    assert list((tmp_path / ".fakesweep-collect" / "answers").iterdir()) == []


def test_pictures_without_a_face_are_left_out(tmp_path: Path) -> None:
    """The detector decides; the ledger keeps the reason; nothing is asked for again."""

    class Blind(DrawnFaceDetector):
        def detect(self, *_args: Any, **_more: Any) -> list[Any]:
            return []

    with ImageApiServer() as server:
        tally = run(server, tmp_path, options(faces=FaceRule(Blind())))
        run(server, tmp_path, options(faces=FaceRule(Blind())))

    assert (tally.kept, tally.rejected, len(server.calls)) == (0, 2, 2)
    assert "no face of 64 px" in (tmp_path / ".fakesweep-collect" / "ledger.jsonl").read_text()


def test_an_answer_that_is_no_picture_is_left_out(tmp_path: Path) -> None:
    """A text in base64 is an answer, but not material."""

    def text(server: ImageApiServer, call: Call) -> Reply:
        del server, call
        return Reply(200, json.dumps({"data": [{"b64_json": "aGVsbG8="}]}).encode())

    with ImageApiServer(text) as server:
        tally = run(server, tmp_path, options())

    assert (tally.kept, tally.rejected) == (1, 1)


def test_an_answer_cannot_point_into_the_network(tmp_path: Path) -> None:
    """An API that sends us to a private address gets nowhere."""

    def point(server: ImageApiServer, call: Call) -> Reply:
        del server, call
        return Reply(200, json.dumps({"data": [{"url": "http://127.0.0.1:1/latest/meta-data"}]}).encode())

    with ImageApiServer(point) as server:
        tally = run(server, tmp_path, options(count=1))

    assert (tally.kept, tally.rejected) == (0, 1)
    assert "no public address" in (tmp_path / ".fakesweep-collect" / "ledger.jsonl").read_text()


@pytest.mark.parametrize("operation", ["variations", "edits"])
def test_given_pictures_are_varied_and_edited(tmp_path: Path, operation: Operation) -> None:
    """They travel as PNG in a form, and what comes back stays on the same side of a split as they do."""
    given = tmp_path / "given"
    given.mkdir()
    (given / "a.png").write_bytes(png_of(7))
    bases = read_bases([given], operation)
    base = next(iter(bases))
    subject = Subject("" if operation == "variations" else "older", base)
    with ImageApiServer() as server:
        tally = run(
            server, tmp_path / "target", options(subject, operation=operation, count=3, per_request=2, bases=bases)
        )

    items = fakes_of(tmp_path / "target")
    assert (tally.kept, {item.identities for item in items}) == (3, {(f"picture:{base[:16]}",)})
    assert {call.path for call in server.calls} == {f"/v1/images/{operation}"}
    assert [fields["n"] for fields in server.fields] == ["2", "1"]


def test_two_runs_do_not_share_a_target(tmp_path: Path) -> None:
    """The second is told to wait, before it asks for anything."""
    with ImageApiServer() as server, generation(server, tmp_path, options()):
        with pytest.raises(TrainingError, match="collects into"):
            run(server, tmp_path, options())

        assert server.calls == []


def test_a_target_that_would_hide_files_is_refused(tmp_path: Path) -> None:
    """A manifest beside files that it does not list would take them from training."""
    (tmp_path / "real" / "x").mkdir(parents=True)
    (tmp_path / "real" / "x" / "1.jpg").write_bytes(b"x")
    with ImageApiServer() as server, pytest.raises(TrainingError, match="hide"):
        run(server, tmp_path, options())

    assert not (tmp_path / "manifest.csv").exists()
