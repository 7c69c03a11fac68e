"""`sluis register` on files that are not as they should be; at its size: `tests/e2e`."""

from __future__ import annotations

import json

import pytest

from gateway.cli import main
from tests.support.parties import World

HEAD = b"burgerservicenummer;kenmerk;naam\n"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", HEAD + "999990019;RIS-1;Caf\u00e9\n".encode("latin-1"), "is not UTF-8 text"),
        ("a.csv", HEAD + b'"' + b"9" * 200_000 + b'";RIS-1;\n', "a line that is no CSV"),
        ("a.csv", b"nummer;naam\n", "does not begin with the headings"),
    ],
)
def test_a_file_of_another_form_is_told_with_its_remedy_and_quotes_nothing(
    world: World, capsys: pytest.CaptureFixture[str], name: str, content: bytes, told: str
) -> None:
    path = world.folder / name
    path.write_bytes(content)
    assert main(["register", str(path), "--as", "casebook"]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "remedy:" in said
    assert "999990019" not in said


def test_invariant_08_a_line_that_cannot_be_read_is_refused_by_itself(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    path = world.folder / "bekenden.ndjson"
    path.write_bytes(
        b"\n".join([b"{", b"[" * 100_000, b'{"burgerservicenummer":' + b"9" * 5_000 + b"}", b"7"])
    )
    assert main(["register", str(path), "--as", "casebook", "--json"]) == 1
    refused = json.loads(capsys.readouterr().out)["refused"]
    assert [one["nummer"] for one in refused] == [1, 2, 3, 4]
