"""What ends every dossier, the same for everybody: who is responsible, rights, safety, and proof.

Sources: GDPR articles 12 to 22 and 77; the sentence on safety is that of the information texts, so
that neither its presence nor its absence tells anybody anything (invariant 14).
"""

from __future__ import annotations

from collections.abc import Iterator

from consent.information import SAFETY
from gateway.reports.dossier.contents import Written
from gateway.reports.dossier.page import Block, Bullets, Heading, Paragraph, Tone
from gateway.reports.dossier.voice import Voice


def closing(written: Written, voice: Voice) -> Iterator[Block]:
    """The last parts of the page."""
    yield from _responsible(written, voice)
    yield from _rights(voice)
    yield Heading(2, voice.say("Beslist een computer?", "Does a computer decide?"))
    yield Paragraph(
        voice.say(
            "Een computer controleert of een bericht mag worden doorgegeven. Over hulp beslissen"
            " altijd mensen. [In te vullen: of een ontvanger gegevens buiten de Europese"
            " Economische Ruimte brengt.]",
            "A computer checks whether a message may be passed on. People decide about help,"
            " always. [To be filled in: whether a recipient takes data outside the European"
            " Economic Area.]",
        )
    )
    yield Heading(2, voice.say("Als iemand in gevaar is", "When somebody is in danger"))
    yield Paragraph(voice.told(SAFETY))
    yield Heading(2, voice.say("Bent u het er niet mee eens?", "Do you disagree?"))
    yield Paragraph(
        voice.say(
            "Praat met ons of met de functionaris gegevensbescherming (FG). U kunt ook een klacht"
            " indienen bij de Autoriteit Persoonsgegevens: autoriteitpersoonsgegevens.nl, Postbus"
            " 93374, 2509 AJ Den Haag. U kunt ook naar de rechter.",
            "Talk to us or to the data protection officer (FG). You may also complain to the Dutch"
            " data protection authority (Autoriteit Persoonsgegevens): autoriteitpersoonsgegevens"
            ".nl, Postbus 93374, 2509 AJ Den Haag. You may also go to court.",
        )
    )
    yield from _proof(written, voice)


def _responsible(written: Written, voice: Voice) -> Iterator[Block]:
    yield Heading(2, voice.say("Wie is verantwoordelijk?", "Who is responsible?"))
    if written.dossier.controllers:
        yield Bullets([voice.dutch(one) for one in written.dossier.controllers])
    yield Paragraph(
        voice.say(
            "[In te vullen: adres, telefoon en e-mail, en hoe u de functionaris"
            " gegevensbescherming (FG) bereikt.]",
            "[To be filled in: address, phone and e-mail, and how to reach the data protection"
            " officer (FG).]",
        )
    )


def _rights(voice: Voice) -> Iterator[Block]:
    yield Heading(2, voice.say("Wat kunt u nu doen?", "What can you do now?"))
    yield Paragraph(voice.say("U mag vragen om:", "You may ask to:"))
    yield Bullets(
        [
            voice.say("fouten te verbeteren of aan te vullen", "have mistakes corrected"),
            voice.say("gegevens te wissen", "have data erased"),
            voice.say("gegevens een tijd niet te gebruiken", "have data left unused for a while"),
            voice.say(
                "te stoppen, omdat de situatie bijzonder is (bezwaar)",
                "stop, for reasons of a particular situation (objection)",
            ),
            voice.say(
                "gegevens mee te krijgen die met een ja zijn gedeeld",
                "get data that were shared on a yes, to use them elsewhere",
            ),
        ]
    )
    yield Paragraph(
        voice.say(
            "Een ja kunt u altijd intrekken. Dat werkt meteen voor alles wat nog niet is opgehaald."
            " Wie iets al kreeg, krijgt bericht dat het gebruik stopt. Op een vraag krijgt u binnen"
            " een maand antwoord. [In te vullen: waar u dit vraagt.]",
            "You may withdraw a yes at any time. That works at once for all that was not fetched"
            " yet. Who received something is told that its use stops. You get an answer within a"
            " month. [To be filled in: where to ask.]",
        )
    )


def _proof(written: Written, voice: Voice) -> Iterator[Block]:
    yield Heading(2, voice.say("Klopt dit overzicht?", "Is this overview right?"))
    yield Paragraph(
        voice.say(
            "Bij dit overzicht hoort een bestand, dossier.json. Daarin zit van elke regel het"
            " bewijs dat die in het logboek staat en daarna niet is veranderd. Iemand met verstand"
            " van computers kan dat zelf nagaan, zonder ons, met de sleutels van het logboek en de"
            " opdracht: sluis log verify dossier.json. Regels die ook over anderen gaan, blijven"
            " daarin gesloten; een toezichthouder kan ze inzien.",
            "With this overview goes a file, dossier.json. For each line it holds the proof that it"
            " stands in the log and was not changed since. Somebody who knows computers can check"
            " that without us, with the log's keys: sluis log verify dossier.json. Lines that are"
            " about others too stay closed in it; a supervisor can look at them.",
        )
    )
    if written.dossier.protocol is not None:
        yield Paragraph(
            (
                voice.say("De afspraken staan in: ", "The arrangements are in: "),
                voice.dutch(f"{written.dossier.protocol}."),
            ),
            Tone.NOTE,
        )
