"""One message as it is told: what became of it, from whom to whom, why, which fields, and when.

The rules' and articles' own words are those of the protocol and its labels; a message that waits or
was refused is explained in the words that its sender got, and never by whose agreement it lacked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from consent.labels import BASES, MESSAGES, REGIMES
from gateway.reports.dossier.contents import (
    Course,
    FieldTold,
    Ground,
    Happening,
    Lock,
    Sharing,
    What,
)
from gateway.reports.dossier.page import Block, Facts, Heading, Paragraph, Table, Text
from gateway.reports.dossier.voice import Voice, capital
from gateway.reports.dossier.words import (
    COURSES,
    DECISIONS,
    HAPPENINGS,
    LOCKS,
    REASONS,
    RULES,
)
from schemas.decisions import Rule
from schemas.fields import Treatment

_AS_IT_IS = (Treatment.IDENTIFY, Treatment.KEEP)
_SCORE = "lid.zrm."


def sharing_told(one: Sharing, voice: Voice) -> Iterator[Block]:
    what = voice.told(MESSAGES[one.message]) if one.message else voice.say("bericht", "message")
    to = "" if one.recipient is None else voice.say(" aan ", " to ") + voice.party(one.recipient)
    day = voice.moment(one.received_at).partition(",")[0]
    yield Heading(3, f"{one.number}. {capital(what)}{to}, {day}")
    yield Paragraph(_told(one, voice))
    yield Facts(list(_facts(one, voice)))
    yield Table(
        voice.say("Wat er gebeurde", "What happened"),
        (voice.say("Wanneer", "When"), voice.say("Wat", "What")),
        [(voice.moment(x.at), _happened(x, one, voice)) for x in one.happenings],
    )


def _told(one: Sharing, voice: Voice) -> str:
    told = [voice.told(COURSES[one.course])]
    if one.course is Course.SHARED and one.is_nameless:
        told.append(
            voice.say(
                "De naam ging niet mee: de ontvanger kan niet zien om wie het gaat.",
                "No name went along: the recipient cannot see who it is about.",
            )
        )
    if one.course in (Course.HELD, Course.REFUSED) and one.rule in set(RULES):
        told.append(voice.told(RULES[Rule(one.rule)]))
        if one.field is not None:
            told.append(voice.say("Het gaat om: ", "It is: ") + voice.field(one.field) + ".")
    if one.is_stopped:
        told.append(
            voice.say(
                "Daarna is gezegd dat het moet stoppen: de ontvanger mag het hiervoor niet meer"
                " gebruiken.",
                "Since then it was said that it has to stop: the recipient may no longer use it for"
                " this.",
            )
        )
    if one.is_emergency:
        told.append(
            voice.say(
                "Dit gebeurde in een noodsituatie. Een privacyfunctionaris kijkt achteraf of dat"
                " terecht was.",
                "This was an emergency. A privacy officer looks afterwards whether it was right.",
            )
        )
        if one.review is not None:
            found = {"terecht": "was justified", "onterecht": "was not justified"}
            told.append(
                voice.say(f"Het oordeel: {one.review}.", f"The finding: it {found[one.review]}.")
            )
    return " ".join(told)


def _facts(one: Sharing, voice: Voice) -> Iterator[tuple[str, Sequence[Text]]]:
    yield voice.say("Van", "From"), [voice.party(one.sender)]
    if one.recipient is not None:
        yield voice.say("Aan", "To"), [voice.party(one.recipient)]
    if one.purpose_told is not None:
        yield voice.say("Waarvoor", "What for"), [voice.dutch(one.purpose_told)]
    if one.grounds:
        yield (
            voice.say("Waarom dit mag", "Why it is allowed")
            if one.course in (Course.SHARED, Course.WAITS)
            else voice.say("Waarom zo'n bericht mag", "Why such a message is allowed"),
            [_ground(ground, voice) for ground in one.grounds],
        )
    if one.is_agreed is not None:
        yield voice.say("Toestemming", "Agreement"), list(_agreed(one, voice))
    if one.fields:
        told = list(_fields(one.fields, voice))
        if one.course is Course.SHARED and not one.is_exact:
            told.append(
                voice.say(
                    "Van een heel huishouden houdt het logboek één lijst bij. Om niets van anderen"
                    " te vertellen, staat hier wat er hooguit bij zat.",
                    "The log keeps one list for a whole household. To tell nothing of others, here"
                    " is what may have been among it at most.",
                )
            )
        yield _which(one, voice), told
    if one.left:
        yield voice.say("Dit ging niet mee", "This did not go"), list(_left(one.left, voice))
    if one.controller is not None:
        yield voice.say("Verantwoordelijk", "Responsible"), list(_controllers(one, voice))
    if one.kept is not None:
        yield voice.say("Hoe lang in de poort", "How long in the gateway"), [_how_long(one, voice)]


def _ground(ground: Ground, voice: Voice) -> Text:
    name = voice.told(LOCKS[ground.lock])
    if ground.lock is Lock.BASIS and ground.basis is not None:
        name = voice.told(BASES[ground.basis])
    only = voice.say(" (alleen met toestemming)", " (with consent only)")
    return f"{capital(name)}: ", voice.dutch(ground.article), only if ground.by_consent else ""


def _agreed(one: Sharing, voice: Voice) -> Iterator[str]:
    if not one.is_agreed:
        yield voice.say(
            "Hiervoor is geen ja nodig. {who} kan wel bezwaar maken.".replace(
                "{who} kan", "U kunt" if voice.who == "u" else "{who} kan"
            ),
            "No yes is needed for this. An objection is possible.",
        )
        return
    if one.regime is not None:
        yield capital(voice.told(REGIMES[one.regime])) + "."
    if one.consents:
        numbers = ", ".join(map(str, one.consents))
        yield voice.say(
            f"Zie bij Toestemming, nummer {numbers}.", f"See under Agreement, number {numbers}."
        )


def _which(one: Sharing, voice: Voice) -> str:
    if one.course is not Course.SHARED:
        return voice.say("Deze gegevens kunnen in zo'n bericht staan", "Such a message may hold")
    if one.is_exact:
        return voice.say("Deze gegevens gingen mee", "These data went")
    return voice.say("Hooguit deze gegevens gingen mee", "At most these data went")


def _fields(fields: Sequence[FieldTold], voice: Voice) -> Iterator[str]:
    plain = [one for one in fields if not _is_score(one.path)]
    groups = (
        (_AS_IT_IS, voice.say("Zoals het is", "As it is")),
        ((Treatment.GENERALISE,), voice.say("Alleen ongeveer", "Roughly only")),
        ((Treatment.PSEUDONYMISE,), voice.say("Als code", "As a code")),
    )
    for treatments, name in groups:
        if named := [voice.field(one.path) for one in plain if one.treatment in treatments]:
            yield f"{name}: {', '.join(named)}."
    scores = [one for one in fields if _is_score(one.path)]
    if scores:
        is_coarse = scores[0].treatment is Treatment.GENERALISE
        yield (
            voice.say(
                "Alleen of er een probleem is, met: ", "Only whether there is a problem with: "
            )
            if is_coarse
            else voice.say(
                "Hoe goed het zelf lukt, een cijfer van 1 tot en met 5, voor: ",
                "How well one manages, a figure from 1 to 5, for: ",
            )
        ) + f"{_domains([one.path for one in scores], voice)}."


def _left(paths: Sequence[str], voice: Voice) -> Iterator[str]:
    if plain := [voice.field(path) for path in paths if not _is_score(path)]:
        yield capital(", ".join(plain)) + "."
    if scores := [path for path in paths if _is_score(path)]:
        told = voice.say("Hoe goed het zelf lukt, voor: ", "How well one manages, for: ")
        yield f"{told}{_domains(scores, voice)}."


def _is_score(path: str) -> bool:
    return path.startswith(_SCORE) and path != "lid.zrm.gemetenOp"


def _domains(paths: Sequence[str], voice: Voice) -> str:
    heading = ("de zelfredzaamheidsscore voor ", "the self-sufficiency score: ")[not voice.is_dutch]
    return ", ".join(voice.field(path).removeprefix(heading) for path in paths)


def _controllers(one: Sharing, voice: Voice) -> Iterator[Text]:
    if one.controller is not None:
        yield voice.dutch(one.controller)
    if one.processor is not None:
        helps = voice.say("In opdracht helpt: ", "Helping on instruction: ")
        yield helps, voice.dutch(one.processor)


def _how_long(one: Sharing, voice: Voice) -> str:
    assert one.kept is not None  # noqa: S101  # looked for before
    if one.course is Course.REFUSED:
        return voice.say(
            "Van wat is geweigerd, is niets bewaard.", "Of what was refused nothing was kept."
        )
    if one.course is Course.HELD:
        told = voice.say(
            f"Hooguit {one.kept.hold_days} dagen, in afwachting van de instemming.",
            f"At most {one.kept.hold_days} days, waiting for agreement.",
        )
    else:
        told = voice.say(
            f"Hooguit {one.kept.unclaimed_days} dagen tot de ontvanger het ophaalt, en"
            f" {one.kept.after_receipt_days} dagen erna.",
            f"At most {one.kept.unclaimed_days} days until the recipient fetches it, and"
            f" {one.kept.after_receipt_days} days after that.",
        )
    if one.gone_at is not None:
        told += voice.say(" Uiterlijk weg op ", " Gone at the latest on ") + (
            voice.moment(one.gone_at).partition(",")[0] + "."
        )
    elif one.course in (Course.SHARED, Course.REMOVED):
        told += voice.say(" De inhoud is er nu niet meer.", " The content is gone by now.")
    return told


def _happened(one: Happening, sharing: Sharing, voice: Voice) -> str:
    if one.what is What.DECIDED and one.reason in DECISIONS:
        return voice.told(DECISIONS[one.reason])
    told = voice.told(
        HAPPENINGS[one.what],
        sender=voice.party(sharing.sender),
        party=voice.party(one.party),
    )
    if one.reason in REASONS:
        told += " " + voice.told(REASONS[one.reason])
    return told
