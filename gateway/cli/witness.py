"""`sluis witness`: who vouches for the log beside us, and being such a witness oneself.

The first four are the gateway's own side and work on its database, whether or not it runs; `serve`
is for an auditor or a partner, at their own place, and needs neither.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.audit.access import Action, Target
from gateway.audit.addresses import AddressError, checked_url
from gateway.audit.note import NoteError, VerifierKey, parse_vkey
from gateway.audit.series import NAMES, OPEN_TO_ALL
from gateway.audit.witness import is_witness_key
from gateway.cli.database import Doing, on_database, settings_of
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, amount
from gateway.cli.witness_serving import serve
from gateway.store import witnesses as store
from gateway.store.database import Addresses, open_pool
from gateway.store.history import driver_of
from gateway.store.log import open_volume
from gateway.store.witnesses import Standing, Witness

UNWITNESSED = (
    "no witness yet: the log does not prove that partners and supervisors are shown the same one"
)
"""What a log without witnesses leaves open; told by `sluis run` and by `sluis witness list`."""


async def told_of_witnesses(database: Addresses) -> str:
    """One line on who vouches for the log, or on what is not proven while nobody does."""
    async with open_pool(database.dsn) as pool, pool.acquire() as connection:
        named = await store.witnesses(connection)
    if not named:
        return f"{UNWITNESSED} (`sluis witness add`)"
    return f"the log is cosigned by {', '.join(one.name for one in named)}"


NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The witness's name.")]


class _Stands(NamedTuple):
    """A witness with where it stands, by series."""

    witness: Witness
    by_series: dict[str, Standing]


class _State(NamedTuple):
    quorum: int
    stands: list[_Stands]


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    group = typer.Typer(help="Name who cosigns the log (getuigen), or be a witness yourself.")
    group.command("add")(add)
    group.command("list")(list_all)
    group.command("remove")(remove)
    group.command("quorum")(quorum)
    group.command("serve")(serve)
    app.add_typer(group, name="witness", no_args_is_help=True)


def add(
    vkey: Annotated[
        str, typer.Argument(metavar="VKEY", help="Its verifier key, as the witness gave it.")
    ],
    url: Annotated[
        str, typer.Argument(metavar="URL", help="Its submission prefix: https://getuige...")
    ],
    allow_private: Annotated[
        bool,
        typer.Option(
            "--allow-private", help="It is inside our own network (then http will do as well)."
        ),
    ] = False,
    sees_protected: Annotated[
        bool,
        typer.Option(
            "--protected",
            help="It may also see how much protected traffic there is: an auditor, not a partner.",
        ),
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Name a witness; a running gateway asks it for cosignatures within seconds."""
    output = Output(as_json)
    key = _witness_key(vkey)
    try:
        checked_url(url, may_be_private=allow_private)
    except AddressError as error:
        remedy = "an https address; with --allow-private one inside your own network"
        raise Failure(f"this address will not do: {error}", remedy, WRONGLY_ASKED) from error
    witness = Witness(key.encode(), key.name, url, allow_private, sees_protected, datetime.now(UTC))

    async def work(engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            await store.add_witness(await driver_of(connection), witness)

    try:
        on_database(settings_of(home), work, Doing(Action.CREATE, Target("witness", key.name)))
    except store.WitnessKnownError as error:
        raise Failure(str(error), "see `sluis witness list`") from None
    output.result({"witness": key.name, "url": url, "seesProtected": sees_protected})
    output.say(f"{key.name} is asked to cosign from now on.")
    output.say("It must know our logs as well: give its operator the keys of `verwerkingen` and")
    output.say(
        "`toegang` in GET /v1/logboek/sleutels (`sluis witness serve` takes them as --origin)."
    )
    output.aside("see how it stands with `sluis witness list`")


def list_all(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the witnesses: what each cosigned last, when, and whether it fails."""
    output = Output(as_json)

    async def work(engine: AsyncEngine) -> _State:
        async with engine.connect() as connection:
            await connection.exec_driver_sql("select 1")
            driver = await driver_of(connection)
            logs = {name: await open_volume(driver, series) for series, name in NAMES.items()}
            shared = {NAMES[series] for series in OPEN_TO_ALL}
            stands = []
            for one in await store.witnesses(driver):
                seen = {
                    name: await store.standing_of(driver, one.vkey, volume.log)
                    for name, volume in logs.items()
                    if one.sees_protected or name in shared
                }
                stands.append(_Stands(one, seen))
            return _State(await store.quorum(driver), stands)

    state = on_database(settings_of(home), work, Doing(Action.READ, Target("witness", "*")))
    output.result({"quorum": state.quorum, "witnesses": [_as_json(one) for one in state.stands]})
    if not state.stands:
        output.say(UNWITNESSED[0].upper() + UNWITNESSED[1:] + ".")
        output.say("See `sluis witness add --help`.")
        return
    rows = [
        (one.witness.name, name, amount(standing.size), _age(standing), _trouble(standing))
        for one in state.stands
        for name, standing in one.by_series.items()
    ]
    output.table(("Witness", "Log", "Cosigned up to#", "Last", "Trouble"), rows)
    output.say()
    if state.quorum == 0:
        output.say("No quorum is set (`sluis witness quorum N`): one cosignature counts.")
    else:
        output.say(f"{state.quorum} of {len(state.stands)} must have cosigned (the quorum).")
    if state.quorum > len(state.stands):
        output.say("That is more than there are: no checkpoint meets it.", style="yellow")


def remove(
    name: NameArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Ask a witness no more; what it cosigned stays."""
    output = Output(as_json)

    async def work(engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            await store.remove_witness(await driver_of(connection), name)

    try:
        on_database(settings_of(home), work, Doing(Action.DELETE, Target("witness", name)))
    except store.UnknownWitnessError as error:
        raise Failure(str(error), "see `sluis witness list`") from None
    output.result({"witness": name, "isAsked": False})
    output.say(f"{name} is asked no more.")


def quorum(
    number: Annotated[
        int, typer.Argument(metavar="N", min=0, max=100, help="How many must have cosigned.")
    ],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Say how many witnesses must have cosigned a checkpoint that is called witnessed."""
    output = Output(as_json)

    async def work(engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            await store.set_quorum(await driver_of(connection), number)

    on_database(
        settings_of(home), work, Doing(Action.UPDATE, Target("witness-quorum", str(number)))
    )
    output.result({"quorum": number})
    output.say(f"A checkpoint is witnessed once {number} have cosigned it.")


def _witness_key(vkey: str) -> VerifierKey:
    try:
        key = parse_vkey(vkey.strip())
    except NoteError as error:
        remedy = "copy it whole: getuige.voorbeeld.nl/sluis+1a2b3c4d+BAbC..."
        raise Failure(f"the witness's key will not do: {error}", remedy, WRONGLY_ASKED) from error
    if not is_witness_key(key):
        remedy = "ask its operator for the key that it cosigns with (type 04 or 06)"
        raise Failure("that is a log's key, not a witness's", remedy, WRONGLY_ASKED)
    return key


def _age(standing: Standing) -> str:
    if standing.age is None:
        return "never"
    seconds = int(standing.age)
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}s ago"
    return f"{seconds} seconds ago"


_TROUBLES = {
    "niet-bereikbaar": "does not answer",
    "adres-niet-toegestaan": "its address is private: see --allow-private",
    "getuige-verder-dan-wij": "HAS SEEN MORE THAN THIS DATABASE HOLDS",
    "niet-in-overeenstemming": "FINDS THE LOG INCONSISTENT WITH WHAT IT SAW",
    "medeondertekening-ongeldig": "its cosignature does not verify",
    "logboek-onbekend-bij-getuige": "does not know this log: give it our key",
    "sleutel-onbekend-bij-getuige": "does not know our key",
}


def _trouble(standing: Standing) -> str:
    if standing.reason is None:
        return ""
    told = _TROUBLES.get(standing.reason, standing.reason)
    return f"{told} ({amount(standing.failures)} times)"


def _as_json(one: _Stands) -> dict[str, object]:
    return {
        "witness": one.witness.name,
        "vkey": one.witness.vkey,
        "url": one.witness.url,
        "seesProtected": one.witness.sees_protected,
        "logs": {
            name: {
                "size": standing.size,
                "ageSeconds": standing.age,
                "failures": standing.failures,
                "reason": standing.reason,
            }
            for name, standing in one.by_series.items()
        },
    }
