"""`sluis dossier breach`: who and what was exposed, in a folder that is ready for the notification.

The act is in the access log before the folder is there. What is about protected exchanges is made
by itself, into a folder of its own, and is in the log of protected access alone.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.audit.access import Action, Actor, ActorKind, Reason, Target
from gateway.audit.series import Logbooks
from gateway.cli.database import Doing, on_database, settings_of
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.officer_keys import OfficerOption, key_id_of, signing_key
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, amount
from gateway.cli.serving import key_provider
from gateway.cli.shutting_out import say_whether_kept, shutting_out
from gateway.exchange.shutting_out import Done
from gateway.reports.breach.order import Order, Tools
from gateway.reports.breach.pack import Pack, make_pack
from gateway.reports.breach.scope import AMSTERDAM, Asked, UnknownScopeError, local
from gateway.vault.boxes import Vault

REASONS = ("datalek", "vermoeden-datalek", "oefening")
_CASE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9./-]{0,39}$")
_FORMS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]


def breach(
    officer: OfficerOption,
    since: Annotated[
        datetime, typer.Option(formats=_FORMS, help="From when; Dutch time, as all of these.")
    ],
    until: Annotated[
        datetime | None, typer.Option(formats=_FORMS, help="Until when; now, unless told.")
    ] = None,
    partner: Annotated[
        str | None, typer.Option(metavar="ID", help="Everything that this partner was handed.")
    ] = None,
    flow: Annotated[
        str | None, typer.Option(metavar="ID", help="Everything that went by this flow.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--of-key", metavar="KID", help="What was provably fetched with this key."),
    ] = None,
    credential: Annotated[
        str | None,
        typer.Option(
            "--stolen-credential",
            metavar="KID",
            help="The same, and all that whoever held it could have fetched.",
        ),
    ] = None,
    discovered_at: Annotated[
        datetime | None,
        typer.Option("--discovered-at", formats=_FORMS, help="From when the 72 hours run."),
    ] = None,
    case: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Your number in the register of breaches.")
    ] = None,
    reason: Annotated[str, typer.Option(help=f"One of: {', '.join(REASONS)}.")] = REASONS[0],
    suspend: Annotated[
        bool, typer.Option("--suspend", help="Suspend the partner first: nothing more goes.")
    ] = False,
    protected: Annotated[
        bool,
        typer.Option("--protected", help="Make the part on protected exchanges instead."),
    ] = False,
    open_names: Annotated[
        bool, typer.Option("--open-names", help="Name the persons too; takes a second officer.")
    ] = False,
    second: Annotated[
        str | None, typer.Option("--with", metavar="OFFICER", help="The second officer.")
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The officer's private key.")
    ] = None,
    second_key_file: Annotated[
        Path | None, typer.Option("--with-key", metavar="FILE", help="The second officer's key.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where the pack goes; it may not exist yet.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Make a breach pack (GDPR article 33): who and what was exposed, to whom, with proofs."""
    output = Output(as_json)
    asked = _asked(partner, flow, key, credential, since, until)
    _check(case, reason, suspend=suspend, asked=asked, open_names=open_names, second=second)
    place = folder or Path(f"datalek-{datetime.now(AMSTERDAM):%Y%m%d-%H%M%S}")
    if place.exists():
        raise Failure(f"{place} is there already", "name another with --folder", WRONGLY_ASKED)
    settings = settings_of(home)
    private = signing_key(settings.home, officer, key_file)
    other = signing_key(settings.home, second, second_key_file) if second else None
    keys = key_provider(settings)
    suspended: list[Done] = []

    async def suspend_it(engine: AsyncEngine, partner: str) -> None:
        suspended.append(await (await shutting_out(settings, engine)).suspend(engine, partner))

    tools = Tools(Vault(keys), keys, Logbooks(settings.oin, keys), suspend_it)
    order = Order(
        asked,
        officer,
        case=case,
        reason=reason,
        discovered_at=None if discovered_at is None else _here(discovered_at),
        suspends=suspend,
        is_protected=protected,
        second=second,
    )
    doing = Doing(
        Action.EXECUTE if open_names or suspend else Action.READ,
        Target(*_target(asked)),
        Reason(f"{reason}+namen" if open_names else reason, case),
        Actor(ActorKind.OFFICER, officer, key_id_of(private)),
        is_protected=protected,
    )
    sign_too = None if other is None else other.sign
    try:
        pack = on_database(
            settings,
            lambda engine: make_pack(engine, tools, order, private.sign, sign_too),
            doing,
        )
    except UnknownScopeError as error:
        remedy = "see `sluis partner list` and `sluis officer list`"
        raise Failure(str(error), remedy, WRONGLY_ASKED) from None
    _write(place, pack)
    output.result({"folder": str(place), **pack.overview})
    _show(output, place, pack)
    for done in suspended:
        say_whether_kept(done, output)


