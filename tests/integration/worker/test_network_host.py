"""One process judges for several: real hosts, on the processor, as TensorFlow has no GPU here."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from tests.bundles import build_bundle
from tests.end_to_end.face_clips import draw_many_face_videos
from tests.end_to_end.installation import Installation, stop
from tests.services import wait_until
from tests.threads import beside
from worker.network_keeping import NetworkKeeper, wants_network_host
from worker.pipeline.classifier import load_classifier
from worker.pipeline.errors import BundleError
from worker.pipeline.host_wire import NO_GPU_NOTE
from worker.settings import Settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
WORKER = """
import sys
from worker.serve import run_worker
from worker.settings import read_settings
sys.exit(run_worker(read_settings(), concurrency=2, host_takes="any"))
"""
PARENT = """
import sys, time
from pathlib import Path
from worker.network_keeping import NetworkKeeper
from worker.settings import Settings
with NetworkKeeper(Path(sys.argv[1]), Settings(home=Path(sys.argv[1])), takes="any") as keeper:
    while keeper.host_pid is None:
        time.sleep(0.01)
    print(keeper.host_pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that takes red for fake, on both engines."""
    return build_bundle(tmp_path_factory.mktemp("bundles") / "red", with_keras=True)


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetworkKeeper]:
    """A running host, in a directory whose path is longer than a socket's may be."""
    folder = tmp_path_factory.mktemp("long" * 30)
    with NetworkKeeper(folder, Settings(home=folder), takes="any", first_pause_s=0.1) as keeping:
        yield keeping


def _crops(reds: list[int]) -> NDArray[np.uint8]:
    crops = np.zeros((len(reds), 224, 224, 3), np.uint8)
    crops[..., 0] = np.array(reds, np.uint8)[:, None, None]
    return crops


def _judge(bundle: Path, host: Path, reds: list[int], rounds: int) -> tuple[str, list[list[float]], list[str]]:
    """In a process of its own: which engine judged, the logits, and which engines were loaded here."""
    classifier = load_classifier(bundle, device="gpu", precision="auto", host=host)
    found = [classifier.judge(_crops(reds)) for _ in range(rounds)]
    assert all(judgement.heat_maps is not None for judgement in found)
    loaded = [name for name in ("tensorflow", "keras") if name in sys.modules]
    return classifier.runtime, [judgement.logits.tolist() for judgement in found], loaded


def _is_over(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_processes_judge_through_one_host(bundle: Path, keeper: NetworkKeeper) -> None:
    """Each gets the scores of its own crops, and none loads TensorFlow."""
    reds = [[process * 60 + number for number in range(40)] for process in range(3)]

    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as processes:
        answers = [processes.submit(_judge, bundle, keeper.address, wanted, 6) for wanted in reds]
        found = [answer.result(200) for answer in answers]

    for wanted, (runtime, rounds, loaded) in zip(reds, found, strict=True):
        assert (runtime, loaded) == ("tensorflow", [])
        for logits in rounds:
            assert logits == pytest.approx([red / 25.5 for red in wanted], abs=0.02)


def test_a_killed_host_is_replaced(bundle: Path, keeper: NetworkKeeper) -> None:
    """The question that it took with it is asked once more, of the next one."""
    classifier = load_classifier(bundle, device="gpu", host=keeper.address)
    before = keeper.host_pid
    assert before is not None
    os.kill(before, signal.SIGKILL)

    judgement = classifier.judge(_crops([51, 102]))

    assert judgement.logits == pytest.approx([2.0, 4.0], abs=0.02)
    assert classifier.runtime == "tensorflow"
    assert keeper.host_pid != before


def test_a_broken_network_is_told_by_the_host(keeper: NetworkKeeper, tmp_path: Path) -> None:
    """Only it reads the Keras network: what is wrong with that, it tells."""
    copy = build_bundle(tmp_path / "copy", with_keras=False)

    with pytest.raises(BundleError, match=r"classifier\.keras cannot be loaded"):
        load_classifier(copy, device="gpu", host=keeper.address)


def test_when_the_host_is_gone_for_good_the_processor_judges(bundle: Path, tmp_path: Path) -> None:
    """In the middle of a video: what was judged stays, the rest is judged here."""
    with NetworkKeeper(tmp_path, Settings(home=tmp_path), takes="any") as keeping:
        classifier = load_classifier(bundle, device="gpu", host=keeping.address)
        first = classifier.judge(_crops([51]))
        host = keeping.host_pid
    second = classifier.judge(_crops([102]))
    third = load_classifier(bundle, device="gpu", host=keeping.address)

    assert first.logits == pytest.approx([2.0], abs=0.02)
    assert second.logits == pytest.approx([4.0], abs=0.02)
    assert (classifier.runtime, third.runtime) == ("openvino", "openvino")
    assert host is not None
    assert _is_over(host)


def test_a_host_without_a_gpu_ends(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory is free again; `auto` then judges on the processor, and `gpu` says what is missing."""
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    settings = Settings(home=tmp_path)
    assert wants_network_host(settings)

    with NetworkKeeper(tmp_path, settings) as keeping:
        # It waits for the host, which is still loading TensorFlow.
        by_itself = load_classifier(bundle, device="auto", host=keeping.address)
        with pytest.raises(BundleError, match="FAKESWEEP_DEVICE is gpu, but TensorFlow sees no GPU"):
            load_classifier(bundle, device="gpu", host=keeping.address)
        assert keeping.host_pid is not None
        assert _is_over(keeping.host_pid)

    assert by_itself.runtime == "openvino"
    assert (tmp_path / NO_GPU_NOTE).exists()


def test_a_host_is_only_where_there_may_be_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the way without a GPU there is no process more."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    wanted = {device: wants_network_host(Settings(home=tmp_path, device=device)) for device in ("auto", "cpu", "gpu")}

    assert wanted == {"auto": False, "cpu": False, "gpu": True}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_host_ends_with_its_worker(tmp_path: Path, number: signal.Signals) -> None:
    """However the worker ends, also while the host still loads TensorFlow."""
    with subprocess.Popen([sys.executable, "-c", PARENT, tmp_path], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        host = int(parent.stdout.readline())
        assert not _is_over(host)
        parent.send_signal(number)
        parent.wait(20)

    wait_until(lambda: _is_over(host), what="the end of the host")


@pytest.fixture
def installation(tmp_path: Path, bundle: Path) -> Iterator[Installation]:
    """An embedded installation that insists on a GPU."""
    made = Installation(tmp_path / "home", bundle, {"DEVICE": "gpu", "LEASE_S": "4", "HEARTBEAT_S": "1"})
    try:
        yield made
        made.wait_until_nothing_runs()
    finally:
        for process in made.processes():
            process.kill()


def _maps_tensorflow(process: psutil.Process) -> bool:
    try:
        return "libtensorflow" in Path(f"/proc/{process.pid}/maps").read_text()
    except OSError:
        return False


def test_a_worker_judges_through_its_host_and_without(installation: Installation, tmp_path: Path) -> None:
    """Two pool processes, one TensorFlow; where hosts die as fast as they are started, every video is judged still."""
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    clips = draw_many_face_videos(tmp_path / "first", 6)
    for clip in clips[3:]:
        clip.rename(tmp_path / "second" / clip.name)
    # A worker makes no tables: it would end at once.
    assert installation.run("db", "upgrade").returncode == 0
    with (tmp_path / "log").open("ab") as log:
        worker = subprocess.Popen([sys.executable, "-c", WORKER], cwd=ROOT, env=installation.environ, stderr=log)
    try:
        first = installation.run("scan", "--workers", "0", tmp_path / "first", "--json", "-")
        family = psutil.Process(worker.pid).children(recursive=True)
        hosts = [process for process in family if "network_host" in " ".join(process.cmdline())]
        with_tensorflow = [process for process in family if _maps_tensorflow(process)]

        with _hosts_killed(worker.pid):
            second = installation.run("scan", "--workers", "0", tmp_path / "second", "--json", "-")
        status = stop(worker)
    finally:
        worker.kill()
        worker.wait()

    assert first.returncode == 0, first.stderr + (tmp_path / "log").read_text()
    report = json.loads(first.stdout)
    assert report["classifier"]["runtime"] == "tensorflow"
    assert [video["state"] for video in report["videos"]] == ["judged"] * 3
    assert len(hosts) == 1
    assert with_tensorflow == hosts
    assert second.returncode == 0, second.stderr + (tmp_path / "log").read_text()
    report = json.loads(second.stdout)
    assert [video["state"] for video in report["videos"]] == ["judged"] * 3
    assert "openvino" in report["classifier"]["runtime"]
    assert status == 0
    wait_until(lambda: all(_is_over(process.pid) for process in family), what="the end of the worker's processes")


@contextmanager
def _hosts_killed(worker: int) -> Iterator[None]:
    """Within it, no host of this worker lives for long."""

    def kill(is_over: threading.Event) -> None:
        while not is_over.wait(0.1):
            for process in psutil.Process(worker).children():
                with suppress(psutil.Error):
                    if "network_host" in " ".join(process.cmdline()):
                        process.kill()

    with beside(kill):
        yield
