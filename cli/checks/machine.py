"""Checks of the machine and of what is installed on it."""

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cli.checks.finding import Finding

NEEDED_DECODERS = (
    "h264",
    "hevc",
    "av1",
    "vp8",
    "vp9",
    "mpeg1video",
    "mpeg2video",
    "mpeg4",
    "mjpeg",
    "prores",
    "wmv2",
)
"""What videos that people send are mostly encoded with."""

# The names under which a stream is decoded, where that is not its own: ffmpeg's "av1" needs a GPU.
_DECODED_BY = {"av1": {"libdav1d", "libaom-av1"}, "vp8": {"vp8", "libvpx"}, "vp9": {"vp9", "libvpx-vp9"}}
_FFMPEG_ANSWERS_WITHIN_S = 20
_DEVICE_OPENS_WITHIN_S = 60
# Room for the database, the broker's log and the evidence of some ten thousand videos.
_LITTLE_SPACE_BYTES = 1_000_000_000


def check_python() -> Finding:
    """The interpreter and the processor cores it may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Finding(
        "Python",
        "ok",
        f"{platform.python_version()} on {platform.system()} {platform.machine()}, {cores} cores",
    )


def check_package(distribution: str) -> Finding:
    """A package that scans need, without importing it."""
    try:
        return Finding(distribution, "ok", version(distribution))
    except PackageNotFoundError:
        return Finding(distribution, "missing", "not installed", "set up again with `scripts/setup`")


def check_ffmpeg(configured: Path | None) -> Finding:
    """The ffmpeg that decodes: where it lies, its version, and the decoders that it lacks."""
    from worker.pipeline.ffmpeg import find_ffmpeg

    binary = find_ffmpeg(configured)
    words = _ffmpeg_says(binary, "-version").split()
    number = words[2] if words[:2] == ["ffmpeg", "version"] else "unknown version"
    lacking = lacking_decoders(_ffmpeg_says(binary, "-decoders"))
    value = f"{number} at {binary}"
    if lacking:
        advice = "unset FAKESWEEP_FFMPEG, or name a fuller build, to judge such videos"
        return Finding("ffmpeg", "note", f"{value}, without {', '.join(lacking)}", advice)
    return Finding("ffmpeg", "ok", value)


def check_sandbox(configured: Path | None, *, is_wanted: bool) -> Finding:
    """What ffmpeg is locked in with, after it was run so."""
    import time

    from worker.pipeline.ffmpeg import find_ffmpeg
    from worker.pipeline.ffmpeg_health import require_working
    from worker.pipeline.ffmpeg_process import Watch
    from worker.pipeline.limits import Limits
    from worker.pipeline.probe_helper import shared_helper
    from worker.pipeline.sandbox import find_sandbox

    parts = find_sandbox()
    if not is_wanted:
        return Finding("sandbox", "note", "switched off", "unset FAKESWEEP_SANDBOX to lock ffmpeg in")
    watch = Watch(time.monotonic() + _FFMPEG_ANSWERS_WITHIN_S, lambda: False)
    require_working(find_ffmpeg(configured), limits=Limits(), watch=watch)
    shared_helper().require_working(limits=Limits())
    abi = f"Landlock ABI {parts.landlock_abi}" if parts.landlock_abi else "no Landlock"
    seccomp = "seccomp" if parts.has_seccomp else "no seccomp"
    value = f"{abi}, {seccomp}: ffmpeg has no {', '.join(parts.guards()) or 'restrictions but its limits'}"
    if parts.refusals:
        advice = "run on Linux 5.13 or later with both, or judge on machines that hold nothing else"
        return Finding("sandbox", "note", f"{value} ({'; '.join(parts.refusals)})", advice)
    return Finding("sandbox", "ok", value)


def check_hwaccel(configured: Path | None, *, method: str | None, is_confined: bool) -> Finding:
    """The hardware decoder that is set, after it was opened behind the locks that a decoder of videos has."""
    import time

    from worker.pipeline.ffmpeg import find_ffmpeg
    from worker.pipeline.ffmpeg_process import Watch
    from worker.pipeline.hardware_check import require_method, why_not_opened
    from worker.pipeline.limits import Limits

    if method is None:
        return Finding("hardware decoder", "ok", "none set; videos are decoded in software")
    ffmpeg = find_ffmpeg(configured)
    require_method(ffmpeg, method)
    watch = Watch(time.monotonic() + _DEVICE_OPENS_WITHIN_S, lambda: False)
    complaint = why_not_opened(ffmpeg, limits=Limits(hwaccel=method, is_confined=is_confined), watch=watch)
    if complaint:
        advice = "install its driver and let this user open its device, or unset FAKESWEEP_HWACCEL"
        value = f"{method} cannot be opened, so videos are decoded in software ({complaint})"
        return Finding("hardware decoder", "note", value, advice)
    return Finding("hardware decoder", "ok", f"{method} can be opened; what it fails at is decoded in software")


def lacking_decoders(listing: str) -> list[str]:
    """The needed decoders that `ffmpeg -decoders` does not list."""
    present = set(re.findall(r"^ V\S{5} (\S+)", listing, re.MULTILINE))
    return [name for name in NEEDED_DECODERS if not present & _DECODED_BY.get(name, {name})]


def check_openvino() -> Finding:
    """The engine that judges on the CPU, and the devices that it sees."""
    from worker.pipeline.openvino_network import load_openvino

    devices = load_openvino().Core().available_devices
    return Finding("OpenVINO", "ok", f"{version('openvino')}, devices {', '.join(devices)}")


def check_tensorflow() -> Finding:
    """TensorFlow, which trains, and judges on GPUs; not imported, as that takes seconds."""
    names = ("tensorflow", "tensorflow-cpu", "tensorflow-intel")
    found = next((name for name in names if _version_of(name)), None)
    if found is None:
        return Finding("TensorFlow", "note", "not installed", "needed for `fakesweep train` and for GPUs only")
    gpus = sorted(path.name for path in Path("/dev").glob("nvidia[0-9]*"))
    can_use_gpu = found == "tensorflow" and _version_of("nvidia-cudnn-cu12")
    value = f"{found} {_version_of(found)}, " + (f"GPU {', '.join(gpus)}" if gpus else "no GPU")
    if gpus and not can_use_gpu:
        return Finding("TensorFlow", "note", value, "to judge on the GPU: pip install 'tensorflow[and-cuda]'")
    return Finding("TensorFlow", "ok", value)


def check_home(home: Path) -> Finding:
    """The directory of state: that it can be written to, and the space left there."""
    place = next(path for path in (home, *home.parents) if path.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding("home", "missing", f"{home} is not writable", "set FAKESWEEP_HOME to a directory of yours")
    free = shutil.disk_usage(place).free
    value = f"{home}, {free / 1e9:.1f} GB free" + ("" if home.exists() else ", made by the first scan")
    if free < _LITTLE_SPACE_BYTES:
        return Finding("home", "note", value, "free some space, or set FAKESWEEP_HOME to a larger disk")
    return Finding("home", "ok", value)


def _version_of(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _ffmpeg_says(binary: Path, option: str) -> str:
    answer = subprocess.run(
        [str(binary), "-hide_banner", option] if option != "-version" else [str(binary), option],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_FFMPEG_ANSWERS_WITHIN_S,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return answer.stdout
