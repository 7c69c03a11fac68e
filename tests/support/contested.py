"""A household whose messages are contested, and what must become of them whatever comes when.

Two flows bring the same two persons to the casebook: one that needs everybody's agreement, and one
that goes on with those who agree. `Model` says what each operation must come to, given those that
committed before it; it knows no database.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.support.messages import Json, fresh_bsn, member, referral

PURPOSE = "toeleiding-wijkteam"
WHOLE, REDUCED = "dwi", "okt"
"""The senders: where everybody must agree, and where the rest may go on."""
NOTE = "een toelichting die over iedereen kan gaan"
APPLICANT, PARTNER = "P.", "Q."
"""The members by their initials."""

_HEAD = """
[protocol]
versie = "VERSIE"
titel = "Proef met wedlopen"

[[doel]]
id = "toeleiding-wijkteam"
omschrijving = "Een huishouden aanmelden bij een wijkteam."

[[overeenkomst]]
id = "convenant"
soort = "convenant"
titel = "Convenant (proef)"
partijen = ["dwi", "okt", "casebook"]
ingang = 2020-01-01
einde = 2090-12-31
"""
_FLOW = """
[[gegevensstroom]]
id = "VERZENDER-aanmelding"
verzender = "VERZENDER"
ontvanger = "casebook"
bericht = "aanmelding"
doel = "toeleiding-wijkteam"
verwerkingsverantwoordelijke = "College van burgemeester en wethouders"
overeenkomst = "convenant"
verwerkingsactiviteit = "https://register.voorbeeld.nl/verwerkingsactiviteiten/proef"
toegelatenGrondslagen = ["participatiewet"]
verplicht = ["aanmelding.aangemeldOp"]

[gegevensstroom.sloten]
grondslag = { soort = "publieke-taak", artikel = "proef" }
beroepsgeheim = { artikel = "proef" }
bsn = { artikel = "proef" }
instemming = { vereist = true, huishouden = "REGEL" }

[gegevensstroom.bewaren]
aangehoudenDagen = 42
nietOpgehaaldDagen = 28
naOntvangstDagen = 14

[gegevensstroom.velden]
"lid.rol" = "behouden"
"lid.burgerservicenummer" = "identificeren"
"lid.voorletters" = "identificeren"
"lid.achternaam" = "ACHTERNAAM"
"huishouden.postcode" = "identificeren"
"aanmelding.aangemeldOp" = "behouden"
"aanmelding.aantalLeden" = "behouden"
"aanmelding.toelichting" = "identificeren"
"""


def protocol(version: str, *, has_surname: bool = True) -> str:
    """The protocol of these races; without the surname it is the newer one."""
    treatment = "identificeren" if has_surname else "weglaten"
    flows = (_FLOW.replace("VERZENDER", s).replace("REGEL", r) for s, r in _FLOWS)
    text = _HEAD.replace("VERSIE", version) + "".join(flows)
    return text.replace("ACHTERNAAM", treatment)


_FLOWS = ((WHOLE, "allen"), (REDUCED, "beperken"))
OLDER, NEWER = protocol("proef-1"), protocol("proef-2", has_surname=False)


@dataclass(frozen=True)
class Household:
    """Two persons, of whom messages tell."""

    applicant: str = field(default_factory=fresh_bsn)
    partner: str = field(default_factory=fresh_bsn)

    def referral(self) -> Json:
        """A message about both, who agreed long ago."""
        return referral(
            member(self.applicant, voorletters=APPLICANT),
            member(self.partner, voorletters=PARTNER, rol="partner"),
            toelichting=NOTE,
        )


@dataclass(frozen=True)
class Seen:
    """What a recipient sees of one message: who, how many, and what was said of all."""

    members: tuple[str, ...]
    count: int
    has_note: bool
    has_surname: bool


def seen(data: Json) -> Seen:
    """What the data of an event shows."""
    persons = data["huishouden"]["leden"]
    surnames = {"achternaam" in one for one in persons}
    assert len(surnames) == 1, "a field goes for all or for none"
    return Seen(
        tuple(one["voorletters"] for one in persons),
        data["aanmelding"]["aantalLeden"],
        "toelichting" in data["aanmelding"],
        surnames.pop(),
    )


@dataclass
class Message:
    """A message as it must stand."""

    sender: str
    state: str
    members: list[tuple[str, int]]
    """The initials of who is in it, and in which life of theirs: an erased person begins anew."""
    is_queued: bool = False
    """It has a place in the mailbox, if only for a tombstone."""
    is_newer: bool = False
    """Decided by the newer protocol."""
    expected: Counter[str] = field(default_factory=Counter)
    """How many entries of each event the log must have of it."""

    @property
    def is_whole(self) -> bool:
        return len(self.members) == 2

    def take_out(self, whom: tuple[str, int]) -> None:
        """Somebody says no, or is erased."""
        if whom not in self.members or self.state not in ("waits", "held"):
            return
        self.expected["verwijdering"] += 1
        if self.sender == WHOLE or whom[0] == APPLICANT:
            self.state, self.members = "purged", []
        else:
            self.members.remove(whom)


class Model:
    """What the operations come to, applied in the order in which they committed."""

    def __init__(self) -> None:
        self.is_suspended = False
        self.has_surname = True
        self.lives = {APPLICANT: 0, PARTNER: 0}
        self.refused: set[tuple[str, int]] = set()
        self.messages: dict[str, Message] = {}
        self.consents = 0
        self.erasures = 0

    def decide(self, name: str, sender: str) -> None:
        """A message arrives."""
        everybody = list(self.lives.items())
        message = self.messages[name] = Message(sender, "waits", everybody)
        message.is_newer = not self.has_surname
        message.expected["besluit"] += 1
        refusing = self.refused & set(everybody)
        if self.is_suspended and sender == WHOLE:
            message.state, message.members = "refused", []
        elif refusing and (sender == WHOLE or any(who[0] == APPLICANT for who in refusing)):
            message.state = "held"
        else:
            message.is_queued = True
            message.members = [who for who in everybody if who not in refusing]

    def withdraw(self, initials: str, life: int) -> bool:
        """Somebody takes back what they said; whether they were known to have said it."""
        if self.lives[initials] != life:
            return False
        self.refused.add((initials, life))
        self.consents += 1
        for message in self.messages.values():
            if message.state == "waits":
                message.take_out((initials, life))
        return True

    def erase(self, initials: str) -> None:
        """Somebody is erased; who is put forward again is somebody new."""
        self.erasures += 1
        for message in self.messages.values():
            message.take_out((initials, self.lives[initials]))
        self.lives[initials] += 1

    def release(self, name: str) -> Seen | None:
        """What a page that commits now must show of a message; None for a tombstone."""
        message = self.messages[name]
        if message.state == "waits" and self.is_suspended and message.sender == WHOLE:
            message.expected["verwijdering"] += 1
            message.state, message.members = "purged", []
        if message.state != "waits":
            return None
        message.expected["verstrekking"] += 1
        members = tuple(initials for initials, _ in message.members)
        return Seen(members, len(members), message.is_whole, self.has_surname)
