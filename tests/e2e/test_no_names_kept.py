"""The gateway is no shadow casebook: after acknowledgement and its window it keeps no names.

Persons go down the road by message and by file, whole and in error, and everything is received.
Then whoever holds the database with every key opens every box. Before the window is over, what was
received opens still; after it, no name, address, number or text does, of nobody. What stays is what
deciding needs: birth dates, the evidence of consent, and a sender's own references
(`docs/erasure.md`). In files and write-ahead log nothing stands in clear, before or after.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.app import Books
from gateway.exchange.retention import Retention
from gateway.vault.boxes import Vault
from gateway.vault.keys import FileKeys
from tests.support.attic import Attic
from tests.support.canary import Canary
from tests.support.messages import Json, bsn, lines_of, member, referral, status_of
from tests.support.pulling import (
    NDJSON,
    deliver,
    pull_all,
    refer,
    report_status,
    worked_off,
)
from tests.support.running_gateway import RunningGateway, embedded_gateway, reachable_folder

NAMES = (
    Canary("BSN", bsn(932_001)),
    Canary("BSN of the partner", bsn(932_002)),
    Canary("surname", "Graspieper-Waterral"),
    Canary("initials", "Q.W.X.V."),
    Canary("street", "Kneuenhofstede"),
    Canary("phone", "020-0417735"),
    Canary("free text", "de kwartelkoning riep de hele nacht"),
)
STAYS = (Canary("birth date", "1949-11-23"), Canary("evidence", "BEWIJS-GRASPIEPER-4"))
"""What deciding rests on, and proof of it: sealed, and to its own term."""
KEY = {canary.name: canary.value for canary in (*NAMES, *STAYS)}
WINDOW = timedelta(days=15)
"""Past `naOntvangstDagen` of every flow of the example."""


def household() -> Json:
    """Two persons with everything that names them."""
    one, other = (
        member(
            KEY[number],
            voorletters=KEY["initials"],
            achternaam=KEY["surname"],
            geboortedatum=KEY["birth date"],
            rol=role,
        )
        for number, role in (("BSN", "aanmelder"), ("BSN of the partner", "partner"))
    )
    one["instemming"]["bewijs"] = KEY["evidence"]
    message = referral(one, other)
    message["huishouden"] |= {
        "straatnaam": KEY["street"],
        "telefoonnummer": KEY["phone"],
    }
    message["toelichting"] = KEY["free text"]
    return message


async def walk_the_road(gateway: RunningGateway) -> None:
    """By message and by file, a bad record and a refusal among them; all of it received."""
    bad = household() | {"aangemeldOp": "nooit"}
    refused = household() | {"grondslag": "geen"}
    async with gateway.partner("dwi") as dwi, gateway.partner("casebook") as casebook:
        assert (await refer(dwi, household())).json()["besluit"] == "toegelaten"
        assert (await refer(dwi, refused)).status_code == 403
        answer = await deliver(dwi, lines_of([household(), bad]), NDJSON)
        assert (await worked_off(dwi, answer.json()["leveringId"]))["toegelaten"] == 1
        events = await pull_all(casebook)
        assert len(events) == 2
        for event in events:
            assert (await report_status(casebook, status_of(event["id"]))).status_code == 202
        assert len(await pull_all(dwi)) == 2


async def end_the_window(gateway: RunningGateway) -> int:
    """What the gateway does by itself, once the days are over."""
    keys = FileKeys(gateway.home / "keys")
    retention = Retention(
        gateway.pool,
        Books(keys).of,
        Vault(keys),
        lambda: datetime.now(UTC) + WINDOW,
        gateway.telemetry,
    )
    return (await retention.pass_once()).exchanges


async def test_no_name_is_kept_after_acknowledgement_and_its_window() -> None:
    with reachable_folder() as place:
        home = place / "home"
        home.mkdir(mode=0o711)
        async with embedded_gateway(home) as gateway:
            await walk_the_road(gateway)
            attic = Attic(home, {"live": gateway.pool}, [home / "data", home / "journal"])
            before = {one.canary for one in await attic.scan([*NAMES, *STAYS])}
            # The scan finds what there is: what the protocol drops was never kept at all.
            assert before == {*KEY} - {"free text"}
            assert await end_the_window(gateway) == 4
            after = await attic.scan([*NAMES, *STAYS], tries_all=True)
            assert {one.canary for one in after} == {one.name for one in STAYS}
            assert {one.place for one in after} == {"live: facts", "live: evidence"}
            assert attic.scan_files([*NAMES, *STAYS]) == []
