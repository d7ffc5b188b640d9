"""Writes and sends e-mail: when a batch ended, and of the fakes of the last minutes."""

import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

from web.notices.webhook import DeliveryError
from worker.web_settings import WebSettings

_ANSWERS_WITHIN_S = 20.0
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def send_mail(settings: WebSettings, subject: str, text: str) -> None:
    """Sends one message to everybody who gets e-mail.

    Raises:
        DeliveryError: the server did not take it.
    """
    message = EmailMessage()
    message["From"] = settings.mail_from or settings.mail_to[0]
    message["To"] = ", ".join(settings.mail_to)
    message["Subject"] = _one_line(subject)
    message.set_content(text)
    parts = urlsplit(settings.smtp_url or "")
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        with _connected(parts.scheme, host, port) as server:
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        # A refusal of the sender or the password repeats neither.
        raise DeliveryError(f"the mail server {host} refused ({type(error).__name__})") from error


def words_of_batch(batch: Mapping[str, Any], url: str | None) -> tuple[str, str]:
    """Subject and text that say how a batch ended."""
    verdicts, counts = batch["verdicts"], batch["counts"]
    states = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    lines = [
        f"Batch {batch['id']} ({_one_line(batch['name'])}) has ended.",
        "",
        f"Files: {batch['submitted']} ({states})",
        f"Verdicts: {verdicts['fake']} fake, {verdicts['uncertain']} uncertain, {verdicts['real']} real",
        *_link(url, f"/batches/{batch['id']}"),
    ]
    return f"fakesweep: batch {batch['id']} ended, {verdicts['fake']} fake", "\n".join(lines) + "\n"


def words_of_fakes(videos: Sequence[Mapping[str, Any]], total: int, url: str | None) -> tuple[str, str]:
    """Subject and text that list fakes, the highest first."""
    lines = [f"{total} judged fake of late:", ""]
    lines += [f"  {video['score']:.3f}  {_one_line(video['path'])}  (video {video['id']})" for video in videos]
    if total > len(videos):
        lines.append(f"  ... and {total - len(videos)} more")
    lines += ["", "A verdict is a reason to look, not a proof.", *_link(url, "/videos?verdict=fake")]
    return f"fakesweep: {total} judged fake", "\n".join(lines) + "\n"


def _connected(scheme: str, host: str, port: int) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=_ANSWERS_WITHIN_S, context=context)
    server = smtplib.SMTP(host, port, timeout=_ANSWERS_WITHIN_S)
    if scheme == "smtp+starttls":
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
    return server


def _link(url: str | None, path: str) -> list[str]:
    return [] if url is None else ["", url + path]


def _one_line(text: str) -> str:
    """Text without what would break a line, or a header."""
    escape: Callable[[str], str] = lambda letter: letter if letter.isprintable() else "\ufffd"  # noqa: E731
    return "".join(map(escape, text))
