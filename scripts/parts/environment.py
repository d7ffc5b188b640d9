"""Makes the virtual environment of this checkout from the lock, and leaves it alone while nothing changes.

Runs on a bare Python: only the standard library is imported here.
"""

import argparse
import fcntl
import hashlib
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STAMP = "fakesweep-stamp"
UNFINISHED = "fakesweep-unfinished"

# The installed set takes 2.7 GB; pip's own copies of what it downloads come on top while it works.
NEEDED_BYTES = 4_000_000_000
NEW_ENOUGH_GLIBC = (2, 28)

# Variables that would send the installed files somewhere else, or ask for source code.
MISLEADING = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_NO_BINARY", "PIP_REQUIREMENT",
              "PIP_EDITABLE", "PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")  # fmt: skip

OFFLINE = r"could not download|Max retries|NewConnectionError|name resolution|No matching distribution|timed out"


class SetupError(Exception):
    """Setting up cannot go on; the message says what to do."""


def main() -> int:
    """Brings `.venv` up to date, and says in one line why it cannot."""
    parser = argparse.ArgumentParser(prog="scripts/setup", description=__doc__.partition("\n")[0])
    parser.add_argument("--quiet", action="store_true", help="say nothing when there is nothing to do")
    arguments = parser.parse_args()
    try:
        check_platform()
        is_new = bring_up_to_date(ROOT)
    except SetupError as error:
        say(f"scripts/setup: {error}")
        return 1
    except KeyboardInterrupt:
        say("scripts/setup: interrupted; run it again to go on")
        return 130
    if is_new:
        say(f"Ready. Try: {ROOT / 'scripts' / 'scan'} PATH...")
    elif not arguments.quiet:
        say("Already set up; nothing has changed.")
    return 0


def check_platform() -> None:
    """Refuses machines for which TensorFlow and OpenVINO publish no wheels, before anything is downloaded."""
    machine = platform.machine()
    if struct.calcsize("P") != 8:
        raise SetupError(f"{sys.executable} is a 32-bit Python: use a 64-bit one (FAKESWEEP_PYTHON=...)")
    if sys.platform == "darwin" and machine == "arm64":
        return
    if sys.platform != "linux" or machine not in ("x86_64", "aarch64"):
        raise SetupError(
            f"no wheels exist for {sys.platform} on {machine}: use Linux (x86-64, aarch64) or Apple silicon"
        )
    library, version = platform.libc_ver()
    if library != "glibc":
        raise SetupError(
            f"this Python uses the C library {library or 'musl'}, for which TensorFlow has no wheels: "
            "use a system with glibc, such as Debian, Ubuntu or Fedora"
        )
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < NEW_ENOUGH_GLIBC:
        raise SetupError(f"glibc is {version}, and the wheels need 2.28: use a newer system")


def bring_up_to_date(root: Path) -> bool:
    """Installs what the lock says into `root/.venv`; False if that had been done before."""
    if is_up_to_date(root):
        return False
    with only_one(root):
        if is_up_to_date(root):
            return False
        started = time.monotonic()
        environment = make_environment(root)
        install(root, environment)
        write_stamp(root, environment)
    say(f"Set up in {time.monotonic() - started:.0f} s.")
    return True


def is_up_to_date(root: Path) -> bool:
    """True if `.venv` was made from this lock, by this Python, in this place, and the detector is there."""
    environment = root / ".venv"
    try:
        written = (environment / STAMP).read_text()
    except OSError:
        return False
    has_detector = any((root / "worker" / "detectors").glob("*.onnx"))
    return has_detector and (environment / "bin" / "fakesweep").exists() and written == fingerprint(root)


def fingerprint(root: Path) -> str:
    """What an environment is made of: the lock, the project's metadata, Python, and the checkout's place."""
    digest = hashlib.sha256()
    for name in ("requirements.lock", "pyproject.toml", "scripts/fetch_weights"):
        path = root / name
        digest.update(path.read_bytes() if path.exists() else b"absent")
        digest.update(b"\0")
    # Scripts in .venv/bin begin with the place that they were installed in, so a moved checkout is made anew.
    digest.update(os.fsencode(root))
    return f"{digest.hexdigest()} {python_of(root / '.venv')}\n"


def python_of(environment: Path) -> str:
    """The version of Python that an environment was made with, as it says itself; empty when it does not."""
    try:
        lines = (environment / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition("=")[2].strip() for line in lines if line.startswith("version")), "")


@contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Holds this checkout's lock, which the kernel gives back even when we are killed."""
    folder = root / ".cache"
    try:
        folder.mkdir(exist_ok=True)
        lock = (folder / "setup.lock").open("w")
    except OSError as error:
        raise SetupError(f"cannot write in {root}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another setup of this checkout is running; waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make_environment(root: Path) -> Path:
    """An environment with pip in it: the present one where it is whole, a new one otherwise."""
    environment = root / ".venv"
    python = environment / "bin" / "python"
    is_whole = python.exists() and not (environment / UNFINISHED).exists() and not was_moved(root)
    if is_whole and run([str(python), "-I", "-m", "pip", "--version"]) == 0:
        return environment
    # Interpreter of the system: ours may be the very .venv that is about to go.
    base = getattr(sys, "_base_executable", sys.executable)
    free = shutil.disk_usage(root).free
    if free < NEEDED_BYTES:
        needed = f"{NEEDED_BYTES / 1e9:.0f} GB"
        raise SetupError(f"{root} has {free / 1e9:.1f} GB free, and setting up needs {needed}: make room")
    if environment.exists():
        say(f"Making {environment} anew: the one there was not finished, or was made in another place.")
        shutil.rmtree(environment)
    say(f"Making {environment} with Python {platform.python_version()} ...")
    if run([base, "-I", "-m", "venv", str(environment)], log=root / ".cache" / "setup.log") != 0:
        shutil.rmtree(environment, ignore_errors=True)
        raise SetupError(
            f"{base} cannot make a virtual environment (see {root / '.cache' / 'setup.log'}): on Debian and "
            "Ubuntu install python3-venv, or name another Python: FAKESWEEP_PYTHON=/path/to/python3.12"
        )
    return environment


def was_moved(root: Path) -> bool:
    """True if the scripts of `.venv` point into another folder than the one that they lie in."""
    script = root / ".venv" / "bin" / "pip"
    try:
        start = script.read_bytes()[:4096]
    except OSError:
        return True
    return os.fsencode(root / ".venv" / "bin") not in start


def install(root: Path, environment: Path) -> None:
    """Installs the lock, then the project itself, then fetches the face detector."""
    python = str(environment / "bin" / "python")
    pip = [python, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    log = root / ".cache" / "setup.log"
    marker = environment / UNFINISHED
    # Stays behind when we or pip end in the middle of writing: a half-written package looks whole to pip.
    marker.touch()
    count = len(re.findall(r"(?m)^[A-Za-z0-9].*==", (root / "requirements.lock").read_text()))
    say(f"Installing {count} packages (2.7 GB on disk) ...")
    lock = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(root / "requirements.lock")]
    code = run([*pip, *lock], log=log, progress=True)
    if code == 0 or "Installing collected packages" not in log.read_text(errors="replace"):
        marker.unlink()
    if code != 0:
        raise SetupError(explain(log))
    if run([*pip, "--no-deps", "--no-build-isolation", "--editable", str(root)], log=log) != 0:
        raise SetupError(explain(log))
    fetch = root / "scripts" / "fetch_weights"
    say("Fetching the face detector ...")
    if run([python, "-I", str(fetch)], log=log) != 0:
        raise SetupError(explain(log))


def write_stamp(root: Path, environment: Path) -> None:
    """Writes, as the last step and at one blow, what the environment was made of."""
    fresh = environment / f"{STAMP}.new"
    fresh.write_text(fingerprint(root))
    fresh.replace(environment / STAMP)


def run(command: list[str], *, log: Path | None = None, progress: bool = False) -> int:
    """Runs a command with its output in `log`; with `progress`, large downloads are named as they begin."""
    surroundings = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    target = log or Path(os.devnull)
    with (
        target.open("w", errors="replace") as kept,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=surroundings,
            text=True,
            errors="replace",
        ) as process,
    ):
        for line in process.stdout or ():
            kept.write(line)
            large = re.search(r"Downloading ([^-/ ]+)-\S+ \((\d{2,}\.\d MB|.* GB)\)", line)
            if progress and large:
                say(f"  downloading {large[1]} ({large[2]})")
            elif progress and line.startswith("Installing"):
                say("  unpacking")
        return process.wait()


def explain(log: Path) -> str:
    """What went wrong, from the last lines that pip or the fetching left, and the next step."""
    text = log.read_text(errors="replace")
    tail = "\n".join("    " + line for line in text.strip().splitlines()[-8:])
    if "No space left on device" in text:
        hint = "the disk is full: make room here and for temporary files (TMPDIR), then run it again"
    elif "DO NOT MATCH THE HASHES" in text.upper():
        hint = "a downloaded file is not the one that the lock names: look at your package index or mirror"
    elif re.search(OFFLINE, text):
        hint = "a download failed: check the network, or name your mirror to pip, then run it again"
    else:
        hint = "installing failed; run it again, or read the log"
    return f"{hint}\n{tail}\n  The whole log: {log}"


def say(line: str) -> None:
    """Writes a line for people; standard output stays free for what the caller prints."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
