"""What a dossier tells beside the messages: what is kept, who said yes, who may decide, who looked.

Of who looked it tells when, as what and why, and never who (CJEU C-579/21): names of officers and
operators are for the municipality's own register.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.reports.dossier.contents import Dossier
from gateway.reports.dossier.page import Block, Heading, Paragraph, Table, Text, Tone
from gateway.reports.dossier.voice import Voice, capital
from gateway.reports.dossier.words import (
    ACTORS,
    AUTHORITIES,
    DECIDERS,
    HAPPENINGS,
    LOOKED,
    MANNERS,
    OPERATIONS,
    SOURCES,
    STOPS,
)


def kept_told(dossier: Dossier, voice: Voice) -> Iterator[Block]:
    held = [one for one in dossier.sharings if one.copy_]
    yield Heading(2, voice.say("Wat de poort nu nog bewaart", "What the gateway still keeps"))
    if not held and not dossier.held:
        yield Paragraph(
            voice.say(
                "Niets meer. De poort geeft door en bewaart niet. De organisaties die iets kregen,"
                " hebben het zelf nog: vraag het hun.",
                "Nothing any more. The gateway passes on and does not keep. The organisations that"
                " received something have it themselves: ask them.",
            )
        )
        return
    yield Paragraph(
        voice.say(
            "De poort geeft door en bewaart niet lang. Dit ligt er nu nog. De organisaties die iets"
            " kregen, hebben het ook zelf: vraag het hun.",
            "The gateway passes on and does not keep for long. This is still there. The"
            " organisations that received something have it too: ask them.",
        )
    )
    headings = (voice.say("Gegeven", "Field"), voice.say("Wat er staat", "What it says"))
    for one in held:
        yield Table(
            voice.say(f"Uit bericht {one.number}", f"From message {one.number}"),
            headings,
            [(capital(voice.field(x.path)), voice.value(x)) for x in one.copy_],
        )
        if not one.is_copy_whole:
            yield Paragraph(
                voice.say(
                    "In dit bericht staat ook iets dat over anderen kan gaan. Dat staat hier niet.",
                    "This message also holds something that may be about others. It is not here.",
                ),
                Tone.NOTE,
            )
    if dossier.held:
        yield Table(
            voice.say("Om te weten wie mag beslissen", "To know who may decide"),
            headings,
            [(capital(voice.field(x.path)), voice.value(x)) for x in dossier.held],
        )


def consents_told(dossier: Dossier, voice: Voice) -> Iterator[Block]:
    if not dossier.consents:
        return
    yield Heading(2, voice.say("Toestemming", "Agreement"))
    rows: list[tuple[Text, ...]] = []
    for one in dossier.consents:
        said = voice.say("ja", "yes") if one.given else voice.say("nee", "no")
        if one.is_withdrawal:
            said = voice.say("ingetrokken", "withdrawn")
        by = voice.told(DECIDERS[one.decided_by], zelf=voice.self_)
        how = "" if one.manner is None else f" ({voice.told(MANNERS[one.manner])})"
        narrowed = ""
        if one.category != "*":
            narrowed += f" {voice.say('Alleen', 'Only')}: {voice.category(one.category)}."
        if one.valid_until is not None:
            narrowed += f" {voice.say('Tot', 'Until')} {voice.day(one.valid_until)}."
        what = voice.dutch(one.purpose_told or one.purpose), narrowed
        rows.append(
            (
                str(one.number), voice.day(one.decided_on), said + how, by, what,
                voice.party(one.recipient), voice.party(one.recorded_for),
            )
        )  # fmt: skip
    yield Table(
        voice.say("Wat is vastgelegd van ja en nee", "What was recorded of yes and no"),
        (
            voice.say("Nr.", "No."), voice.say("Wanneer", "When"), voice.say("Wat", "What"),
            voice.say("Door", "By"), voice.say("Waarvoor", "What for"),
            voice.say("Ontvanger", "Recipient"), voice.say("Opgeschreven door", "Written down by"),
        ),
        rows,
    )  # fmt: skip


def rest_told(dossier: Dossier, voice: Voice) -> Iterator[Block]:
    """What belongs to no message: limits, who may decide, what lapsed, and who looked."""
    if dossier.stops:
        yield Heading(2, voice.say("Beperking en bezwaar", "Restriction and objection"))
        yield Table(
            voice.say("Wat is gevraagd", "What was asked"),
            (voice.say("Wanneer", "When"), voice.say("Wat", "What"),
             voice.say("Waarvoor", "What for"), voice.say("Via", "By way of")),
            [
                (
                    voice.moment(x.at),
                    voice.told(STOPS["opheffing-beperking" if x.is_lifted else x.kind]),
                    voice.dutch(x.purpose_told or x.purpose),
                    voice.party(x.party),
                )
                for x in dossier.stops
            ],
        )  # fmt: skip
    if dossier.represented:
        yield Heading(2, voice.say("Wie mag beslissen", "Who may decide"))
        yield Table(
            voice.say("Wat is opgezocht", "What was looked up"),
            (voice.say("Waarover", "About"), voice.say("Waar", "Where"),
             voice.say("Op", "On"), voice.say("Personen", "Persons")),
            [
                (
                    voice.told(AUTHORITIES[x.kind]),
                    voice.told(SOURCES[x.source]) if x.source in SOURCES else x.source,
                    voice.day(x.as_of),
                    str(x.holders),
                )
                for x in dossier.represented
            ],
        )  # fmt: skip
    if dossier.others:
        yield Heading(2, voice.say("Wat er nog meer gebeurde", "What else happened"))
        yield Table(
            voice.say("Wat is vastgelegd", "What was recorded"),
            (voice.say("Wanneer", "When"), voice.say("Wat", "What")),
            [
                (voice.moment(x.at), voice.told(HAPPENINGS[x.what], party=voice.party(x.party)))
                for x in dossier.others
            ],
        )
    if dossier.looks:
        yield Heading(2, voice.say("Wie keek", "Who looked"))
        yield Table(
            voice.say("Wie iets opzocht over {who}", "Who looked up something about {who}"),
            (voice.say("Wanneer", "When"), voice.say("Wie", "Who"), voice.say("Wat", "What"),
             voice.say("Waarom", "Why")),
            [
                (
                    voice.moment(x.at),
                    voice.told(ACTORS[x.by]) if x.by in ACTORS else x.by,
                    voice.told(OPERATIONS.get(x.operation, LOOKED)),
                    "-" if x.reason is None else x.reason.replace("-", " "),
                )
                for x in dossier.looks
            ],
        )  # fmt: skip
