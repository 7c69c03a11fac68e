"""The PDF is tagged and says that it is (PDF/UA-1); the same page gives the same bytes."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.reports.dossier.pdf import as_pdf
from tests.gateway.reports.dossier.pages import HOSTILE, page

MOMENT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def test_it_is_tagged_and_names_its_language_and_the_standard() -> None:
    made = as_pdf(page(), MOMENT)
    assert made.startswith(b"%PDF-1.7")
    for mark in (b"/MarkInfo", b"/StructTreeRoot", b"/Lang", b"pdfuaid:part>1<"):
        assert mark in made, mark
    assert re.search(rb"/Marked true", made)


def test_the_same_page_gives_the_same_bytes() -> None:
    assert as_pdf(page(), MOMENT) == as_pdf(page(), MOMENT)
    assert as_pdf(page("Anders."), MOMENT) != as_pdf(page(), MOMENT)


def test_nothing_in_it_runs_or_leads_elsewhere() -> None:
    made = as_pdf(page(HOSTILE), MOMENT)
    assert not re.search(rb"/(JavaScript|JS|Launch|URI|EmbeddedFile|SubmitForm)\b", made)


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_text_can_stand_in_it(text: str) -> None:
    assert as_pdf(page(text), MOMENT).startswith(b"%PDF-1.7")


def test_a_reader_that_we_did_not_write_finds_text_and_structure(tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None or shutil.which("pdfinfo") is None:
        pytest.skip("poppler's pdftotext and pdfinfo are not there: the PDF was not read by them")
    file = tmp_path / "page.pdf"
    file.write_bytes(as_pdf(page("Zoals [dit] #staat."), MOMENT))
    text = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, check=True)
    assert b"Zoals [dit] #staat." in text.stdout
    tree = subprocess.run(["pdfinfo", "-struct-text", file], capture_output=True, check=True)
    found = re.findall(rb"^\s*(\w+)", tree.stdout, flags=re.MULTILINE)
    assert {b"H1", b"H2", b"H3", b"P", b"L", b"Table", b"TH", b"TD", b"Caption"} <= set(found)
