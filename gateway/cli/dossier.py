"""`sluis dossier`: what was shared about one person, for that person (GDPR article 15).

Persons are named by files, and identity documents by their kind. A draft is read and released by
a privacy officer; what is written then goes to a folder of its own, for the requester alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from consent.labels import Language
from consent.minimise import Part
from gateway.audit.access import Action, Reason, Target
from gateway.audit.series import Logbooks
from gateway.cli import breach
from gateway.cli.acting import as_officer, id_of
from gateway.cli.database import Doing, RecordingEngine, settings_of
from gateway.cli.failures import NOT_DONE, WRONGLY_ASKED, Failure
from gateway.cli.officer_keys import KeyOption, OfficerOption
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.person import read_person
from gateway.cli.serving import key_provider
from gateway.exchange.boxes import unpack
from gateway.exchange.persons import open_births
from gateway.exchange.recording import bound_held, bound_to
from gateway.pseudonyms.domains import Handles, ProtectedHandles
from gateway.pseudonyms.person_file import NoBsnError, handle_in
from gateway.reports.dossier.authority import DENIALS, Capacity
from gateway.reports.dossier.composing import compose_page
from gateway.reports.dossier.contents import Written
from gateway.reports.dossier.drafting import (
    ASKED,
    Asked,
    DeniedError,
    Ground,
    Identified,
    StaleDossierError,
    Tools,
    UnknownDossierError,
    draft,
    list_all,
    look,
    refuse,
    release,
)
from gateway.reports.dossier.gathering import Opening
from gateway.reports.dossier.html import as_html
from gateway.reports.dossier.pdf import as_pdf
from gateway.store.dossiers import StoredDossier
from gateway.vault.boxes import DataKey, SealBrokenError, Vault
from schemas.identifiers import PartialDate
from schemas.referral import Referral

DossierArgument = Annotated[str, typer.Argument(metavar="DOSSIER", help="Its id.")]
FolderOption = Annotated[
    Path, typer.Option("--to", metavar="FOLDER", help="Where the files go; made if needed.")
]
LanguageOption = Annotated[
    list[Language] | None,
    typer.Option("--language", help="In which language, or languages; Dutch unless told."),
]
CASE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9./-]{0,39}$")
_REFERENCE = re.compile(r"^[^\x00-\x1f]{3,100}$")


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    group = typer.Typer(help="What was shared about a person, and who was exposed by a breach.")
    group.command("subject")(subject)
    group.command("show")(show)
    group.command("release")(release_one)
    group.command("refuse")(refuse_one)
    group.command("list")(list_)
    group.command("breach")(breach.breach)
    app.add_typer(group, name="dossier", no_args_is_help=True)


def subject(
    person: Annotated[
        Path,
        typer.Argument(
            metavar="PERSONFILE",
            help="A file with the BSN, and on its second line the date of birth of the identity"
            " document; - reads the BSN from stdin.",
        ),
    ],
    capacity: Annotated[Capacity, typer.Option(help="In which capacity the requester asks.")],
    identified_by: Annotated[
        Identified, typer.Option("--identified-by", help="What the requester showed.")
    ],
    case: Annotated[str, typer.Option(metavar="NUMBER", help="The case; no name and no BSN.")],
    officer: OfficerOption,
    requester: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The requester's BSN in a file, when they are another."),
    ] = None,
    is_together: Annotated[
        bool,
        typer.Option("--together", help="A child of 12 to 15 asks along, and was heard apart."),
    ] = False,
    mandate: Annotated[
        str | None, typer.Option(metavar="REFERENCE", help="Where an attorney's mandate is kept.")
    ] = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Make a draft of what was shared about a person, for who may ask for it."""
    output, settings = Output(as_json), settings_of(home)
    _check(capacity, case, requester, mandate)
    handles = Handles(key_provider(settings))
    whom, document = _read(person, handles)
    asking = None if requester is None else _read(requester, handles)[0]
    asked = Asked(whom, asking, capacity, identified_by, case, is_together, mandate, document)
    try:
        made = as_officer(
            home,
            officer,
            key,
            lambda engine, vault, sign: draft(
                engine, _tools(home, vault, engine), asked, officer, sign
            ),
            Doing(Action.CREATE, None, Reason(ASKED, case)),
        )
    except DeniedError as error:
        told, remedy = DENIALS[error.denial]
        raise Failure(told, remedy, NOT_DONE, {"denial": error.denial.value}) from None
    except SealBrokenError as error:
        raise _failure(error) from None
    dossier = made.written.dossier
    output.result(
        {
            "dossier": str(dossier.id),
            "state": "concept",
            "isKnown": dossier.is_known,
            "exchanges": len(dossier.sharings),
            "digest": made.written.digest().hex(),
            "endsAt": made.ends_at.isoformat(),
        }
    )
    output.say(f"Draft {dossier.id}: {len(dossier.sharings)} messages, kept until"
               f" {made.ends_at:%Y-%m-%d}.")  # fmt: skip
    output.say(f"Read it: sluis dossier show {dossier.id} --to FOLDER --as {officer}")
    by = "any privacy officer" if capacity is Capacity.SELF else "another privacy officer"
    output.say(f"Then {by} releases it: sluis dossier release {dossier.id} --to FOLDER --as ...")


