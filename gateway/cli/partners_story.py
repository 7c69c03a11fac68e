"""The demo's steps with the other referrers: OKT in iJw, GGZ in FHIR, a professional's workbook.

Each sends what its own system makes, and reads the answer that its own system reads. References
are of this telling, so that the steps show the same in a home that was used before.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import orjson

from gateway.cli.output import amount
from gateway.cli.overtaking import WatchedDossiers
from gateway.cli.stage import Stage
from gateway.client import AsyncSluis
from gateway.client.mailbox import PageForm
from gateway.sandbox import ggz, okt, professional
from gateway.sandbox.faults import spoilt
from gateway.sandbox.outgoing import Outgoing, Sent, send
from gateway.sandbox.population.put_forward import put_forward
from gateway.sandbox.simulation import SENT, Manner, Simulation
from gateway.sandbox.wire import as_dict
from schemas.decisions import Outcome, Rule
from schemas.referral import Ground, Referral

FAMILIES = 2
"""Of OKT's families, those that come whole: one is referred onward, one goes back."""
CLIENTS = 6
_SEED = 2014
"""Other persons than those whom `sluis sandbox` plays with, who may be known already."""
_CODE = re.compile(rb"RetourCode>([0-9S]{4})<")


async def scale_up(stage: Stage) -> list[Referral]:
    """OKT scales families up; gives those that it sent whole."""
    child, unheard, mistyped, other, *whole = _agreeing(stage, "okt", 4 + FAMILIES)
    again = other.model_copy(update={"reference": child.reference})
    messages = [
        ("a child, with consent", okt.as_jw315(child)),
        ("a child, no consent yet", okt.as_jw315(unheard, with_consent=False)),
        ("a mistyped number", spoilt(okt.as_jw315(mistyped))),
        ("a reference used before", okt.as_jw315(again, with_consent=False)),
        *(("a whole family, as JSON", okt.as_json(one)) for one in whole),
    ]
    with stage.step("OKT scales families up, in iJw (JW315), and gets retours (JW316)"):
        sent = await _send_all(stage, "okt", messages)
    codes = [" ".join(code.decode() for code in _CODE.findall(one.answer)) for one in sent]
    decided = [_outcome(one) for one in sent]
    told = [what for what, _ in messages]
    rows = [(what, *how, code) for what, how, code in zip(told, decided, codes, strict=True)]
    stage.table(("OKT sends", "Decision", "Rule", "JW316"), rows)
    _where(stage, "okt")
    _claim_retours(stage, [one for _, one in messages], sent, codes)
    outcomes = [outcome for outcome, _ in decided]
    both = [Outcome.ACCEPTED, Outcome.HELD]
    stage.claim("OKT's child passed with consent, and waits without", outcomes[:2] == both)
    stage.claim("OKT's whole families passed", set(outcomes[4:]) == {Outcome.ACCEPTED})
    return whole


def _claim_retours(
    stage: Stage, messages: list[Outgoing], sent: list[Sent], codes: list[str]
) -> None:
    claim = stage.claim
    claim("the retour of both says 0200, and does not tell them apart", codes[:2] == ["0200"] * 2)
    claim("a broken message got 0001, a request under way 9374", codes[2:4] == ["0001", "9374"])
    persons = {number for one in messages for number in _numbers(one)}
    is_told = any(number.encode() in one.answer for number in persons for one in sent)
    claim("no retour repeats whom it is about", not is_told)


def patients(stage: Stage) -> list[Referral]:
    """Those whom GGZ refers; the casebook knows the first one."""
    return _agreeing(stage, "ggz", 4)


