"""Finds the API's key, and keeps it out of everything that is shown, stored or sent in the open."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from training.errors import TrainingError

KEY_VARIABLES = ("FAKESWEEP_IMAGE_API_KEY", "OPENAI_API_KEY")
DOTENV = ".env"


@dataclass(frozen=True)
class ApiKey:
    """A secret, and what it was called where it was found.

    Args:
        value: never shown, not even by `repr`.
        origin: such as "OPENAI_API_KEY in .env".
    """

    value: str = field(repr=False)
    origin: str

    def __post_init__(self) -> None:
        if not (self.value.isascii() and self.value.isprintable() and " " not in self.value):
            raise TrainingError(f"{self.origin} holds something that is no key: write the key alone, on one line")

    def hide_in(self, text: str) -> str:
        """The text without the key, should a server have repeated it."""
        return text.replace(self.value, "***")


def find_key(environ: Mapping[str, str], *, folder: Path) -> ApiKey | None:
    """The key from the environment, else from `.env` in a directory; None where there is none.

    Raises:
        TrainingError: `.env` cannot be read, or holds no key under the name.
    """
    found = _first(environ, "the environment")
    dotenv = folder / DOTENV
    if found is not None or not dotenv.is_file():
        return found
    return _first(_read_dotenv(dotenv), str(dotenv))


def check_base_url(base_url: str, *, has_key: bool, allow_plain_http: bool) -> str:
    """The address without a slash at its end.

    Raises:
        TrainingError: it is none, or would give the key away.
    """
    url = base_url.rstrip("/")
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or parts.username is not None or parts.query or parts.fragment:
        raise TrainingError(f"{url!r} is no address of an API: write --base-url https://HOST/v1")
    is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme == "http" and has_key and not is_local and not allow_plain_http:
        raise TrainingError(
            f"the key would travel to {url} for all to read: write https://, or --plain-http if the network is yours"
        )
    return url


def _first(values: Mapping[str, str], place: str) -> ApiKey | None:
    for name in KEY_VARIABLES:
        value = values.get(name, "").strip()
        if value:
            return ApiKey(value, f"{name} in {place}")
    return None


def _read_dotenv(path: Path) -> Mapping[str, str]:
    from dotenv import dotenv_values  # noqa: PLC0415 - only where there is such a file

    try:
        # Without interpolation: a key may hold a dollar sign.
        values = dotenv_values(path, interpolate=False)
    except UnicodeDecodeError as error:
        raise TrainingError(f"{path} is not in UTF-8: save it so, or set {KEY_VARIABLES[0]}") from error
    return {name: value for name, value in values.items() if value is not None}
