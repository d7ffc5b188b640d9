"""Damages a file by chance: pure functions of its bytes, its anatomy and a generator of numbers."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from scripts.parts.fuzz_structure import Anatomy, Span, anatomy_of

HEADER_BYTES = 4096
_TEMPTING_BYTES = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF)
_LONGEST_NOISE = 2048
_MOST_DAMAGES = 3


@dataclass(frozen=True)
class Sick:
    """A healthy file to be damaged, and another one to take parts from."""

    content: bytes
    anatomy: Anatomy
    other: bytes


Damage = Callable[[Sick, random.Random], bytes]


@dataclass(frozen=True)
class Damaged:
    """What came of it, and the names of what was done."""

    content: bytes
    damages: tuple[str, ...]


def damage(content: bytes, other: bytes, *, container: str, chance: random.Random) -> Damaged:
    """Damages a file in one way, or in up to three.

    Args:
        content: of a healthy file.
        other: of another one, of any container.
        container: the ending of the first one's name.
    """
    names = tuple(chance.choice(sorted(DAMAGES)) for _ in range(chance.choice((1, 1, 2, _MOST_DAMAGES))))
    for name in names:
        # The anatomy of the healthy file is wrong by now where parts have moved: all the better.
        content = DAMAGES[name](Sick(content, anatomy_of(container, content), other), chance)
    return Damaged(content, names)


def _flip_bits(sick: Sick, chance: random.Random) -> bytes:
    changed = bytearray(sick.content)
    for _ in range(chance.choice((1, 2, 8, 64, 512))):
        if changed:
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _edit_header(sick: Sick, chance: random.Random) -> bytes:
    changed = bytearray(sick.content)
    for _ in range(chance.randint(1, 16)):
        if changed:
            changed[chance.randrange(min(len(changed), HEADER_BYTES))] = _tempting_byte(chance)
    return bytes(changed)


def _make_noise(sick: Sick, chance: random.Random) -> bytes:
    start = chance.randrange(len(sick.content) + 1)
    length = chance.randint(1, _LONGEST_NOISE)
    return sick.content[:start] + chance.randbytes(length) + sick.content[start + length :]


def _cut_end(sick: Sick, chance: random.Random) -> bytes:
    return sick.content[: chance.randrange(len(sick.content) + 1)]


def _cut_start(sick: Sick, chance: random.Random) -> bytes:
    return sick.content[chance.randint(0, min(len(sick.content), HEADER_BYTES)) :]


def _lie_about_size(sick: Sick, chance: random.Random) -> bytes:
    changed = bytearray(sick.content)
    for _ in range(chance.randint(1, 4)):
        if not sick.anatomy.sizes:
            break
        field = chance.choice(sick.anatomy.sizes)
        order = "little" if field.is_little else "big"
        stretch = changed[field.start : field.start + field.width]
        size = int.from_bytes(stretch, "little" if field.is_little else "big")
        largest = (1 << 8 * field.width) - 1
        lie = chance.choice((0, 1, 7, size - 1, size + 1, size * 2, largest, largest >> 1, chance.randint(0, largest)))
        lie = min(largest, max(0, lie))
        changed[field.start : field.start + len(stretch)] = lie.to_bytes(field.width, order)[: len(stretch)]  # type: ignore[arg-type] # "little" or "big"
    return bytes(changed)


def _swap_parts(sick: Sick, chance: random.Random) -> bytes:
    one, two = sorted((_part(sick, chance), _part(sick, chance)))
    if one[1] > two[0]:
        return sick.content
    content = sick.content
    return (
        content[: one[0]] + content[slice(*two)] + content[one[1] : two[0]] + content[slice(*one)] + content[two[1] :]
    )


def _double_part(sick: Sick, chance: random.Random) -> bytes:
    start, end = _part(sick, chance)
    times = chance.choice((1, 1, 2, 50))
    return sick.content[:end] + sick.content[start:end] * times + sick.content[end:]


def _drop_part(sick: Sick, chance: random.Random) -> bytes:
    start, end = _part(sick, chance)
    return sick.content[:start] + sick.content[end:]


def _move_part(sick: Sick, chance: random.Random) -> bytes:
    start, end = _part(sick, chance)
    rest = sick.content[:start] + sick.content[end:]
    at = chance.randrange(len(rest) + 1)
    return rest[:at] + sick.content[start:end] + rest[at:]


def _take_from_another(sick: Sick, chance: random.Random) -> bytes:
    """The head of this one and the tail of that one: streams that belong to another head."""
    at, from_there = chance.randrange(len(sick.content) + 1), chance.randrange(len(sick.other) + 1)
    return sick.content[:at] + sick.other[from_there:]


def _fill_from_another(sick: Sick, chance: random.Random) -> bytes:
    """A part of this one keeps its place and size, and holds that one's bytes."""
    start, end = _part(sick, chance)
    from_there = chance.randrange(len(sick.other) + 1)
    filling = sick.other[from_there : from_there + max(0, end - start - 8)]
    return sick.content[: start + 8] + filling + sick.content[start + 8 + len(filling) :]


def _repeat_number(sick: Sick, chance: random.Random) -> bytes:
    """The same four bytes over and over: tables of sizes and offsets that all say the same."""
    start = chance.randrange(max(1, len(sick.content)))
    count = chance.randint(1, 64)
    word = bytes(_tempting_byte(chance) for _ in range(4))
    return sick.content[:start] + word * count + sick.content[start + 4 * count :]


def _part(sick: Sick, chance: random.Random) -> Span:
    if sick.anatomy.parts:
        return chance.choice(sick.anatomy.parts)
    start = chance.randrange(len(sick.content) + 1)
    return start, min(len(sick.content), start + chance.randint(1, _LONGEST_NOISE))


def _tempting_byte(chance: random.Random) -> int:
    return chance.choice((*_TEMPTING_BYTES, chance.randrange(256)))


DAMAGES: dict[str, Damage] = {
    "flip-bits": _flip_bits,
    "edit-header": _edit_header,
    "noise": _make_noise,
    "cut-end": _cut_end,
    "cut-start": _cut_start,
    "size-lie": _lie_about_size,
    "swap-parts": _swap_parts,
    "double-part": _double_part,
    "drop-part": _drop_part,
    "move-part": _move_part,
    "swap-streams": _take_from_another,
    "fill-part": _fill_from_another,
    "repeat-number": _repeat_number,
}
"""Every way to damage a file, by its name in the report."""