async def refer_in_fhir(stage: Stage, referred: list[Referral]) -> None:
    """GGZ refers patients: medical secrecy opens with explicit consent and with nothing else."""
    known, agreed, unasked, ill = referred
    messages = [
        ("with the patient's explicit Consent", ggz.as_bundle(known)),
        ("another one with Consent", ggz.as_bundle(agreed)),
        ("without a Consent", ggz.as_bundle(unasked, with_consent=False)),
        ("with a diagnosis", _with_diagnosis(ggz.as_bundle(ill))),
    ]
    with stage.step("GGZ refers patients, as FHIR Bundles"):
        sent = await _send_all(stage, "ggz", messages)
    answers = [(*_outcome(one), _fhir(one.answer)) for one in sent]
    rows = [(told, *answer) for (told, _), answer in zip(messages, answers, strict=True)]
    stage.table(("GGZ sends a Bundle", "Decision", "Rule", "Answered in FHIR"), rows)
    _where(stage, "ggz")
    claim = stage.claim
    passed = (Outcome.ACCEPTED, Rule.PERMITTED, "Task received")
    claim("GGZ's patients passed with explicit consent", answers[0] == passed)
    claim("GGZ is not told which of them the casebook knows", answers[0] == answers[1])
    claim("without consent the patient waits", answers[2][2] == "Task on-hold")
    unread = (Outcome.REFUSED, Rule.UNREADABLE)
    claim("a diagnosis is not taken in at all", answers[3][:2] == unread)


async def send_workbook(stage: Stage, known: Referral) -> Referral:
    """A MADI worker fills in a workbook by hand, and mistypes one number.

    Gives whom it put forward without a number: somebody of a family that is `known` elsewhere.
    """
    clients = _agreeing(stage, "madi", CLIENTS)
    stranger = _without_number(known, f"MADI-{stage.stamp}-{CLIENTS + 1}")
    book = professional.as_workbook(f"madi-{stage.stamp}", [*clients[1:], stranger])
    table = spoilt(professional.as_csv(f"madi-{stage.stamp}-na", clients[:2]))
    with stage.step("A MADI worker sends a workbook, and then a table with a slip of the pen"):
        first, second = await _send_all(stage, "madi", [("by hand", book), ("a slip", table)])
    both = ((book, first), (table, second))
    stage.table(
        ("File", "Accepted#", "Held#", "Refused#", "Repeated#"),
        [(one.name, *_counts(sent)) for one, sent in both],
    )
    _where(stage, "madi")
    stage.claim("MADI's workbook passed whole", first.count(Outcome.ACCEPTED) == CLIENTS)
    refused = second.outcomes[Outcome.REFUSED, Rule.UNREADABLE]
    again = sum(n for (_, rule), n in second.outcomes.items() if rule is Rule.DUPLICATE)
    stage.claim("a mistyped number refused its own household alone", (refused, again) == (1, 1))
    return stranger


def _without_number(family: Referral, reference: str) -> Referral:
    """The applicant alone, as somebody knows them who never saw a number."""
    message = as_dict(family)
    applicant = message["huishouden"]["leden"][0]
    del applicant["burgerservicenummer"]
    message |= {"kenmerk": reference, "grondslag": Ground.SOCIAL_SUPPORT_ACT.value}
    message["huishouden"]["leden"] = [applicant]
    return Referral.model_validate(message)


async def fetch_statuses(stage: Stage) -> int:
    """OKT, GGZ and MADI read in their own formats how it goes; how many statuses they got."""
    told, rows = Counter[str](), []
    with stage.step("OKT, GGZ and MADI read how it goes, each in its own format"):
        for party, form, suffix in _OWN_FORMS:
            path = stage.folder(party) / "statussen" / f"status{suffix}"
            async with stage.party(party) as client:
                page = await client.raw_page(form=form)
                await asyncio.to_thread(_write, path, page.content)
                told[party] = await _pull(stage, client)
            rows.append((party, amount(told[party]), str(path)))
    stage.table(("Referrer", "Statuses#", "In its own format"), rows)
    stage.claim("OKT, GGZ and MADI each got statuses of their own", min(told.values()) > 0)
    return told.total()


