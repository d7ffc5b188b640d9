"""Fixtures that every test may ask for."""

from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import settings

# A drawn example may take long on a machine that does much else; that is no failure.
settings.register_profile("ours", deadline=None)
settings.load_profile("ours")

pytest_plugins = ["tests.browser", "tests.clips", "tests.services"]


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
    """Lets a test log file names of any bytes: what is no text would end the process that runs the test."""
    data = yield
    return None if data is None else {name: _as_text(value) for name, value in data.items()}


def _as_text(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, list | tuple):
        return type(value)(_as_text(part) for part in value)
    if isinstance(value, dict):
        return {_as_text(name): _as_text(part) for name, part in value.items()}
    return value
