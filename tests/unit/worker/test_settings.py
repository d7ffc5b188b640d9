"""Settings are read once, and a bad value is refused by its name."""

from pathlib import Path

import pytest

from worker.settings import VARIABLES, Settings, SettingsError, mask_url, read_settings
from worker.web_settings import WebSettings


def test_defaults_need_no_variable() -> None:
    """Without any variable: the user's data directory, the embedded broker, SQLite."""
    settings = read_settings({})

    assert settings.home.name == "fakesweep"
    assert settings.is_embedded_broker
    assert settings.effective_database_url == f"sqlite:///{settings.home}/fakesweep.db"
    assert (settings.device, settings.concurrency, settings.log_level) == ("auto", None, "info")
    assert (settings.lease_s, settings.heartbeat_s, settings.sweep_s) == (20.0, 5.0, 5.0)


def test_an_empty_variable_counts_as_unset() -> None:
    """Compose files hand on variables that nobody set as empty ones."""
    assert read_settings({name: "" for name, _, _ in VARIABLES}) == read_settings({})


def test_every_variable_is_read(tmp_path: Path) -> None:
    """What is documented is what counts."""
    program = tmp_path / "ffmpeg"
    program.touch(mode=0o755)
    environ = {
        "FAKESWEEP_HOME": str(tmp_path),
        "FAKESWEEP_BROKER_URL": "rediss://:pw@host:6380/1",
        "FAKESWEEP_DATABASE_URL": "postgresql+psycopg://u:p@host/name",
        "FAKESWEEP_DEVICE": "CPU",
        "FAKESWEEP_PRECISION": "int8",
        "FAKESWEEP_CLASSIFIER": str(tmp_path),
        "FAKESWEEP_FFMPEG": str(program),
        "FAKESWEEP_SANDBOX": "off",
        "FAKESWEEP_HWACCEL": "VAAPI",
        "FAKESWEEP_EVIDENCE": str(tmp_path),
        "FAKESWEEP_CONCURRENCY": "3",
        "FAKESWEEP_LOG_LEVEL": "debug",
        "FAKESWEEP_LEASE_S": "40",
        "FAKESWEEP_HEARTBEAT_S": "10",
        "FAKESWEEP_SWEEP_S": "2.5",
        "FAKESWEEP_MAX_ATTEMPTS": "5",
        "FAKESWEEP_TIME_LIMIT_S": "60",
        "FAKESWEEP_GRACE_S": "7",
        "FAKESWEEP_LOG_FORMAT": "json",
        "FAKESWEEP_CELERY_EVENTS": "1",
        "FAKESWEEP_MAX_MEMORY_MB": "2000",
        "FAKESWEEP_MAX_SCANS": "50",
        "FAKESWEEP_STILL_S": "4",
        "FAKESWEEP_KEEP_FRAMES_DAYS": "30",
        "FAKESWEEP_KEEP_EVIDENCE_DAYS": "7.5",
        "FAKESWEEP_KEEP_BATCHES_DAYS": "365",
        "FAKESWEEP_ROOTS": f"{tmp_path}:{tmp_path}",
        "FAKESWEEP_WEB_URL": "https://Fakesweep.example.org/",
        "FAKESWEEP_WEB_HOSTS": "one.example.org, two",
        "FAKESWEEP_WEB_RATE": "12.5",
        "FAKESWEEP_UPLOADS": str(tmp_path),
        "FAKESWEEP_UPLOAD_LIMIT": "500M",
        "FAKESWEEP_UPLOAD_QUOTA": "2g",
        "FAKESWEEP_PRIVATE_WEBHOOKS": "on",
        "FAKESWEEP_SMTP_URL": "smtps://u:p@mail.example.org:465",
        "FAKESWEEP_MAIL_FROM": "fakesweep@example.org",
        "FAKESWEEP_MAIL_TO": "a@example.org, b@example.org",
    }

    settings = read_settings(environ)

    assert set(environ) == {name for name, _, _ in VARIABLES}
    assert settings == Settings(
        home=tmp_path,
        broker_url="rediss://:pw@host:6380/1",
        database_url="postgresql+psycopg://u:p@host/name",
        device="cpu",
        precision="int8",
        classifier=str(tmp_path),
        ffmpeg=program,
        is_sandboxed=False,
        hwaccel="vaapi",
        evidence=tmp_path,
        concurrency=3,
        log_level="debug",
        lease_s=40.0,
        heartbeat_s=10.0,
        sweep_s=2.5,
        max_attempts=5,
        time_limit_s=60.0,
        grace_s=7.0,
        log_format="json",
        tells_celery_events=True,
        max_memory_mb=2000,
        max_scans=50,
        still_s=4.0,
        keep_frames_days=30.0,
        keep_evidence_days=7.5,
        keep_batches_days=365.0,
        web=WebSettings(
            roots=(tmp_path, tmp_path),
            url="https://fakesweep.example.org",
            hosts=frozenset({"one.example.org", "two"}),
            rate_per_s=12.5,
            uploads=tmp_path,
            upload_limit_bytes=500 * 2**20,
            upload_quota_bytes=2 * 2**30,
            allows_private_webhooks=True,
            smtp_url="smtps://u:p@mail.example.org:465",
            mail_from="fakesweep@example.org",
            mail_to=("a@example.org", "b@example.org"),
        ),
    )


