"""`sluis partner add` with all that a partner may come with: whole, or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from sqlalchemy.ext.asyncio import AsyncEngine

from consent.protocol import load
from gateway import cli
from gateway.cli import partner as subject
from gateway.cli.partner_flows import FlowsOf
from gateway.cli.partner_steps import Joining, letter, steps
from gateway.cli.setup import read_protocol
from gateway.store.endpoints import endpoint_of
from gateway.store.partners import PartnerKey, StoredPartner, list_partners
from gateway.store.protocols import put_in_force
from tests.support.registered import Admission, Party

OIN = "00000099000000007000"
ADD = ("add", "madi", "--name", "MADI", "--oin", OIN, "--adapter", "professional")
NOW = datetime(2026, 3, 2, 11, tzinfo=UTC)

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def run(
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """A command's status, what it showed, and what it said aside."""
    monkeypatch.setenv("SLUIS_DATABASE_URL", database)
    monkeypatch.setenv("SLUIS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cli, "_needed", lambda _: (subject,))

    async def command(*arguments: str) -> tuple[int, str, str]:
        status = await asyncio.to_thread(cli.main, ["partner", *arguments])
        told = capsys.readouterr()
        return status, told.out, told.err

    return command


async def in_force(engine: AsyncEngine) -> None:
    example = read_protocol(None)
    await put_in_force(engine, example.version, example.digest, example.text)


def certificate(folder: Path, party: Party, oin: str = OIN, serial: int = 1) -> Path:
    subject_ = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "MADI"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, oin),
        ]
    )
    now = datetime.now(UTC)
    assert isinstance(party.key, ec.EllipticCurvePrivateKey)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject_)
        .issuer_name(subject_)
        .public_key(party.key.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=40))
        .sign(party.key, SHA256())
    )
    path = folder / "madi.crt"
    path.write_bytes(made.public_bytes(Encoding.PEM))
    return path


async def test_by_its_certificate_a_partner_comes_in_until_that_expires(
    run: Run, tmp_path: Path, engine: AsyncEngine
) -> None:
    party = Party("madi")
    path = certificate(tmp_path, party)

    status, shown, _ = await run(*ADD, "--certificate", str(path))

    assert status == 0
    assert "does not say PKIoverheid; who issued it was not checked" in shown
    assert 'certificate_file = "certificaat.pem"' in shown
    assert "sluis partner key madi --certificate FILE" in shown
    (known,) = await list_partners(engine)
    (key,) = known.keys
    async with Admission(engine) as admission:
        assert await admission.desk.grant(party.form(party.assertion({"kid": key.kid})))
    assert 38 <= (key.expires_at - datetime.now(UTC)).days <= 40
    assert "x5t#S256" in key.jwk
    assert "(39 days left)" in (await run("list"))[1]


async def test_a_certificate_of_another_organisation_registers_nobody(
    run: Run, tmp_path: Path, engine: AsyncEngine
) -> None:
    path = certificate(tmp_path, Party("madi"), "00000099000000008000")
    status, _, aside = await run(*ADD, "--certificate", str(path))
    assert (status, "bears another OIN than --oin" in aside) == (2, True)
    assert "00000099000000008000" not in aside
    assert await list_partners(engine) == []


async def test_a_certificate_is_added_beside_the_key_that_there_is(
    run: Run, tmp_path: Path, engine: AsyncEngine
) -> None:
    await run(*ADD, "--sandbox")
    stranger = certificate(tmp_path, Party("madi"), "00000099000000008000")
    status, _, aside = await run("key", "madi", "--certificate", str(stranger))
    assert (status, "bears another OIN" in aside) == (2, True)
    path = certificate(tmp_path, Party("madi"))
    assert (await run("key", "madi", "--certificate", str(path)))[0] == 0
    (told,) = json.loads((await run("list", "--json"))[1])["partners"]
    assert sorted(one["certificate"] is None for one in told["keys"]) == [False, True]


async def test_a_certificate_that_is_renewed_on_the_same_key_stands_beside_the_old_one(
    run: Run, tmp_path: Path, engine: AsyncEngine
) -> None:
    party = Party("madi")
    await run(*ADD, "--certificate", str(certificate(tmp_path, party)))
    renewed = certificate(tmp_path, party, serial=2)
    assert (await run("key", "madi", "--certificate", str(renewed)))[0] == 0
    (known,) = await list_partners(engine)
    assert len({one.jwk["x5t#S256"] for one in known.keys}) == 2
    status, _, aside = await run("key", "madi", "--certificate", str(renewed))
    assert (status, "registered already" in aside) == (1, True)


async def test_a_key_in_wrong_hands_is_ended_by_the_operator(
    run: Run, tmp_path: Path, engine: AsyncEngine
) -> None:
    await run(*ADD, "--sandbox")
    (known,) = await list_partners(engine)
    status, shown, _ = await run("key", "madi", "--end", known.keys[0].kid)
    assert (status, "is ended" in shown) == (0, True)
    assert "all expired" in (await run("list"))[1]
    (told,) = json.loads((await run("list", "--json"))[1])["partners"]
    assert told["keys"][0]["isEnded"] is True
    status, _, aside = await run("key", "madi", "--end", "onbekend")
    assert (status, "no such key" in aside, "onbekend" in aside) == (1, True, False)


