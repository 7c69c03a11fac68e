"""`sluis candidates`, as the casebook's people type it."""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from gateway import cli
from gateway.client import Event
from gateway.sandbox.dossiers import FolderDossiers
from tests.support.messages import Json, bsn


def name() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()[:43]


KNOWN, NEW, OTHER = f"-{name()[1:]}", f"--{name()[2:]}", name()
ANNE: Json = {
    "voorletters": "A.B.", "achternaam": "van Xandorizorp", "geboortedatum": "1980-05-01",
    "geslacht": "V",
}  # fmt: skip


def referral(position: int, *members: Json) -> Event:
    home: Json = {"postcode": "1012AB", "huisnummer": 1, "leden": list(members)}
    return Event(
        id=uuid4(), source="urn:nld:oin:00000099000000001000:systeem:sluis",
        type="nl.sluis.aanmelding", sequence=position, time=datetime(2026, 1, 1, tzinfo=UTC),
        subject=members[0]["pseudoniem"], data={"aanmelding": {}, "huishouden": home},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = FolderDossiers(tmp_path / "dossiers")
    housemate = {**ANNE, "pseudoniem": OTHER, "voorletters": "C.", "geboortedatum": "2012-03-04"}
    store.keep(
        [
            referral(1, {**ANNE, "pseudoniem": KNOWN, "burgerservicenummer": bsn(1)}),
            referral(2, {**ANNE, "pseudoniem": NEW, "achternaam": "Xandorisorp"}, housemate),
        ]
    )
    return tmp_path / "dossiers"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = cli.main(["candidates", *arguments])
    told = capsys.readouterr()
    return status, told.out + told.err


def test_a_proposal_is_shown_decided_on_and_not_shown_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "dossiers.ndjson").read_bytes()
    status, told = run(capsys, "list", str(folder))
    assert status == 0
    assert "kandidaat" in told
    assert "Xandorisorp" in told
    assert NEW[:8] in told
    found = json.loads(run(capsys, "list", str(folder), "--json")[1])
    assert [(one["new"], one["proposals"][0]["known"]) for one in found["persons"]] == [
        (NEW, KNOWN)
    ]
    decide = ("decide", str(folder), NEW[:8], KNOWN[:8])
    status, told = run(capsys, *decide, "--same", "--by", "J. Coördinator")
    assert status == 0
    assert "nothing was merged" in told
    assert "Nobody" in run(capsys, "list", str(folder))[1]
    assert (folder / "dossiers.ndjson").read_bytes() == before
    assert run(capsys, *decide, "--not-same", "--by", "J. Coördinator")[0] == 0
    lines = (folder / "kandidaten.ndjson").read_text().splitlines()
    assert [json.loads(line)["besluit"] for line in lines] == ["zelfde", "niet-zelfde"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("decide", "FOLDER", NEW[:8], KNOWN[:8], "--by", "J. Coördinator"),
        ("decide", "FOLDER", NEW[:4], KNOWN[:8], "--same", "--by", "J. Coördinator"),
        ("decide", "FOLDER", NEW[:8], NEW[:8], "--same", "--by", "J. Coördinator"),
        ("decide", "FOLDER", NEW[:8], KNOWN[:8], "--same", "--by", "J"),
        ("list", "/nergens"),
    ],
)
def test_what_is_asked_wrongly_ends_with_status_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    status, _ = run(capsys, *(str(folder) if one == "FOLDER" else one for one in arguments))
    assert status == 2
    assert not (folder / "kandidaten.ndjson").exists()
