"""XML from outside, hostile until shown otherwise: no DTD, no entities, no network, names bounded.

Whoever reads XML into a tree takes the parser from here, so that it is hardened once (OWASP, XML
external entities; CWE-611, CWE-776). What a parser would gather before its first event is looked
for in the bytes; an encoding that hides it is caught by the tree, after a parser that resolves
nothing. The bounds on size, depth and number are each format's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lxml import etree

NO_DTD = "bestand (een DTD is niet toegestaan)"
NO_XML = "bestand (geen leesbare XML)"
EMPTY = "bestand (leeg)"
SLICE = 4096
"""Bytes that a parser is fed at a time: equal slices, so that chunks make no difference."""
MAX_STRANGE = 4096
"""Characters of names that a format does not know: the parser keeps every distinct one for as long
as its thread lives, and a sender may not fill that."""

_DECLARATIONS = (b"<!DOCTYPE", b"<!ENTITY")


def pull_parser() -> etree.XMLPullParser:
    """A parser that is pushed bytes and gives starts, ends, instructions and namespaces."""
    return etree.XMLPullParser(
        events=("start", "end", "pi", "start-ns"),
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        remove_comments=True,
        collect_ids=False,
    )


def declares(text: bytes) -> bool:
    """Whether these bytes declare a document type or an entity."""
    return any(declaration in text for declaration in _DECLARATIONS)


def has_document_type(root: etree._Element) -> bool:
    """Whether the parser met one after all, in an encoding that hid it."""
    return root.getroottree().docinfo.internalDTD is not None


def line_of(element: etree._Element) -> int:
    """The line that the element starts on; 0 if the parser did not keep it."""
    line: object = element.sourceline
    return line if isinstance(line, int) else 0


class StrangeNames:
    """The distinct names in one file that its format does not know."""

    def __init__(self, known: frozenset[str]) -> None:
        self._known = known
        self._seen: set[str] = set()
        self._size = 0

    def notice(self, names: Iterable[str]) -> None:
        """Count those that are new."""
        for name in names:
            if name not in self._known and name not in self._seen:
                self._seen.add(name)
                self._size += len(name)

    @property
    def are_too_many(self) -> bool:
        return self._size > MAX_STRANGE


class UnusableSchemaError(Exception):
    """An official XSD is absent or is none; the message names its file."""


class _ThisFolderAlone(etree.Resolver):
    """Finds what a schema includes among the operator's files, and nothing elsewhere."""

    def resolve(self, system_url: str, public_id: str, context: object = None) -> None:  # noqa: ARG002  # lxml's own signature
        if "://" in system_url and not system_url.startswith("file://"):
            raise UnusableSchemaError("a schema asks for a part over the network")


def load_schema(path: Path) -> etree.XMLSchema:
    """An official XSD with what it includes. Raises `UnusableSchemaError`."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False
    )
    parser.resolvers.add(_ThisFolderAlone())
    try:
        return etree.XMLSchema(etree.parse(str(path), parser))
    except (OSError, etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
        raise UnusableSchemaError(f"{path.name} is not there or is no XSD") from error


def breaks(schema: etree.XMLSchema, element: etree._Element) -> bool:
    """Whether the element is not what the XSD says.

    No more is told: the schema's own messages repeat the value, and its log is shared between
    readers.
    """
    return not schema.validate(element)
