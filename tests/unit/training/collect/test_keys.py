"""The key is found where it may be, and shown nowhere."""

from pathlib import Path

import pytest

from training.collect.keys import ApiKey, check_base_url, find_key
from training.errors import TrainingError


def test_the_environment_goes_before_dotenv(tmp_path: Path) -> None:
    """What is exported counts more than what a file says."""
    (tmp_path / ".env").write_text("FAKESWEEP_IMAGE_API_KEY=from-file\n")

    key = find_key({"OPENAI_API_KEY": "from-environment"}, folder=tmp_path)

    assert key is not None
    assert (key.value, key.origin) == ("from-environment", "OPENAI_API_KEY in the environment")


@pytest.mark.parametrize(
    "line",
    ["OPENAI_API_KEY=sk-$a#b", "export OPENAI_API_KEY='sk-$a#b'", 'OPENAI_API_KEY="sk-$a#b"  # mine',
     "# OPENAI_API_KEY=no\n\nX=1\nOPENAI_API_KEY = 'sk-$a#b'\r"],
)  # fmt: skip
def test_dotenv_is_read_as_people_write_it(tmp_path: Path, line: str) -> None:
    """Quotes, `export`, comments and dollar signs; nothing is replaced in the value."""
    (tmp_path / ".env").write_text(f"{line}\n")

    key = find_key({}, folder=tmp_path)

    assert key is not None
    assert key.value == "sk-$a#b"


def test_there_may_be_no_key(tmp_path: Path) -> None:
    """Neither an empty variable nor a file without it is a key."""
    (tmp_path / ".env").write_text("OTHER=1\nOPENAI_API_KEY=\n")

    assert find_key({"OPENAI_API_KEY": " "}, folder=tmp_path) is None
    assert find_key({}, folder=tmp_path / "nowhere") is None


def test_a_key_shows_itself_nowhere() -> None:
    """Neither `repr` nor a server's echo gives it away."""
    key = ApiKey("sk-secret", "X")

    assert "sk-secret" not in f"{key} {key!r}"
    assert key.hide_in("wrong key sk-secret!") == "wrong key ***!"


@pytest.mark.parametrize("value", ["two words", "line\nbreak", "schlüssel"])
def test_what_cannot_be_a_key_is_refused(value: str) -> None:
    """A header would break, and the message would not show the value."""
    with pytest.raises(TrainingError, match="no key") as caught:
        ApiKey(value, "X")

    assert value not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["ftp://a/v1", "https://", "a/v1", "https://u:p@a/v1", "https://a/v1?key=1", "https://a:x/v1"]
)
def test_refuses_addresses_that_are_none(url: str) -> None:
    """Only http and https, without passwords and queries."""
    with pytest.raises(TrainingError, match="no address"):
        check_base_url(url, has_key=False, allow_plain_http=False)


def test_a_key_does_not_travel_unencrypted() -> None:
    """Beyond this machine a key needs TLS, or the user's word."""
    with pytest.raises(TrainingError, match="for all to read"):
        check_base_url("http://gpu.example/v1", has_key=True, allow_plain_http=False)

    assert check_base_url("http://gpu.example/v1/", has_key=True, allow_plain_http=True) == "http://gpu.example/v1"
    assert check_base_url("http://gpu.example/v1", has_key=False, allow_plain_http=False) == "http://gpu.example/v1"
    assert check_base_url("http://127.0.0.1:9/v1", has_key=True, allow_plain_http=False) == "http://127.0.0.1:9/v1"