def test_evidence_lies_in_the_state_directory_unless_it_is_off(tmp_path: Path) -> None:
    """A shared directory can be named, and a word keeps none at all."""
    home = {"FAKESWEEP_HOME": str(tmp_path)}

    assert read_settings(home).evidence_directory == tmp_path / "evidence"
    assert read_settings({**home, "FAKESWEEP_EVIDENCE": "/mnt/faces"}).evidence_directory == Path("/mnt/faces")
    assert read_settings({**home, "FAKESWEEP_EVIDENCE": "Off"}).evidence_directory is None


def test_no_hardware_decoder_is_the_default_and_has_a_name() -> None:
    """Whoever inherits the variable can switch it off; one that does not bring its pictures back says why not."""
    assert read_settings({}).hwaccel is None
    assert read_settings({"FAKESWEEP_HWACCEL": "None"}).hwaccel is None
    with pytest.raises(SettingsError, match="'qsv', which leaves its pictures on the device; vaapi uses the same"):
        read_settings({"FAKESWEEP_HWACCEL": "qsv"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOME", "/etc/passwd"),
        ("ROOTS", "/nowhere"),
        ("WEB_URL", "fakesweep.example.org"),
        ("WEB_URL", "https://host/path"),
        ("WEB_HOSTS", "host:80"),
        ("WEB_RATE", "0"),
        ("WEB_RATE", "inf"),
        ("UPLOADS", "/etc/passwd"),
        ("UPLOAD_LIMIT", "0"),
        ("UPLOAD_LIMIT", "much"),
        ("PRIVATE_WEBHOOKS", "maybe"),
        ("MAIL_FROM", "a@b, c@d"),
        ("MAIL_TO", "nobody"),
        ("HOME", "~nobody-of-this-name/x"),
        ("ROOTS", "~nobody-of-this-name/x"),
        ("HOME", "/" + "x" * 256),
        ("CLASSIFIER", "/" + "x" * 256),
        ("FFMPEG", "/" + "x" * 256),
        ("ROOTS", "/" + "x" * 256),
        ("EVIDENCE", "/" + "x" * 256),
        ("BROKER_URL", "amqp://host"),
        ("BROKER_URL", "redis://host:port"),
        ("BROKER_URL", "host:6379"),
        ("DATABASE_URL", "mysql://host/name"),
        ("DATABASE_URL", "sqlite://file.db"),
        ("DEVICE", "tpu"),
        ("HWACCEL", "gpu"),
        ("HWACCEL", "qsv"),
        ("CLASSIFIER", "/nowhere"),
        ("FFMPEG", "/etc/passwd"),
        ("CONCURRENCY", "0"),
        ("CONCURRENCY", "-1"),
        ("CONCURRENCY", "two"),
        ("CONCURRENCY", "٣"),
        ("LOG_LEVEL", "loud"),
        ("LEASE_S", "nan"),
        ("LEASE_S", "-5"),
        ("HEARTBEAT_S", "inf"),
        ("SWEEP_S", "0"),
        ("MAX_ATTEMPTS", "1.5"),
        ("TIME_LIMIT_S", "1h"),
        ("GRACE_S", "604801"),
        ("KEEP_FRAMES_DAYS", "0"),
        ("LOG_FORMAT", "xml"),
        ("MAX_MEMORY_MB", "99"),
        ("MAX_MEMORY_MB", "1.5G"),
        ("MAX_SCANS", "0"),
        ("KEEP_BATCHES_DAYS", "nan"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    """The message names the variable and the value, and says what to do."""
    with pytest.raises(SettingsError) as raised:
        read_settings({f"FAKESWEEP_{name}": value})

    message = str(raised.value)
    assert message.startswith(f"FAKESWEEP_{name} ")
    assert value in message
    assert ": " in message


def test_a_lease_shorter_than_its_heartbeats_is_refused() -> None:
    """A lease must outlive a lost heartbeat."""
    with pytest.raises(SettingsError, match=r"FAKESWEEP_LEASE_S must be at least 2 times"):
        read_settings({"FAKESWEEP_LEASE_S": "8"})


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("redis://:p/a@ss@host/0", "redis://:***@host/0"),
        ("redis://user:secret@host:6379/0", "redis://user:***@host:6379/0"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis+socket:///run/s?virtual_host=0&password=abc", "redis+socket:///run/s?virtual_host=0&password=***"),
        ("redis://:a@one;redis://:b@two", "redis://:***@one;redis://:***@two"),
    ],
)
def test_passwords_are_masked(url: str, masked: str) -> None:
    """No password reaches a log, in whichever place of an address it stands."""
    assert mask_url(url) == masked


def test_a_refused_address_does_not_show_its_password() -> None:
    """The message about a bad address masks it too."""
    with pytest.raises(SettingsError) as raised:
        read_settings({"FAKESWEEP_BROKER_URL": "amqp://user:secret@host"})

    assert "secret" not in str(raised.value)
