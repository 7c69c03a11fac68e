"""The HTML is one closed file that a screen reader can walk (WCAG 2.2 AA)."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.reports.dossier.html import as_html
from tests.gateway.reports.dossier.pages import HOSTILE, page


class Seen(HTMLParser):
    """The tags of a page, in order, with their attributes; and the text of its cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)


def test_it_has_a_language_a_title_and_headings_that_go_down_by_one() -> None:
    text = as_html(page()).decode()
    seen = Seen(text)
    assert seen.open == []
    assert ("html", {"lang": "nl"}) in seen.tags
    levels = [int(tag[1]) for tag, _ in seen.tags if re.fullmatch("h[1-6]", tag)]
    assert levels == [1, 2, 3]
    assert "<title>Titel Gewone tekst.</title>" in text


def test_every_table_has_a_caption_and_headings_with_a_scope() -> None:
    seen = Seen(as_html(page()).decode())
    tags = [tag for tag, _ in seen.tags]
    assert tags.count("table") == tags.count("caption") == tags.count("thead") == 2
    assert all(attributes == {"scope": "col"} for tag, attributes in seen.tags if tag == "th")


def test_nothing_is_fetched_and_nothing_runs() -> None:
    seen = Seen(as_html(page(HOSTILE)).decode())
    assert {tag for tag, _ in seen.tags}.isdisjoint(
        {"script", "img", "link", "iframe", "object", "embed", "form", "a", "svg", "base"}
    )
    names = {name for _, attributes in seen.tags for name in attributes}
    assert not any(name.startswith("on") or name in ("src", "href", "style") for name in names)


def test_the_policy_admits_the_style_that_is_there_and_nothing_else() -> None:
    text = as_html(page()).decode()
    (style,) = re.findall(r"<style>(.*?)</style>", text, flags=re.DOTALL)
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{hashed}'" in text
    assert "url(" not in style
    assert "@import" not in style


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60))
def test_no_text_ever_becomes_markup(text: str) -> None:
    plain, given_ = Seen(as_html(page()).decode()), Seen(as_html(page(text)).decode())
    assert [tag for tag, _ in given_.tags] == [tag for tag, _ in plain.tags]
    assert text.strip() in " ".join(given_.texts)


def test_a_draft_says_that_it_is_one() -> None:
    assert '<p class="mark" role="note">CONCEPT</p>' in as_html(page(mark="CONCEPT")).decode()
    assert 'class="mark"' not in as_html(page()).decode().partition("</style>")[2]


def _luminance(colour: str) -> float:
    whole = colour if len(colour) == 6 else "".join(2 * one for one in colour)
    parts = [int(whole[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_worked_out_as_wcag_does() -> None:
    assert _contrast("000", "fff") == pytest.approx(21)
    assert _contrast("777", "fff") == pytest.approx(4.48, abs=0.01)


def test_every_text_has_a_contrast_of_seven_to_one() -> None:
    style = as_html(page()).decode().partition("<style>")[2].partition("</style>")[0]
    colours = re.findall(r"(?<![-a-z])color: #([0-9a-f]{3,6})", style)
    assert len(colours) > 4
    assert all(_contrast(one, "fff") >= 7 for one in colours)
    assert _contrast("1b1b1b", "fff3c4") >= 7