async def test_everything_that_is_wrong_is_told_at_once(
    run: Run, tmp_path: Path, engine: AsyncEngine
) -> None:
    wrong = (
        *("add", "Madi", "--name", " ", "--oin", "1", "--adapter", "xml"),
        *("--certificate", str(tmp_path / "none.crt"), "--flow", "dwi-aanmelding"),
        *("--endpoint", "http://10.0.0.1/hook", "--letter", str(tmp_path)),
    )
    await in_force(engine)
    status, shown, aside = await run(*wrong)
    assert (status, shown) == (2, "")
    for told in (
        "8 things are wrong",
        "short name",
        "--name",
        "20 digits",
        "no known format",
        "No such file",
        "gives dwi-aanmelding to others",
        "this address will not do",
        "exists",
    ):
        assert told in aside, told
    assert "10.0.0.1" not in aside
    assert await list_partners(engine) == []


async def test_a_flow_is_held_against_the_protocol_and_never_made_by_it(
    run: Run, engine: AsyncEngine
) -> None:
    status, _, aside = await run(*ADD, "--flow", "madi-aanmelding")
    assert (status, "no privacy protocol is in force" in aside) == (1, True)
    await in_force(engine)
    status, _, aside = await run(*ADD, "--flow", "madi-opschalen")
    assert (status, "has no flow madi-opschalen" in aside) == (1, True)
    assert "it gives madi madi-aanmelding" in aside
    assert await list_partners(engine) == []
    status, shown, _ = await run(*ADD, "--flow", "madi-aanmelding", "--json")
    assert status == 0
    assert "madi-aanmelding" in json.loads(shown)["flows"]


async def test_where_its_mail_is_brought_is_registered_with_it(
    run: Run, tmp_path: Path, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealing = ec.generate_private_key(ec.SECP256R1()).public_key()
    (tmp_path / "seal.pem").write_bytes(
        sealing.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    monkeypatch.setenv("SLUIS_PUSH_PRIVATE", "true")
    url = "http://127.0.0.1:9/berichten"
    status, shown, _ = await run(
        *ADD, "--sandbox", "--endpoint", url, "--encryption-key", str(tmp_path / "seal.pem")
    )
    assert (status, url in shown) == (0, True)
    found = await endpoint_of(engine, "madi")
    assert found is not None
    assert (found.url, found.encryption_key is not None) == (url, True)


async def test_a_partner_is_marked_as_testing_and_no_longer(run: Run) -> None:
    await run(*ADD, "--testing")
    assert "active, testing" in (await run("list"))[1]
    assert "tries out no longer" in (await run("testing", "madi", "--off"))[1]
    assert "nothing changed" in (await run("testing", "madi", "--off"))[1]
    assert (await run("testing", "niemand"))[0] == 1


def joining(partner: str = "madi", *, with_key: bool = True, text: str | None = None) -> Joining:
    party = Party(partner)
    key = PartnerKey(party.kid, party.public.jwk, NOW + timedelta(days=365))
    known = StoredPartner(
        partner, "MADI", OIN, "professional", "keten", False, NOW, (key,) if with_key else ()
    )
    protocol = read_protocol(None) if text is None else load(text)
    flows = FlowsOf(partner, protocol)
    return Joining(known, flows, "https://sluis.voorbeeld.nl", "het loket", date(2026, 3, 2))


def test_the_letter_says_all_that_a_partner_needs_in_dutch_and_english() -> None:
    made = joining()
    text = letter(made)
    assert made.key is not None
    for told in (
        "POST https://sluis.voorbeeld.nl/oauth/token",
        f"kid = {made.key.kid}",
        "text/csv -> POST https://sluis.voorbeeld.nl/v1/leveringen",
        "madi-aanmelding: aanmelding -> casebook, doel hulp-naast-maatschappelijk-werk",
        "verplicht: aanmelding.aangemeldOp, lid.achternaam; instemming",
        "casebook-terugkoppeling-madi: statusbericht <- casebook",
        "docs/partners/generic.md",
        "geldt tot 2027-03-02. Stuur ons vóór 2027-01-31",
        "het loket",
        "# Connecting to Sluis: MADI",
    ):
        assert told in text, told
    # What the operator types is none of the partner's business.
    assert "sluis partner" not in text


def test_a_letter_without_a_desk_names_its_giver_in_each_language_apart() -> None:
    dutch, _, english = letter(replace(joining(), contact=None)).partition("# Connecting")
    assert "Bel de beheerder die u deze brief gaf." in dutch
    assert "whoever" not in dutch
    assert "Call whoever gave you this letter." in english


@pytest.mark.parametrize(("partner", "page"), [
    ("casebook", "casebook"), ("altra", "receivers"), ("gi", "receivers"), ("sra", "receivers"),
    ("dwzs", "generic"),
])  # fmt: skip
def test_the_letter_names_the_page_of_its_part(partner: str, page: str) -> None:
    assert f"docs/partners/{page}.md" in letter(joining(partner))


def test_a_supervisor_begins_with_the_log() -> None:
    made = joining("toezicht")
    supervisor = replace(made, partner=replace(made.partner, kind="toezicht"))
    told = letter(supervisor)
    assert "sluis log checkpoint --as toezicht" in told
    assert "/v1/leveringen" not in told


def test_what_is_not_there_yet_is_said() -> None:
    without_key = steps(joining(with_key=False))[0]
    assert without_key.ours == ("sluis partner key madi --public-key FILE",)
    stranger = letter(joining("buurtzorg"))
    assert "noemt u niet: er gaat niets door" in stranger
    ended = read_protocol(None).text.replace("einde = 2030-12-31", "einde = 2026-01-31")
    assert "NU DICHT / CLOSED TODAY (convenant-samen-doen" in letter(joining(text=ended))