def _asked(
    partner: str | None,
    flow: str | None,
    key: str | None,
    credential: str | None,
    since: datetime,
    until: datetime | None,
) -> Asked:
    if sum(one is not None for one in (partner, flow, key, credential)) > 1:
        raise Failure(
            "a pack is about one partner, flow, key or credential",
            "make one for each",
            WRONGLY_ASKED,
        )
    begin = _here(since)
    end = datetime.now(UTC) + timedelta(minutes=1) if until is None else _here(until)
    if end <= begin:
        raise Failure("--until lies before --since", "turn them round", WRONGLY_ASKED)
    return Asked(begin, end, partner, flow, key, credential)


def _check(
    case: str | None,
    reason: str,
    *,
    suspend: bool,
    asked: Asked,
    open_names: bool,
    second: str | None,
) -> None:
    if case is not None and not _CASE.match(case):
        raise Failure(
            "--case is a number", "letters, digits, points, slashes and hyphens", WRONGLY_ASKED
        )
    if reason not in REASONS:
        raise Failure("--reason is a code", f"one of {', '.join(REASONS)}", WRONGLY_ASKED)
    if suspend and asked.partner is None and asked.key is None and asked.credential is None:
        raise Failure("--suspend suspends a partner", "name it with --partner", WRONGLY_ASKED)
    if open_names and (second is None or case is None):
        raise Failure(
            "names are opened by two officers, for a case",
            "name them: --with OFFICER --case NUMBER",
            WRONGLY_ASKED,
        )
    if second is not None and not open_names:
        raise Failure("--with goes with --open-names", "leave it out, or add that", WRONGLY_ASKED)


def _here(moment: datetime) -> datetime:
    return moment.replace(tzinfo=AMSTERDAM)


def _target(asked: Asked) -> tuple[str, str]:
    named = (
        ("partner", asked.partner),
        ("flow", asked.flow),
        ("key", asked.key),
        ("key", asked.credential),
    )
    period = f"{asked.since:%Y-%m-%dT%H:%M}/{asked.until:%Y-%m-%dT%H:%M}"
    return next(((kind, id_) for kind, id_ in named if id_ is not None), ("period", period))


def _write(place: Path, pack: Pack) -> None:
    """Everything for its owner alone; the folder gets its name once it is whole."""
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    draft.mkdir(mode=0o700, parents=True)
    for name, content in pack.files.items():
        path = draft / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    draft.rename(place)


def _show(output: Output, place: Path, pack: Pack) -> None:
    found = pack.findings
    seen = found.exposure
    rows = [
        ("persons", amount(seen.persons)),
        ("of them minors", amount(found.minors)),
        ("age not known", amount(found.age_unknown)),
        ("erased since", amount(seen.erased)),
        ("secret address, as far as known", amount(found.secret.persons)),
        ("messages", amount(seen.exchanges)),
        ("times handed over", amount(seen.hand_overs)),
        ("waiting in the mailbox", amount(found.waiting.messages)),
        ("held for agreement", amount(found.waiting.held)),
    ]
    rows += [
        (f"persons, {special.value}", amount(count))
        for special, count in seen.persons_by_special.items()
    ]
    output.table(("Exposed", "Number#"), rows)
    output.table(
        ("Recipient", "Persons#", "Messages#", "First", "Last"),
        [
            (one.id, amount(one.persons), amount(one.exchanges), local(one.first), local(one.last))
            for one in seen.recipients
        ],
    )
    if found.clock is not None:
        clock, style = found.clock, "red" if found.clock.is_over else "bold"
        output.say(f"Notify before {local(clock.until)} ({clock.told_in_english}).", style=style)
    for one in found.soundness:
        told = "holds" if one.fault is None else f"DOES NOT HOLD: {one.fault}"
        output.say(f"{one.origin}: {told}", style="" if one.fault is None else "red")
    if found.suspended_at is not None:
        output.say(f"{found.scope.partner} is suspended: nothing more goes to or from it.")
    elif found.scope.partner is not None:
        told = f"Stop it now, if you must: sluis partner suspend {found.scope.partner}"
        output.say(told, style="red")
    output.say(f"{len(pack.files)} files in {place}; begin with melding.html.")
