"""One page as blocks, whatever it becomes: headings, paragraphs, lists, facts and tables.

What stands in it is text and nothing else; each writer marks it up and escapes it by itself, so
that no value can ever become markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from consent.labels import Language


class Tone(StrEnum):
    """How a paragraph stands out."""

    PLAIN = "plain"
    LEAD = "lead"
    NOTE = "note"


class InDutch(str):
    """A piece in Dutch on a page in another language, which a screen reader must be told."""

    __slots__ = ()


Text = str | tuple[str, ...]
"""A text, or pieces of one of which some are `InDutch`."""


def pieces(text: Text) -> tuple[str, ...]:
    """The pieces of a text."""
    return (text,) if isinstance(text, str) else text


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of level 2 or 3; level 1 is the page's title."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: Text
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list without an order."""

    items: Sequence[Text]


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with what each comes to: one line or several."""

    rows: Sequence[tuple[str, Sequence[Text]]]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; the caption says of what."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Text]]


Block = Heading | Paragraph | Bullets | Facts | Table


@dataclass(frozen=True, slots=True)
class Page:
    """A whole document. `mark` stands on every page of a draft."""

    title: str
    language: Language
    blocks: Sequence[Block]
    footer: str
    mark: str | None = None
