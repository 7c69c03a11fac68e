"""Documents: what is written is shown as it is, and nothing of it works as markup."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from gateway.reports.document import (
    Answer,
    Document,
    Paragraph,
    Section,
    Table,
    Tone,
    as_html,
    as_markdown,
)

_NASTY = "<b>|*_`#[x](y)\\ & \" ' &amp; </td><script>1</script>"


def document(text: str) -> Document:
    table = Table(text, (text, "Aantal#"), ((text, "1"),))
    blocks = (Paragraph(text, Tone.WARNING), Answer(text, text), Answer("v", text, True), table)
    return Document(text, (Paragraph(text),), (Section(text, blocks),))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert all(not name.startswith("on") for name, _ in attrs)
        self.seen.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


def test_no_text_becomes_markup() -> None:
    page = read(as_html(document(_NASTY)))
    assert "script" not in page.seen
    assert _NASTY in page.text


@given(st.text(max_size=40))
def test_every_page_is_well_formed_and_holds_its_text(text: str) -> None:
    text = "".join(sign for sign in text if sign.isprintable())
    assert text in read(as_html(document(text))).text


def test_a_page_names_its_language_and_its_tables_have_captions_and_scopes() -> None:
    html = as_html(document("Iets"))
    page = read(html)
    assert '<html lang="nl">' in html
    assert page.seen.count("h1") == 1
    assert page.seen.count("table") == page.seen.count("caption")
    assert html.count("<th ") == html.count('scope="col"')


def test_an_empty_table_says_that_there_is_nothing() -> None:
    empty = Document("Leeg", (), (Section("Lijst", (Table("Niets", ("A",), ()),)),))
    assert "Geen." in as_html(empty)
    assert "Geen." in as_markdown(empty)


def test_markdown_marks_what_is_to_be_filled_in() -> None:
    told = as_markdown(Document("T", (), (Section("S", (Answer("Wie?", "Uw naam.", True),)),)))
    assert "- [ ] **Wie?** **Zelf invullen.** Uw naam." in told


def test_markdown_keeps_a_row_one_row() -> None:
    told = as_markdown(document("een | twee\ndrie"))
    (row,) = [line for line in told.splitlines() if line.endswith("| 1 |")]
    assert row.count(" | ") == 1
