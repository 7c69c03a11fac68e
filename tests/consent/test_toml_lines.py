"""A problem is shown at its line; a wrong line would send an officer to the wrong rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.protocol import ProtocolError, load
from consent.toml_lines import TomlLines
from tests.support.small_protocol import TEXT, changed


def problems(text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(ProtocolError) as caught:
        load(text)
    return [(one.line, one.message) for one in TomlLines(text).place_all(caught.value.problems)]


def line_of(text: str, beginning: str, nth: int = 0) -> int:
    found = [n for n, line in enumerate(text.splitlines(), 1) if line.startswith(beginning)]
    return found[nth]


@pytest.mark.parametrize(
    ("change", "beginning", "nth"),
    [
        (('"lid.achternaam" =', '"lid.schoenmaat" ='), '"lid.schoenmaat"', 0),
        (('"lid.achternaam" = "identificeren"', '"lid.achternaam" = "behouden"'), '"lid.acht', 0),
        (('doel = "terugkoppeling"', 'doel = "terug"'), "doel = ", 1),
        (("aangehoudenDagen = 42", "aangehoudenDagen = 900"), "aangehoudenDagen", 0),
        (("grondslag = {", "grondslagen = {"), "[gegevensstroom.sloten]", 0),
        (('artikel = "Wabb art. 10 (te bevestigen)"', 'artikel = ""'), "bsn = ", 0),
        (("einde = 2030-12-31", "einde = 2020-12-31"), "einde", 0),
        (('partijen = ["dwi", "casebook"]', "partijen = []"), "partijen", 0),
        (('id = "terugkoppeling-dwi"', 'id = "dwi-aanmelding"'), "[[gegevensstroom]]", 1),
        (('versie = "2.0"', 'versie = "2 0"'), "versie", 0),
        (("[[doel]]", "[[doel"), "[[doel", 0),
    ],
)
def test_a_problem_is_shown_at_its_line(change: tuple[str, str], beginning: str, nth: int) -> None:
    text = changed(change)
    assert line_of(text, beginning, nth) in [line for line, _ in problems(text)]


def test_every_problem_of_a_file_is_told_in_the_order_of_its_lines() -> None:
    text = changed(
        ('doel = "terugkoppeling"', 'doel = "terug"'), ('"lid.achternaam" =', '"lid.schoenmaat" =')
    )
    lines = [line for line, _ in problems(text)]
    assert len(lines) == 2
    assert lines == sorted(lines, key=lambda line: line or 0)


def test_a_text_of_several_lines_hides_what_looks_like_headings() -> None:
    text = TEXT.replace(
        'titel = "Proefprotocol"', 'titel = """Een\n[[gegevensstroom]]\nid = "nep"\n"""'
    )
    lines = TomlLines(text)
    first = lines.of("gegevensstroom", 0)
    assert first == line_of(text, "[[gegevensstroom]]", 1)
    assert lines.of("gegevensstroom", "nep") is None


def test_what_is_not_there_has_no_line() -> None:
    lines = TomlLines(TEXT)
    assert lines.of("gegevensstroom", "onbekend") is None
    assert lines.of("gegevensstroom", 7) is None
    assert lines.of("onbekend") is None
    assert lines.place_all(["iets dat niemand kent"])[0].line is None


@given(st.text(alphabet="[]\"=. \nab#'{},", max_size=200))
def test_no_text_makes_it_fail(text: str) -> None:
    TomlLines(text).place_all(["gegevensstroom a: b: c", "gegevensstroom.0.x: y"])


def test_a_placed_problem_is_told_with_its_line_where_it_has_one() -> None:
    known, unknown = TomlLines(TEXT).place_all(["iets", "gegevensstroom dwi-aanmelding: velden: x"])
    assert str(known) == "line 44: gegevensstroom dwi-aanmelding: velden: x"
    assert known.as_json() == {"line": 44, "message": "gegevensstroom dwi-aanmelding: velden: x"}
    assert str(unknown) == "iets"
    assert unknown.as_json() == {"line": None, "message": "iets"}
