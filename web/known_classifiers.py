"""What pages and API do alike with classifiers: find one, read its card, let it judge, go back."""

from pathlib import Path

from db.registry import RegisteredClassifier, read_classifier
from web.context import Context
from web.problems import ProblemError

_CARD = "card.md"
_LARGEST_CARD_BYTES = 1_000_000
_NO_DOOR = "this server changes no classifiers: start it with `fakesweep serve`"


def require_classifier(context: Context, classifier_id: int, *, see: str) -> RegisteredClassifier:
    """The classifier with this id; `see` says where the others are listed.

    Raises:
        ProblemError: there is none.
    """
    with context.database.read() as session:
        found = read_classifier(session, classifier_id)
    if found is None:
        raise ProblemError(404, f"there is no classifier {classifier_id}: see {see}")
    return found


def read_card(found: RegisteredClassifier) -> str | None:
    """Its card, as Markdown; None where its files are not here."""
    try:
        with (Path(found.path) / _CARD).open("rb") as file:
            return file.read(_LARGEST_CARD_BYTES).decode(errors="replace")
    except OSError:
        return None


def activate_classifier(context: Context, found: RegisteredClassifier, *, reason: str | None, actor: str) -> None:
    """Takes it through the gate.

    Raises:
        ProblemError: it was refused, or this server changes none.
    """
    if context.doors.activate is None:
        raise ProblemError(503, _NO_DOOR)
    try:
        context.doors.activate(found, reason, actor)
    except ValueError as error:
        raise ProblemError(409, str(error)) from error


def go_back(context: Context, *, reason: str | None, actor: str) -> None:
    """Lets the classifier before this one judge again.

    Raises:
        ProblemError: there is none, or this server changes none.
    """
    if context.doors.roll_back is None:
        raise ProblemError(503, _NO_DOOR)
    try:
        context.doors.roll_back(reason, actor)
    except ValueError as error:
        raise ProblemError(409, str(error)) from error
