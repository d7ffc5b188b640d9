"""Downloads a file whole or not at all: resumable, checked by its hashes, put in place by one rename.

Runs on a bare Python: only the standard library is imported here.
"""

import fcntl
import hashlib
import http.client
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import Any

CHUNK_BYTES = 1 << 20
# A server that says nothing for this long has gone.
TIMEOUT_S = 60
# The largest file in question has 111 MB; a mirror that sends without end must not fill the disk.
LARGEST_BYTES = 500_000_000


class FetchError(Exception):
    """Something could not be fetched; the message says what, why, and what to do."""


def download(source: str, target: Path, hashes: Mapping[str, str]) -> None:
    """Puts what lies at `source` in place, if it has the hashes; what came of an earlier try is gone on with.

    Args:
        source: an http(s) address, or a path.
        target: where it goes.
        hashes: by the algorithm's name in hashlib, in hex.

    Raises:
        FetchError: it cannot be had, broke off, or is another file.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _partial(target) as file:
            resumed = _fill(file, source)
            if resumed and not _matches(file, hashes):
                # What was there before came from another version of the file, or from another mirror.
                _empty(file)
                _fill(file, source)
            _require(file, source, hashes)
            file.flush()
            Path(file.name).replace(target)
    except OSError as error:
        raise FetchError(f"{target} cannot be written ({error.strerror}): free some space, or check rights") from error


def has_hashes(path: Path, hashes: Mapping[str, str]) -> bool:
    """Whether a file is there and has all of the hashes."""
    try:
        with path.open("rb") as file:
            return _matches(file, hashes)
    except OSError:
        return False


@contextmanager
def _partial(target: Path) -> Iterator[BufferedRandom]:
    """The file that grows beside the target, held by this process alone; stays for the next try."""
    path = target.with_name(f".{target.name}.partial")
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FetchError(f"{target} is being fetched by another process: wait for it") from error
        if not (path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())):
            # It was put in place between our opening and our locking; emptying it now would destroy it.
            raise FetchError(f"{target} has just been fetched by another process: run it again")
        try:
            yield file
        finally:
            if not os.fstat(file.fileno()).st_size:
                path.unlink(missing_ok=True)


def _fill(file: BufferedRandom, source: str) -> bool:
    """Appends what is missing; whether there was something before."""
    have = file.seek(0, 2)
    if not source.startswith(("http://", "https://")):
        _copy_local(file, Path(source))
        return False
    request = urllib.request.Request(source, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310 - http(s), see above
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
            if have and answer.status != http.HTTPStatus.PARTIAL_CONTENT:
                _empty(file)
                have = 0
            _receive(file, answer, source, have)
    except urllib.error.HTTPError as error:
        if have and error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            # All of it was there already, or more than all; the hash tells.
            return True
        raise FetchError(
            f"{source} answers {error.code} {error.reason}: check the address, or give --mirror"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise FetchError(
            f"{source} cannot be reached or broke off ({why}): check the network, or give --mirror;"
            " the next run goes on where this one ended"
        ) from error
    return have > 0


def _receive(file: BufferedRandom, answer: Any, source: str, have: int) -> None:
    length = answer.headers.get("Content-Length")
    total = have + int(length) if length is not None and length.isdigit() else None
    done, told = have, 0
    while chunk := answer.read(CHUNK_BYTES):
        file.write(chunk)
        done += len(chunk)
        if done > LARGEST_BYTES:
            _empty(file)
            raise FetchError(f"{source} sends more than {LARGEST_BYTES} bytes: it is not the file that was asked for")
        if total and done * 10 // total > told:
            told = done * 10 // total
            print(f"  {done / 1e6:.0f} of {total / 1e6:.0f} MB", file=sys.stderr)
    file.flush()
    if total is not None and done < total:
        raise FetchError(f"{source} broke off after {done} of {total} bytes: run it again to go on from there")


def _copy_local(file: BufferedRandom, source: Path) -> None:
    _empty(file)
    try:
        opened = source.open("rb")
    except OSError as error:
        raise FetchError(f"{source} cannot be read ({error.strerror}): check --mirror") from error
    with opened as found:
        shutil.copyfileobj(found, file)


def _require(file: BufferedRandom, source: str, hashes: Mapping[str, str]) -> None:
    """Refuses, and forgets, content with other hashes."""
    for algorithm, expected in hashes.items():
        found = _digest(file, algorithm)
        if found != expected:
            _empty(file)
            raise FetchError(
                f"{source} has {algorithm} {found}, expected {expected}:"
                " it was altered on the way, or another file lies there"
            )


def _matches(file: BufferedRandom | BufferedReader, hashes: Mapping[str, str]) -> bool:
    return all(_digest(file, algorithm) == expected for algorithm, expected in hashes.items())


def _digest(file: BufferedRandom | BufferedReader, algorithm: str) -> str:
    file.flush()
    file.seek(0)
    # MD5 is what some publishers pin; it is named to the user where nothing better is known.
    return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def _empty(file: BufferedRandom) -> None:
    file.seek(0)
    file.truncate()
