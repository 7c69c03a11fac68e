"""`sluis partner test` and `sluis partner report`: does the connection do what was agreed?

With the partner's credentials on this machine the script drives both sides; without them it looks
at what the partner itself sent. The report is signed, and says no more than what was tried.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.registry import ADAPTERS
from gateway.app import PUSH_KEY
from gateway.audit.access import Action, Target
from gateway.audit.series import Logbooks
from gateway.cli.database import Doing, on_database, settings_of
from gateway.cli.failures import NOT_DONE, WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.partner_knock import knocking
from gateway.cli.partner_observed import observed_report
from gateway.cli.partner_options import IdArgument
from gateway.cli.partner_trial import Tried, driven
from gateway.cli.registration import known_partner
from gateway.cli.serving import key_provider
from gateway.client import Credentials
from gateway.client import credentials as client_credentials
from gateway.identity.reports import ReportError, public_jwk, sign_report, verify_report
from gateway.identity.signatures import RequestSigner
from gateway.sandbox.conformance import Verdict
from gateway.sandbox.conformance_push import Knock
from gateway.sandbox.conformance_report import ConformanceReport, report_text
from gateway.settings import Settings
from gateway.store.endpoints import endpoint_of
from gateway.store.groups import VERWERKINGEN
from gateway.store.history import driver_of
from gateway.store.log import open_volume
from gateway.store.observed import seen_of
from gateway.store.partners import StoredPartner
from gateway.store.protocols import protocol_in_force
from gateway.vault.keys import signing_key

REPORT_KEY = "toetsverslag"
_STYLES = {Verdict.PASSED.value: "green", Verdict.FAILED.value: "bold red"}


def register(group: typer.Typer) -> None:
    """Mount this module's commands below `sluis partner`."""
    group.command("test")(try_out)
    reports = typer.Typer(help="Signed reports of `sluis partner test`.")
    reports.command("verify")(verify)
    reports.command("key")(key)
    group.add_typer(reports, name="report", no_args_is_help=True)


