"""The settings: read once from FAKESWEEP_* variables, frozen, and a bad value is refused by its name."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar, cast
from urllib.parse import urlsplit

from worker.pipeline.precision import WANTED_PRECISIONS, WantedPrecision
from worker.setting_values import (
    one_of,
    parse_bundle,
    parse_count,
    parse_days,
    parse_directory,
    parse_hwaccel,
    parse_many,
    parse_megabytes,
    parse_program,
    parse_seconds,
)
from worker.web_settings import WEB_VARIABLES, Variable, WebSettings, read_web_settings

T = TypeVar("T")

Device = Literal["auto", "cpu", "gpu"]

DEVICES = ("auto", "cpu", "gpu")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("text", "json")
BROKER_SCHEMES = ("redis", "rediss", "redis+socket", "sentinel")
DATABASE_SCHEMES = ("sqlite", "postgresql+psycopg", "postgresql", "postgres")

# A lease must outlive a few lost heartbeats, or a busy machine loses scans that are doing well.
HEARTBEATS_PER_LEASE = 2


class SettingsError(Exception):
    """A variable has a value that cannot be used; the message names it, the value and the next step."""


VARIABLES = (
    Variable(
        "FAKESWEEP_HOME",
        "the user's data directory",
        "where the database, the embedded broker, imported classifiers, evaluation sets and evidence are kept",
    ),
    Variable(
        "FAKESWEEP_BROKER_URL",
        "embedded",
        "redis://, rediss://, redis+socket:// or sentinel:// of a broker of yours",
    ),
    Variable(
        "FAKESWEEP_DATABASE_URL",
        "SQLite in FAKESWEEP_HOME",
        "postgresql+psycopg://USER:PASSWORD@HOST/NAME, or sqlite:////path/to/file.db",
    ),
    Variable("FAKESWEEP_DEVICE", "auto", "auto, cpu or gpu: what judges; auto takes a GPU where one is visible"),
    Variable(
        "FAKESWEEP_PRECISION",
        "auto",
        "auto, float32, bfloat16 or int8: how networks calculate; auto takes the fastest with float32's scores; "
        "on a GPU all but float32 is half precision",
    ),
    Variable("FAKESWEEP_CLASSIFIER", "the active one", "the directory of a classifier bundle to judge with"),
    Variable("FAKESWEEP_FFMPEG", "the bundled one", "the path of an ffmpeg program to decode with"),
    Variable(
        "FAKESWEEP_SANDBOX", "auto", "auto or off: whether ffmpeg runs in a sandbox, as far as the kernel has one"
    ),
    Variable(
        "FAKESWEEP_HWACCEL",
        "none",
        "none, cuda, vaapi, vulkan or videotoolbox: the hardware decoder that ffmpeg tries first",
    ),
    Variable(
        "FAKESWEEP_EVIDENCE",
        "evidence in FAKESWEEP_HOME",
        "a directory for the faces that reports show, shared by all machines of a cluster; off keeps none",
    ),
    Variable("FAKESWEEP_CONCURRENCY", "auto", "videos that a worker judges at once; auto is one per usable core"),
    Variable("FAKESWEEP_LOG_LEVEL", "info", "debug, info, warning or error"),
    Variable("FAKESWEEP_LOG_FORMAT", "text", "text, or json for one object per line"),
    Variable("FAKESWEEP_CELERY_EVENTS", "0", "1 lets workers tell the broker of each task, for Flower and the like"),
    Variable("FAKESWEEP_LEASE_S", "20", "seconds without a sign of life after which a scan counts as lost"),
    Variable("FAKESWEEP_HEARTBEAT_S", "5", "seconds between a running scan's signs of life"),
    Variable("FAKESWEEP_SWEEP_S", "5", "seconds between a scheduler's looks for lost scans"),
    Variable("FAKESWEEP_MAX_ATTEMPTS", "3", "starts of a scan before a failure of ours or the machine's is final"),
    Variable("FAKESWEEP_TIME_LIMIT_S", "3600", "wall-clock seconds that one video may take"),
    Variable("FAKESWEEP_GRACE_S", "30", "seconds that a stopping worker gives its running scans to finish"),
    Variable(
        "FAKESWEEP_MAX_MEMORY_MB",
        "1500, 8000 with a GPU",
        "resident memory after which a worker's process is replaced, when it ended its video",
    ),
    Variable("FAKESWEEP_MAX_SCANS", "500", "videos after which a worker's process is replaced"),
    Variable("FAKESWEEP_STILL_S", "10", "seconds for which a file of a watched folder must have kept size and mtime"),
    Variable("FAKESWEEP_KEEP_FRAMES_DAYS", "for ever", "days for which frames and faces of judged videos are kept"),
    Variable("FAKESWEEP_KEEP_EVIDENCE_DAYS", "for ever", "days for which the pictures for reports are kept"),
    Variable("FAKESWEEP_KEEP_BATCHES_DAYS", "for ever", "days for which batches are listed; their verdicts are kept"),
    *WEB_VARIABLES,
)
"""Every variable, its default and its meaning, in the order in which people need them."""


@dataclass(frozen=True)
class Settings:
    """What an installation was told.

    Args:
        home: absolute directory of the state.
        broker_url: None for the embedded broker.
        database_url: None for SQLite in `home`.
        precision: that networks calculate in; on a GPU all but float32 is half precision.
        classifier: directory of a bundle, None for the active one.
        ffmpeg: None for the bundled one.
        is_sandboxed: whether ffmpeg and the probing process are locked in, as far as the kernel can.
        hwaccel: the hardware decoder that is tried first, None for none.
        evidence: directory of the faces that reports show, None for the one in `home`.
        is_evidence_kept: whether those faces are kept at all.
        concurrency: scans at once in a worker, None for one per usable core.
        tells_celery_events: whether workers publish what becomes of each task; nothing of ours listens.
        lease_s: a running scan without a sign of life for so long is lost.
        time_limit_s: wall-clock seconds for one video.
        grace_s: how long a stopping worker waits for its running scans.
        max_memory_mb: megabytes of a pool process, None for what suits the device.
        max_scans: of a pool process.
        still_s: for so long a file of a watched folder must have stayed the same.
        keep_frames_days: None for ever, as for evidence and batches.
        web: of the web application.
    """

    home: Path
    broker_url: str | None = None
    database_url: str | None = None
    device: Device = "auto"
    precision: WantedPrecision = "auto"
    classifier: str | None = None
    ffmpeg: Path | None = None
    is_sandboxed: bool = True
    hwaccel: str | None = None
    evidence: Path | None = None
    is_evidence_kept: bool = True
    concurrency: int | None = None
    log_level: str = "info"
    log_format: str = "text"
    tells_celery_events: bool = False
    lease_s: float = 20.0
    heartbeat_s: float = 5.0
    sweep_s: float = 5.0
    max_attempts: int = 3
    time_limit_s: float = 3600.0
    grace_s: float = 30.0
    max_memory_mb: int | None = None
    max_scans: int = 500
    still_s: float = 10.0
    keep_frames_days: float | None = None
    keep_evidence_days: float | None = None
    keep_batches_days: float | None = None
    web: WebSettings = field(default_factory=WebSettings)

    @property
    def is_embedded_broker(self) -> bool:
        """Whether the broker is the one that we run ourselves."""
        return self.broker_url is None

    @property
    def evidence_directory(self) -> Path | None:
        """Where the faces that reports show are kept, whether it was given or not; None where none are kept."""
        return (self.evidence or self.home / "evidence") if self.is_evidence_kept else None

    @property
    def effective_database_url(self) -> str:
        """The database's address, whether it was given or not."""
        return self.database_url or f"sqlite:///{self.home / 'fakesweep.db'}"


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Reads the FAKESWEEP_* variables; one that is empty counts as unset.

    Raises:
        SettingsError: a value cannot be used.
    """
    read = _Reader(environ)
    settings = Settings(
        home=read.get("HOME", parse_directory) or _default_home(),
        broker_url=read.get("BROKER_URL", _parse_broker_url),
        database_url=read.get("DATABASE_URL", _parse_database_url),
        device=cast("Device", read.get("DEVICE", one_of(DEVICES)) or Settings.device),
        precision=cast("WantedPrecision", read.get("PRECISION", one_of(WANTED_PRECISIONS)) or Settings.precision),
        classifier=read.get("CLASSIFIER", parse_bundle),
        ffmpeg=read.get("FFMPEG", parse_program),
        is_sandboxed=read.get("SANDBOX", one_of(("auto", "off"))) != "off",
        hwaccel=read.get("HWACCEL", parse_hwaccel),
        evidence=read.get("EVIDENCE", _parse_evidence),
        is_evidence_kept=not _is_off(environ.get("FAKESWEEP_EVIDENCE", "")),
        concurrency=read.get("CONCURRENCY", _parse_concurrency),
        log_level=read.get("LOG_LEVEL", one_of(LOG_LEVELS)) or Settings.log_level,
        log_format=read.get("LOG_FORMAT", one_of(LOG_FORMATS)) or Settings.log_format,
        tells_celery_events=read.get("CELERY_EVENTS", one_of(("0", "1"))) == "1",
        lease_s=read.get("LEASE_S", parse_seconds) or Settings.lease_s,
        heartbeat_s=read.get("HEARTBEAT_S", parse_seconds) or Settings.heartbeat_s,
        sweep_s=read.get("SWEEP_S", parse_seconds) or Settings.sweep_s,
        max_attempts=read.get("MAX_ATTEMPTS", parse_count) or Settings.max_attempts,
        time_limit_s=read.get("TIME_LIMIT_S", parse_seconds) or Settings.time_limit_s,
        grace_s=read.get("GRACE_S", parse_seconds) or Settings.grace_s,
        max_memory_mb=read.get("MAX_MEMORY_MB", parse_megabytes),
        max_scans=read.get("MAX_SCANS", parse_many) or Settings.max_scans,
        still_s=read.get("STILL_S", parse_seconds) or Settings.still_s,
        keep_frames_days=read.get("KEEP_FRAMES_DAYS", parse_days),
        keep_evidence_days=read.get("KEEP_EVIDENCE_DAYS", parse_days),
        keep_batches_days=read.get("KEEP_BATCHES_DAYS", parse_days),
        web=read_web_settings(read.get),
    )
    if settings.lease_s < HEARTBEATS_PER_LEASE * settings.heartbeat_s:
        raise SettingsError(
            f"FAKESWEEP_LEASE_S must be at least {HEARTBEATS_PER_LEASE} times FAKESWEEP_HEARTBEAT_S "
            f"({settings.heartbeat_s:g}), got {settings.lease_s:g}: raise the first or lower the second"
        )
    return settings


def mask_url(url: str) -> str:
    """The address with its passwords hidden, fit for logs and messages."""
    return ";".join(_mask_one(single) for single in _single_urls(url))


def _single_urls(value: str) -> list[str]:
    """The brokers of a list parted by semicolons, of which the next is tried when one is down."""
    return re.split(r";(?=[a-z+]+://)", value)


def _mask_one(url: str) -> str:
    # From the first colon after the scheme to the last @: a password may hold slashes and @ itself.
    masked = re.sub(r"(://[^/@:]*:).*@", r"\1***@", url)
    return re.sub(r"([?&][^=&]*password=)[^&]*", r"\1***", masked)


class _Reader:
    """Looks variables up and names them in what their parser complains of."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def get(self, suffix: str, parse: Callable[[str], T]) -> T | None:
        """The parsed value, None where the variable is unset or empty."""
        name = f"FAKESWEEP_{suffix}"
        value = self._environ.get(name, "")
        if not value.strip():
            return None
        try:
            return parse(value)
        except ValueError as error:
            raise SettingsError(f"{name} {error}") from error


