"""The settings of the web application, read with the others."""

import ipaddress
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from worker.setting_values import one_of, parse_directory, parse_path

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class Variable(NamedTuple):
    """A variable as the documentation and `doctor` show it."""

    name: str
    default: str
    meaning: str


WEB_VARIABLES = (
    Variable(
        "FAKESWEEP_ROOTS",
        "none",
        "directories, parted by colons, below which the web application may submit and show videos",
    ),
    Variable(
        "FAKESWEEP_WEB_URL",
        "none",
        "the address by which people reach the web application through a proxy; with it, a token is always needed",
    ),
    Variable("FAKESWEEP_WEB_HOSTS", "none", "more host names, parted by commas, that requests may name"),
    Variable("FAKESWEEP_WEB_RATE", "50", "requests a second that one token or address may make, on the long run"),
    Variable("FAKESWEEP_UPLOADS", "uploads in FAKESWEEP_HOME", "the directory for uploaded files; workers must see it"),
    Variable("FAKESWEEP_UPLOAD_LIMIT", "20G", "bytes of one upload, with K, M, G or T"),
    Variable("FAKESWEEP_UPLOAD_QUOTA", "200G", "bytes of all uploads together, with K, M, G or T"),
    Variable("FAKESWEEP_PRIVATE_WEBHOOKS", "off", "on or off: whether webhooks may go to private and local addresses"),
    Variable("FAKESWEEP_SMTP_URL", "none", "smtp://, smtp+starttls:// or smtps://USER:PASSWORD@HOST:PORT for e-mail"),
    Variable("FAKESWEEP_MAIL_FROM", "none", "the sender of e-mail"),
    Variable("FAKESWEEP_MAIL_TO", "none", "who gets e-mail when a batch ends or a fake is found, parted by commas"),
)
"""Every variable of the web application, with default and meaning."""


@dataclass(frozen=True)
class WebSettings:
    """What the web application was told.

    Args:
        roots: absolute directories of server files that people may submit and look at.
        url: where people reach it through a proxy, without a slash at the end.
        hosts: further names that a request's Host may have, in lower case.
        rate_per_s: requests that one client may make.
        uploads: None for `uploads` in the home directory.
        upload_limit_bytes: of one file.
        upload_quota_bytes: of all files.
        smtp_url: None where no e-mail is sent.
    """

    roots: tuple[Path, ...] = ()
    url: str | None = None
    hosts: frozenset[str] = frozenset()
    rate_per_s: float = 50.0
    uploads: Path | None = None
    upload_limit_bytes: int = 20 * 2**30
    upload_quota_bytes: int = 200 * 2**30
    allows_private_webhooks: bool = False
    smtp_url: str | None = None
    mail_from: str | None = None
    mail_to: tuple[str, ...] = ()


def read_web_settings(get: Callable[[str, Callable[[str], Any]], Any]) -> WebSettings:
    """Reads the variables with `get`, which takes a name without FAKESWEEP_ and a parser."""
    plain = WebSettings
    return WebSettings(
        roots=get("ROOTS", _parse_roots) or (),
        url=get("WEB_URL", _parse_web_url),
        hosts=get("WEB_HOSTS", _parse_hosts) or frozenset(),
        rate_per_s=get("WEB_RATE", _parse_rate) or plain.rate_per_s,
        uploads=get("UPLOADS", parse_directory),
        upload_limit_bytes=get("UPLOAD_LIMIT", _parse_bytes) or plain.upload_limit_bytes,
        upload_quota_bytes=get("UPLOAD_QUOTA", _parse_bytes) or plain.upload_quota_bytes,
        allows_private_webhooks=get("PRIVATE_WEBHOOKS", one_of(("on", "off"))) == "on",
        smtp_url=get("SMTP_URL", _parse_smtp_url),
        mail_from=get("MAIL_FROM", _parse_address),
        mail_to=get("MAIL_TO", _parse_addresses) or (),
    )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _parse_roots(value: str) -> tuple[Path, ...]:
    roots = tuple(parse_path(part) for part in value.split(os.pathsep) if part.strip())
    for root in roots:
        if not root.is_dir():
            raise ValueError(f"must name directories, got {str(root)!r}, which is none: correct it, or unset it")
    return roots


def _parse_web_url(value: str) -> str:
    parts = _split_url(value.strip())
    if parts is None or parts.scheme not in ("http", "https") or parts.username or parts.path.strip("/"):
        raise ValueError(f"must be like https://fakesweep.example.org, got {value!r}: correct it, or unset it")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _parse_hosts(value: str) -> frozenset[str]:
    hosts = frozenset(part.strip().lower() for part in value.split(",") if part.strip())
    for host in hosts:
        if not re.fullmatch(r"[a-z0-9.-]+|\[[0-9a-f:.]+\]", host):
            raise ValueError(f"must be host names without ports, parted by commas, got {host!r}: correct it")
    return hosts


def _parse_rate(value: str) -> float:
    if not re.fullmatch(r"\d{1,6}(\.\d+)?", value.strip()) or float(value) <= 0:
        raise ValueError(f"must be a number of requests above 0, got {value!r}: correct it, or unset it")
    return float(value)


def _parse_bytes(value: str) -> int:
    found = re.fullmatch(r"(\d{1,15})\s*([KMGT]?)(?:i?B)?", value.strip(), re.IGNORECASE)
    if found is None or int(found[1]) == 0:
        raise ValueError(f"must be bytes, such as 500M or 20G, got {value!r}: correct it, or unset it")
    return int(found[1]) * _UNITS[found[2].upper()]


def _parse_smtp_url(value: str) -> str:
    parts = _split_url(value.strip())
    if parts is None or parts.scheme not in ("smtp", "smtp+starttls", "smtps"):
        # The value may hold a password, so it is not repeated.
        raise ValueError("must be like smtp+starttls://USER:PASSWORD@mail.example.org:587: correct it, or unset it")
    return value.strip()


def _parse_address(value: str) -> str:
    if not re.fullmatch(r"[^\s@<>,;]+@[^\s@<>,;]+", value.strip()):
        raise ValueError(f"must be an e-mail address, got {value!r}: correct it, or unset it")
    return value.strip()


def _parse_addresses(value: str) -> tuple[str, ...]:
    return tuple(_parse_address(part) for part in value.split(",") if part.strip())


def _split_url(value: str) -> Any:
    """The parts of an address with a host, None where it is none."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.hostname else None
