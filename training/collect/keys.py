"""Finds the API's key, and keeps it out of everything that is shown or stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

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