def _default_home() -> Path:
    from platformdirs import user_data_path  # noqa: PLC0415 - not needed where FAKESWEEP_HOME is set

    return user_data_path("fakesweep")


def _parse_evidence(value: str) -> Path | None:
    return None if _is_off(value) else parse_directory(value)


def _is_off(value: str) -> bool:
    return value.strip().lower() == "off"


def _parse_broker_url(value: str) -> str:
    advice = "write redis://:PASSWORD@HOST:6379/0, or unset it for the embedded broker"
    for url in _single_urls(value):
        _check_url(url, BROKER_SCHEMES, advice)
    return value


def _parse_database_url(value: str) -> str:
    advice = "write postgresql+psycopg://USER:PASSWORD@HOST/NAME, or unset it for SQLite"
    _check_url(value, DATABASE_SCHEMES, advice)
    if value.startswith("sqlite") and not value.startswith("sqlite:///"):
        raise ValueError(f"must have three slashes and a path, got {value!r}: write sqlite:////path/to/file.db")
    return value


def _check_url(url: str, schemes: tuple[str, ...], advice: str) -> None:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in schemes or not rest:
        kinds = ", ".join(f"{scheme}://" for scheme in schemes)
        raise ValueError(f"must start with one of {kinds}, got {mask_url(url)!r}: {advice}")
    if scheme in ("redis+socket", "sqlite"):
        return
    try:
        _ = urlsplit(url).port
    except ValueError as error:
        raise ValueError(f"has no usable host and port, got {mask_url(url)!r}: {advice}") from error


def _parse_concurrency(value: str) -> int | None:
    return None if value.strip().lower() == "auto" else parse_count(value)
