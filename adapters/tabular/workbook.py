"""What stands around a sheet: which sheet it is, its shared texts and its number formats.

A workbook may have other sheets (ours has an explanation). The one that is read is the one named
`Aanmeldingen`, or the only one that a person can see; two candidates are a question, never a guess.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.port import UnreadableDelivery
from adapters.tabular.number_formats import Shown, hides_text, shown_by, zeros_of
from adapters.tabular.package import PACKAGE, Package
from adapters.tabular.xml_events import attribute, is_true, read_part
from schemas.deliveries import Problem

SHEET = "aanmeldingen"
MAX_TEXT = 32_767
"""Characters of one cell, as in every spreadsheet program."""
MAX_TEXTS = 400_000
MAX_SHARED = 8 * 1024 * 1024
"""Characters of all shared texts."""
_MAX_SHEETS = 100
_MAX_FORMATS = 1_000

_WHICH_SHEET = "werkblad (nodig is er een, of een met de naam Aanmeldingen)"
_ELSEWHERE = "werkmap (koppelingen naar elders zijn niet toegestaan)"
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


@dataclass(frozen=True, slots=True)
class Format:
    """How a cell's number is shown."""

    shown: Shown = Shown.NUMBER
    zeros: int = 0
    hides_text: bool = False


@dataclass(frozen=True, slots=True)
class Workbook:
    """What the cells of the chosen sheet refer to."""

    sheet: str
    is_1904: bool
    texts: list[str | None]
    formats: list[Format]

    def format_of(self, style: str) -> Format | None:
        """The format of a cell's style; `None` where there is no such style."""
        if not style:
            return self.formats[0] if self.formats else Format()
        if not (style.isascii() and style.isdigit() and len(style) < 7):
            return None
        return self.formats[int(style)] if int(style) < len(self.formats) else None

    def text_of(self, place: str) -> tuple[str | None, bool]:
        """A shared text, and whether there is one there; `None` for one that is too long."""
        if not (place.isascii() and place.isdigit() and len(place) < 8):
            return None, False
        if int(place) >= len(self.texts):
            return None, False
        return self.texts[int(place)], True


def open_workbook(package: Package) -> Workbook:
    """Read what stands around the sheet. Raises `UnreadableDelivery`."""
    book = _Book()
    read_part(package.pieces("xl/workbook.xml"), book)
    relations = _Relations()
    read_part(package.pieces("xl/_rels/workbook.xml.rels"), relations)
    target = relations.targets.get(_choose(book.sheets))
    if target is None or target not in package:
        raise UnreadableDelivery(Problem.MISSING, "werkblad")
    texts, styles = _Texts(), _Styles()
    if relations.texts in package:
        read_part(package.pieces(relations.texts), texts)
    if relations.styles in package:
        read_part(package.pieces(relations.styles), styles)
    return Workbook(target, book.is_1904, texts.found, styles.formats())


def unescaped(text: str) -> str:
    """The text with its escapes undone (ECMA-376 part 1, 22.9.2.19), line breaks as `\\n`."""
    if "_x" in text:
        text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return text.replace("\r\n", "\n") if "\r" in text else text


def _choose(sheets: list[tuple[str, str]]) -> str:
    named = [relation for name, relation in sheets if name.strip().lower() == SHEET]
    if len(named) == 1:
        return named[0]
    if len(sheets) != 1:
        problem = Problem.TOO_MANY if sheets else Problem.MISSING
        raise UnreadableDelivery(problem, _WHICH_SHEET)
    return sheets[0][1]


@dataclass(slots=True)
class _Book:
    """`xl/workbook.xml`: its sheets that can be seen, and where its days are counted from."""

    sheets: list[tuple[str, str]] = field(default_factory=list)
    is_1904: bool = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "workbookPr":
            self.is_1904 = is_true(attribute(attributes, "date1904"))
        elif name == "sheet" and attribute(attributes, "state") in ("", "visible"):
            if len(self.sheets) == _MAX_SHEETS:
                raise UnreadableDelivery(Problem.TOO_MANY, _WHICH_SHEET)
            self.sheets.append((attribute(attributes, "name"), attribute(attributes, "id")))

    def end(self, name: str) -> None: ...

    def text(self, text: str) -> None: ...


@dataclass(slots=True)
class _Relations:
    """`xl/_rels/workbook.xml.rels`: where the workbook's parts stand."""

    targets: dict[str, str] = field(default_factory=dict)
    texts: str = ""
    styles: str = ""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name != "Relationship":
            return
        if attribute(attributes, "TargetMode") == "External":
            raise UnreadableDelivery(Problem.INVALID, _ELSEWHERE)
        if len(self.targets) > 10 * _MAX_SHEETS:
            raise UnreadableDelivery(Problem.TOO_MANY, PACKAGE)
        target = attribute(attributes, "Target")
        place = posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")
        self.targets[attribute(attributes, "Id")] = place
        kind = attribute(attributes, "Type").rpartition("/")[2]
        if kind == "sharedStrings":
            self.texts = place
        elif kind == "styles":
            self.styles = place

    def end(self, name: str) -> None: ...

    def text(self, text: str) -> None: ...


@dataclass(slots=True)
class _Texts:
    """`xl/sharedStrings.xml`: each text once; what is only for reading aloud is passed over."""

    found: list[str | None] = field(default_factory=list)
    _pieces: list[str] = field(default_factory=list)
    _size: int = 0
    _total: int = 0
    _is_text: bool = False
    _is_phonetic: bool = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        del attributes
        if name == "si":
            self._pieces, self._size = [], 0
        elif name == "rPh":
            self._is_phonetic = True
        elif name == "t":
            self._is_text = not self._is_phonetic

    def end(self, name: str) -> None:
        if name == "t":
            self._is_text = False
        elif name == "rPh":
            self._is_phonetic = False
        elif name == "si":
            if len(self.found) == MAX_TEXTS:
                raise UnreadableDelivery(Problem.TOO_MANY, PACKAGE)
            is_kept = self._size <= MAX_TEXT
            self.found.append(unescaped("".join(self._pieces)) if is_kept else None)

    def text(self, text: str) -> None:
        if not self._is_text:
            return
        self._size += len(text)
        if self._size > MAX_TEXT:
            self._pieces = []
            return
        self._total += len(text)
        if self._total > MAX_SHARED:
            raise UnreadableDelivery(Problem.TOO_LONG, PACKAGE)
        self._pieces.append(text)


@dataclass(slots=True)
class _Styles:
    """`xl/styles.xml`: the number format of each style that a cell may name."""

    _codes: dict[str, str] = field(default_factory=dict)
    _numbers: list[str] = field(default_factory=list)
    _is_cells: bool = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "numFmt":
            self._codes[attribute(attributes, "numFmtId")] = attribute(attributes, "formatCode")
        elif name == "cellXfs":
            self._is_cells = True
        elif name == "xf" and self._is_cells:
            self._numbers.append(attribute(attributes, "numFmtId"))
        if len(self._codes) > _MAX_FORMATS or len(self._numbers) > 100 * _MAX_FORMATS:
            raise UnreadableDelivery(Problem.TOO_MANY, PACKAGE)

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._is_cells = False

    def text(self, text: str) -> None: ...

    def formats(self) -> list[Format]:
        """By the style's place."""
        each = {number: self._format(number) for number in set(self._numbers)}
        return [each[number] for number in self._numbers]

    def _format(self, number: str) -> Format:
        code = self._codes.get(number)
        known = int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 0
        return Format(shown_by(known, code), zeros_of(code), hides_text(code))