_OWN_FORMS = (
    ("okt", PageForm.LINES, ".ndjson"),
    ("ggz", PageForm.FHIR, ".fhir.json"),
    ("madi", PageForm.STATUS_FILE, ".csv"),
)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


async def _pull(stage: Stage, client: AsyncSluis) -> int:
    """Statuses that were new, kept and acknowledged as the party's simulator does."""
    store = WatchedDossiers(stage.folder(client.partner) / "dossiers")
    folder = stage.folder(client.partner)
    await Simulation(client, folder, Manner(count=0), store=store).round()
    return sum(event.type == "nl.sluis.statusbericht" for event in store.fresh)


def _agreeing(stage: Stage, party: str, count: int) -> list[Referral]:
    """Households in which everybody agrees, under references of this telling."""
    today = datetime.now(UTC).date()
    found = (
        one
        for one in put_forward(party, today, _SEED)
        if all(member.agreement and member.agreement.given for member in one.household.members)
    )
    return [
        one.model_copy(update={"reference": f"{party.upper()}-{stage.stamp}-{number}"})
        for number, one in enumerate(islice(found, count), 1)
    ]


def _with_diagnosis(outgoing: Outgoing) -> Outgoing:
    bundle = orjson.loads(outgoing.content)
    condition = {"resourceType": "Condition", "code": {"text": "synthetisch"}}
    request = {"method": "POST", "url": "Condition"}
    bundle["entry"].append({"request": request, "resource": condition})
    return Outgoing(
        f"diagnose-{outgoing.name}",
        orjson.dumps(bundle),
        outgoing.media_type,
        outgoing.referrals,
        outgoing.door,
    )


def _fhir(answer: bytes) -> str:
    """What an EHR shows of the answer: the Task's status, or the first issue."""
    resource = orjson.loads(answer)
    if resource["resourceType"] == "OperationOutcome":
        return f"OperationOutcome {resource['issue'][0]['code']}"
    tasks = [
        entry["resource"]["status"]
        for entry in resource["entry"]
        if entry.get("resource", {}).get("resourceType") == "Task"
    ]
    return f"Task {tasks[0]}" if tasks else resource["type"]


def _outcome(sent: Sent) -> tuple[str, str]:
    """Decision and rule of a message that was sent by itself."""
    return next(iter(sent.outcomes), ("", ""))


def _counts(sent: Sent) -> tuple[str, str, str, str]:
    again = sum(n for (_, rule), n in sent.outcomes.items() if rule is Rule.DUPLICATE)
    accepted, held, refused = (
        sum(
            n
            for (one, rule), n in sent.outcomes.items()
            if one is outcome and rule is not Rule.DUPLICATE
        )
        for outcome in (Outcome.ACCEPTED, Outcome.HELD, Outcome.REFUSED)
    )
    return amount(accepted), amount(held), amount(refused), amount(again)


async def _send_all(stage: Stage, party: str, messages: list[tuple[str, Outgoing]]) -> list[Sent]:
    """What became of each message, in their order; counted for the summary."""
    folder = stage.folder(party) / SENT
    async with stage.party(party) as client:
        sent = [await send(client, one, folder) for _, one in messages]
    for one in sent:
        for (outcome, rule), number in one.outcomes.items():
            if rule is not Rule.DUPLICATE:
                stage.count(_NAMES[outcome], number)
    return sent


_NAMES = {Outcome.ACCEPTED: "accepted", Outcome.HELD: "held", Outcome.REFUSED: "refused"}


def _where(stage: Stage, party: str) -> None:
    stage.say(f"  {stage.folder(party) / SENT}", style="dim")


def _numbers(outgoing: Outgoing) -> set[str]:
    """The numbers of the persons in a message."""
    return {
        member["burgerservicenummer"]
        for referral in outgoing.referrals
        for member in as_dict(referral)["huishouden"]["leden"]
    }
