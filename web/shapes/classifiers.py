"""Classifiers, and the wish to activate one."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from web.shapes.terms import Request, Text


class Classifier(BaseModel):
    """A registered classifier."""

    id: int
    name: str
    version: str
    sha256: str
    is_active: bool
    created_at: str
    activated_at: str | None


class ClassifierList(BaseModel):
    """The registered classifiers, the oldest first."""

    classifiers: list[Classifier]


class ClassifierDetails(Classifier):
    """A classifier with its card and what its manifest says."""

    card: str | None = Field(description="Markdown; null where its files are not here.")
    metrics: dict[str, Any]
    thresholds: dict[str, Any]


class Activation(Request):
    """Why a classifier is activated."""

    reason: Annotated[Text, Field(max_length=4000)] | None = None