def try_out(
    partner: IdArgument,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Another gateway than its client.toml names.")
    ] = None,
    seen: Annotated[
        bool, typer.Option("--seen", help="Only look at what the partner itself sent.")
    ] = False,
    days: Annotated[int, typer.Option(min=1, max=90, help="How far back, with --seen.")] = 7,
    alone: Annotated[
        str | None,
        typer.Option(
            "--alone",
            metavar="FORMAT",
            help="At the partner itself: by its credentials only, in this format; not signed.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the report goes.", show_default=False)
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Try a partner's connection out with invented persons, and sign what came of it.

    Status 1 if anything failed. Against a gateway that people depend on, only for a partner that is
    marked as testing, and then nothing is tried that leaves a message with anybody.
    """
    output, settings = Output(as_json), settings_of(home)
    folder = settings.home / "partners" / partner
    if alone is not None:
        if alone not in ADAPTERS:
            raise Failure(
                "--alone names no known format", f"one of: {', '.join(ADAPTERS)}", WRONGLY_ASKED
            )
        report = asyncio.run(driven(output, Tried(_credentials(folder, url), alone)))
        _end(output, report, _write(report, out or folder / "verslagen", None))
        return

    async def read(engine: AsyncEngine) -> tuple[StoredPartner, str | None]:
        found, endpoint = await known_partner(engine, partner), await endpoint_of(engine, partner)
        return found, None if endpoint is None else endpoint.url

    known, endpoint = on_database(settings, read, Doing(Action.EXECUTE, Target("partner", partner)))
    if seen or not (folder / client_credentials.SETTINGS_FILE).exists():
        report = _seen(settings, known, days)
    else:
        knock: Knock | None = None
        if endpoint is not None:
            signer = RequestSigner(signing_key(key_provider(settings), PUSH_KEY))
            knock = knocking(endpoint, signer, may_be_private=settings.push_private)
        tried = Tried(
            _credentials(folder, url), known.adapter, known.is_testing, knock, folder.parent
        )
        report = asyncio.run(driven(output, tried))
    _end(output, report, _write(report, out or folder / "verslagen", _key(settings)))


def verify(
    file: Annotated[Path, typer.Argument(help="A report of `sluis partner test`, JSON.")],
    by: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The gateway's key, JWK.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Check that a gateway signed a report as it stands; by this home's own key without --key."""
    output = Output(as_json)
    jwk: object = public_jwk(_key(settings_of(home))) if by is None else _jwk(by)
    if not isinstance(jwk, dict):
        raise Failure(f"{by} holds no JWK", "see `sluis partner report key`", WRONGLY_ASKED)
    try:
        found = verify_report(file.read_bytes(), jwk)
    except ReportError as error:
        raise Failure(
            f"{file}: {error}", "ask for the report anew, or for the key that goes with it"
        ) from None
    report = ConformanceReport.model_validate(found.report)
    output.result(
        {
            "isGenuine": True,
            "issuer": found.issuer,
            "signedAt": found.signed_at.isoformat(),
            "isPassed": report.is_passed,
            "partner": report.partner,
        }
    )
    output.say(f"Genuine: signed by {found.issuer} at {found.signed_at:%Y-%m-%d %H:%M} UTC.")
    told = (
        "everything that was asked was passed" if report.is_passed else "NOT everything was passed"
    )
    output.say(f"It is about {report.partner}, tried {report.made_at:%Y-%m-%d %H:%M} UTC: {told}.")
    _show(output, report)


def key(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Print the public key that reports of this gateway are checked with."""
    output, jwk = Output(as_json), public_jwk(_key(settings_of(home)))
    output.result(jwk)
    output.say(json.dumps(jwk))


def _seen(settings: Settings, known: StoredPartner, days: int) -> ConformanceReport:
    now = datetime.now(UTC)

    async def look(engine: AsyncEngine) -> ConformanceReport:
        protocol = await protocol_in_force(engine)
        async with engine.connect() as connection:
            await connection.exec_driver_sql("select 1")
            raw = await driver_of(connection)
            seen = await seen_of(raw, known.id, now - timedelta(days=days))
            volume = await open_volume(raw, VERWERKINGEN)
        log = Logbooks(settings.oin, key_provider(settings)).origin(VERWERKINGEN, volume.name)
        return observed_report(known, protocol, settings.base_url, log, seen, days, now)

    return on_database(settings, look, Doing(Action.READ, Target("partner", known.id)))


def _credentials(folder: Path, url: str | None) -> Credentials:
    mine = client_credentials.load(folder)
    return mine if url is None else client_credentials.elsewhere(mine, url)


def _write(
    report: ConformanceReport, folder: Path, key: Ed25519PrivateKey | None
) -> tuple[Path, Path]:
    """The report and its readable form, in a folder of their own; signed where there is a key."""
    told = report.model_dump(mode="json", by_alias=True)
    content = json.dumps({"verslag": told}, indent=2).encode()
    if key is not None:
        content = sign_report(told, key, report.log, datetime.now(UTC))
    folder.mkdir(parents=True, exist_ok=True)
    name = f"toets-{report.partner}-{report.made_at:%Y%m%dT%H%M%S}-{report.run}"
    paths = folder / f"{name}.json", folder / f"{name}.md"
    paths[0].write_bytes(content)
    paths[1].write_text(report_text(report), encoding="utf-8")
    return paths


def _end(output: Output, report: ConformanceReport, written: tuple[Path, Path]) -> None:
    output.result(
        {
            "partner": report.partner,
            "isPassed": report.is_passed,
            "files": [str(one) for one in written],
            "report": report.model_dump(mode="json", by_alias=True),
        }
    )
    _show(output, report)
    output.say(f"Report: {written[0]}; to read: {written[1]}")
    if not report.is_passed:
        raise typer.Exit(NOT_DONE)


def _jwk(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None


def _show(output: Output, report: ConformanceReport) -> None:
    rows = [(one.verdict.value, one.title, one.told) for one in report.checks]
    output.table(("Uitkomst", "Proef", "Toelichting"), rows, _STYLES)
    for one in report.checks:
        if one.remedy:
            output.say(f"{one.id}: {one.remedy}")


def _key(settings: Settings) -> Ed25519PrivateKey:
    return signing_key(key_provider(settings), REPORT_KEY)