def show(
    dossier: DossierArgument,
    folder: FolderOption,
    officer: OfficerOption,
    language: LanguageOption = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write a draft into a folder, to be judged. This look is logged."""
    output, which = Output(as_json), id_of(dossier, "DOSSIER")
    try:
        row, written = as_officer(
            home,
            officer,
            key,
            lambda engine, vault, _: look(engine, _tools(home, vault, engine), which, officer),
            _doing(Action.READ, which),
        )
    except (UnknownDossierError, StaleDossierError, SealBrokenError) as error:
        raise _failure(error) from None
    paths = _write(folder, written, language)
    output.result({"dossier": dossier, "state": row.state, "files": [str(one) for one in paths]})
    output.say(f"{dossier}: {row.state}, case {row.case_number}, asked as {row.capacity}.")
    for path in paths:
        output.say(f"  {path}", style="dim")


def release_one(
    dossier: DossierArgument,
    folder: FolderOption,
    officer: OfficerOption,
    language: LanguageOption = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Release a dossier under your key, and write it into a folder for the requester."""
    output, which = Output(as_json), id_of(dossier, "DOSSIER")
    try:
        written = as_officer(
            home,
            officer,
            key,
            lambda engine, vault, sign: release(
                engine, _tools(home, vault, engine), which, officer, sign
            ),
            _doing(Action.EXECUTE, which),
        )
    except (UnknownDossierError, StaleDossierError, SealBrokenError) as error:
        raise _failure(error) from None
    paths = _write(folder, written, language)
    unproven = sum(one.proof is None for one in written.proofs)
    output.result(
        {
            "dossier": dossier,
            "state": "vrijgegeven",
            "digest": written.digest().hex(),
            "files": [str(one) for one in paths],
            "proofs": len(written.proofs),
            "unproven": unproven,
            "logKeys": written.dossier.keys,
        }
    )
    output.say(f"Released {dossier}. Hand it over in person, or by a road that is safe.")
    for path in paths:
        output.say(f"  {path}", style="dim")
    if written.dossier.keys:
        keys = "".join(f" --key {one}" for one in written.dossier.keys)
        output.aside(f"check it: sluis log verify {folder / 'dossier.json'}{keys}")
    if unproven:
        output.say(f"{unproven} entries are in no signed checkpoint yet, so without a proof.")


def refuse_one(
    dossier: DossierArgument,
    ground: Annotated[Ground, typer.Option(help="On which ground it is not given.")],
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Decide that a draft is not released; its contents go at once."""
    output, which = Output(as_json), id_of(dossier, "DOSSIER")
    try:
        as_officer(
            home,
            officer,
            key,
            lambda engine, vault, sign: refuse(
                engine, _tools(home, vault, engine), which, officer, ground, sign
            ),
            _doing(Action.EXECUTE, which),
        )
    except UnknownDossierError as error:
        raise _failure(error) from None
    output.result({"dossier": dossier, "state": "geweigerd", "ground": ground.value})
    output.say(f"{dossier} is not released: {ground.value}.")
    output.say("Write to the requester within a month why, and where to complain (AVG art. 12).")


def list_(
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List the dossiers, newest first, with the day before which an answer is due."""
    output = Output(as_json)
    found = as_officer(
        home, officer, key, lambda engine, *_: list_all(engine, officer), Doing(Action.READ)
    )
    output.result({"dossiers": [_as_json(one) for one in found]})
    rows = [
        (
            str(one.id), one.case_number, one.capacity, one.state, one.drafted_by,
            one.decided_by or "", f"{one.ends_at:%Y-%m-%d}",
        )
        for one in found
    ]  # fmt: skip
    output.table(("Dossier", "Case", "Asked as", "State", "Made by", "Decided by", "Until"), rows)
    if not found:
        output.say("There are no dossiers.")


def opening() -> Opening:
    """How what the exchange sealed is opened."""

    def part(key: DataKey, exchange: UUID, member: int, box: bytes) -> list[Part]:
        return unpack(member, key.open(box, bound_to(exchange.bytes, member)))

    def held(key: DataKey, exchange: UUID, sealed: bytes) -> Referral:
        return Referral.model_validate_json(key.open(sealed, bound_held(exchange.bytes)))

    return Opening(open_births, part, held)


def _tools(home: Path, vault: Vault, engine: RecordingEngine) -> Tools:
    settings = settings_of(home)
    keys = key_provider(settings)
    return Tools(
        vault,
        ProtectedHandles(keys),
        opening(),
        Logbooks(settings.oin, keys),
        engine.about,
        engine.within,
    )


def _doing(action: Action, dossier: UUID) -> Doing:
    return Doing(action, Target("dossier", str(dossier)), Reason(ASKED))


def _check(capacity: Capacity, case: str, requester: Path | None, mandate: str | None) -> None:
    if not CASE.match(case):
        raise Failure("--case is a number", "letters, digits, points, slashes and hyphens",
                      WRONGLY_ASKED)  # fmt: skip
    if capacity.is_looked_up and requester is None:
        raise Failure(f"as {capacity.value} somebody else asks", "name them: --requester FILE",
                      WRONGLY_ASKED)  # fmt: skip
    if not capacity.is_looked_up and requester is not None:
        raise Failure("--requester is for a parent, guardian, curator or mentor", "leave it out",
                      WRONGLY_ASKED)  # fmt: skip
    if mandate is not None and (capacity is not Capacity.ATTORNEY or not _REFERENCE.match(mandate)):
        raise Failure("--mandate is an attorney's, and says where it is kept", "3 to 100 letters",
                      WRONGLY_ASKED)  # fmt: skip


def _read(file: Path, handles: Handles) -> tuple[bytes, PartialDate | None]:
    """A person's handle, and the date of birth on the second line. Raises `Failure`."""
    lines = [line.strip() for line in read_person(file).splitlines()]
    try:
        handle = handle_in(lines[0] if lines else "", handles)
    except NoBsnError as error:
        # Not `from`: nothing of what was read may go along.
        raise Failure(f"{file.name}: {error}", "put the nine digits on its first line",
                      WRONGLY_ASKED) from None  # fmt: skip
    if len(lines) < 2 or not lines[1]:
        return handle, None
    try:
        return handle, PartialDate(lines[1])
    except ValueError as error:
        raise Failure(f"{file.name}, line 2: {error}", "write the date of the identity document",
                      WRONGLY_ASKED) from None  # fmt: skip


def _failure(error: UnknownDossierError | StaleDossierError | SealBrokenError) -> Failure:
    if isinstance(error, SealBrokenError):
        told = "what the gateway holds of this person does not open: their key, or ours, is damaged"
        return Failure(told, "see docs/operating.md; nothing was told")
    if isinstance(error, StaleDossierError):
        return Failure(str(error), "refuse this draft, and make it anew: `sluis dossier subject`")
    return Failure(str(error), "see `sluis dossier list`")


def files_of(written: Written, languages: list[Language] | None) -> Mapping[str, bytes]:
    """The files of a dossier by name: Dutch ones without a mark of their language."""
    files: dict[str, bytes] = {}
    moment = written.dossier.made_at if written.release is None else written.release.at
    for language in dict.fromkeys(languages or [Language.DUTCH]):
        mark = "" if language is Language.DUTCH else f".{language.value}"
        page = compose_page(written, language)
        files[f"dossier{mark}.html"] = as_html(page)
        files[f"dossier{mark}.pdf"] = as_pdf(page, moment)
    files["dossier.json"] = written.model_dump_json(by_alias=True, indent=1).encode() + b"\n"
    return files


def _write(folder: Path, written: Written, languages: list[Language] | None) -> list[Path]:
    """The files into a folder that others cannot read, in the place of earlier ones."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths = []
    for name, content in files_of(written, languages).items():
        path, rough = folder / name, folder / f".{name}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(rough, flags, 0o600), "wb") as file:
            file.write(content)
        rough.replace(path)
        paths.append(path)
    return paths


def _as_json(one: StoredDossier) -> dict[str, object]:
    decided: datetime | None = one.decided_at
    return {
        "dossier": str(one.id),
        "case": one.case_number,
        "capacity": one.capacity,
        "identifiedBy": one.identified_by,
        "state": one.state,
        "draftedBy": one.drafted_by,
        "draftedAt": one.drafted_at.astimezone(UTC).isoformat(),
        "endsAt": one.ends_at.astimezone(UTC).isoformat(),
        "decidedBy": one.decided_by,
        "decidedAt": None if decided is None else decided.astimezone(UTC).isoformat(),
        "ground": one.reason,
    }
