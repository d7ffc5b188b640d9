"""Makes a page of a card's Markdown: headings, paragraphs, lists, tables and emphasis; everything else is text.

A bundle may come from strangers, so every character is escaped first, and no address becomes a link.
"""

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`]+)`")
_STRONG = re.compile(r"\*\*([^*]+)\*\*")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_RULE = re.compile(r"\|?[\s:|-]+\|[\s:|-]*")
# The page itself has the first heading.
_HIGHEST = 2
_LOWEST = 4


def render_card(text: str) -> Markup:
    """The card as HTML."""
    return Markup("\n").join(_blocks(text.splitlines()))


def _blocks(lines: list[str]) -> Iterator[Markup]:
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
        elif line.startswith("#"):
            yield _heading(line)
            at += 1
        else:
            end = _end_of_block(lines, at)
            yield _block(lines[at:end])
            at = end


def _end_of_block(lines: list[str], at: int) -> int:
    end = at
    while end < len(lines) and lines[end].strip() and not lines[end].startswith("#"):
        end += 1
    return end


def _heading(line: str) -> Markup:
    marks = len(line) - len(line.lstrip("#"))
    level = min(_LOWEST, max(_HIGHEST, marks))
    return Markup("<h{0}>{1}</h{0}>").format(level, _inline(line.lstrip("#").strip()))


def _block(lines: list[str]) -> Markup:
    if lines[0].lstrip().startswith("|") and len(lines) > 1 and _RULE.fullmatch(lines[1].strip()):
        return _table(lines)
    if lines[0].lstrip().startswith(("- ", "* ")):
        return _list(lines)
    return Markup("<p>{}</p>").format(_inline(" ".join(line.strip() for line in lines)))


def _list(lines: list[str]) -> Markup:
    items: list[str] = []
    for line in lines:
        stripped = line.strip()
        if stripped.startswith(("- ", "* ")):
            items.append(stripped[2:])
        else:
            items[-1] += f" {stripped}"
    return Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(_inline(item)) for item in items))


def _table(lines: list[str]) -> Markup:
    head, *rows = (_cells(line) for place, line in enumerate(lines) if place != 1)
    top = Markup("").join(Markup('<th scope="col">{}</th>').format(cell) for cell in head)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row))
        for row in rows
    )
    return Markup('<div class="table"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>').format(
        top, body
    )


def _cells(line: str) -> list[Markup]:
    return [_inline(cell.strip()) for cell in line.strip().strip("|").split("|")]


def _inline(text: str) -> Markup:
    """Emphasis and code; a link's address stands behind its words, as text."""
    escaped = str(escape(_LINK.sub(r"\1 (\2)", text)))
    escaped = _CODE.sub(r"<code>\1</code>", escaped)
    return Markup(_STRONG.sub(r"<strong>\1</strong>", escaped))  # noqa: S704 - escaped above
