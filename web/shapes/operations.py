"""What runs, and with which settings."""

from typing import Any

from pydantic import BaseModel


class Worker(BaseModel):
    """A worker seen of late."""

    name: str
    host: str
    pid: int
    queues: str
    concurrency: int
    up_s: float
    seen_s_ago: float
    running: list[dict[str, Any]]


class WorkerList(BaseModel):
    """The workers that live."""

    workers: list[Worker]


class Setting(BaseModel):
    """A setting as it is in force, without secrets."""

    name: str
    value: str
    default: str
    meaning: str


class SettingList(BaseModel):
    """Every setting."""

    settings: list[Setting]
