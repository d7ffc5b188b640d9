"""Sends an event to an address: signed, to nobody else than was named, and to no private network unless allowed."""

import hashlib
import hmac
import http.client
import json
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from training.collect.addresses import AddressRule, BlockedAddressError
from training.collect.download import Downloader

SIGNATURE_HEADER = "X-Fakesweep-Signature"
_ANSWERS_WITHIN_S = 10.0
_PORTS = {"http": 80, "https": 443}
# Of an answer nothing is needed but its status.
_READ_BYTES = 1000


class DeliveryError(Exception):
    """Somebody could not be told; the message says why.

    Args:
        is_final: whether trying again is of no use.
    """

    def __init__(self, why: str, *, is_final: bool = False) -> None:
        super().__init__(why)
        self.is_final = is_final


class Sender(Downloader):
    """Posts to addresses that were checked: the name is looked up once, and that address is connected to."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Sends a body; redirects are not followed.

        Raises:
            DeliveryError: no answer, or another than that it was taken.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or _PORTS[parts.scheme]
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            with self._connected(parts.scheme, host, port) as connection:
                connection.request("POST", target, body, dict(headers))
                answer = connection.getresponse()
                answer.read(_READ_BYTES)
        except BlockedAddressError as error:
            raise DeliveryError(f"{error}: set FAKESWEEP_PRIVATE_WEBHOOKS=on to allow it") from error
        except ssl.SSLCertVerificationError as error:
            raise DeliveryError(f"the certificate of {host} is not valid ({error.verify_message})") from error
        except (OSError, http.client.HTTPException) as error:
            raise DeliveryError(f"{host} did not answer ({str(error) or type(error).__name__})") from error
        if answer.status == http.HTTPStatus.GONE:
            raise DeliveryError(f"{host} says that nobody is there any more (410)", is_final=True)
        if not 200 <= answer.status < 300:
            raise DeliveryError(f"{host} answered {answer.status}")


def make_sender(*, allow_private: bool) -> Sender:
    """A sender by the settings."""
    rule = AddressRule(allow_private=allow_private)
    return Sender(rule, "fakesweep", timeout_s=_ANSWERS_WITHIN_S, connect_s=5.0)


def send_event(sender: Sender, url: str, secret: str, event: Mapping[str, Any]) -> None:
    """Sends an event with its signature.

    Raises:
        DeliveryError: it was not taken.
    """
    body = json.dumps(event, separators=(",", ":")).encode()
    moment = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "fakesweep",
        "X-Fakesweep-Event": str(event["event"]),
        "X-Fakesweep-Delivery": str(event["id"]),
        SIGNATURE_HEADER: f"t={moment},v1={sign(secret, moment, body)}",
    }
    sender.post(url, body, headers)


def sign(secret: str, moment: int, body: bytes) -> str:
    """HMAC-SHA256 of "SECONDS.BODY" in hexadecimal digits, as its receiver computes it again."""
    return hmac.new(secret.encode(), str(moment).encode() + b"." + body, hashlib.sha256).hexdigest()
