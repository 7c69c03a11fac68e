"""The dossier as a page that somebody without law or computers can read (B1).

In the order in which people ask: is there anything, what went where and why, what did not, what is
still kept, who said yes, who looked, and what one can do about it. The last parts are the same for
everybody, so that what is not told leaves no gap (invariant 14).
"""

from __future__ import annotations

from collections.abc import Iterator

from consent.labels import Language
from gateway.reports.dossier.besides import consents_told, kept_told, rest_told
from gateway.reports.dossier.closing import closing
from gateway.reports.dossier.contents import Course, Dossier, Written
from gateway.reports.dossier.one_sharing import sharing_told
from gateway.reports.dossier.page import Block, Bullets, Facts, Heading, Page, Paragraph, Tone
from gateway.reports.dossier.voice import Voice


def compose_page(written: Written, language: Language) -> Page:
    """The page in this language; a draft says on every page that it is one."""
    dossier = written.dossier
    voice = Voice(dossier, language)
    blocks: list[Block] = [*_opening(written, voice), *_summary(dossier, voice)]
    parts: tuple[tuple[str, tuple[Course, ...]], ...] = (
        (voice.say("Wat er is gedeeld", "What was shared"), (Course.SHARED,)),
        (voice.say("Wat nog wacht", "What still waits"), (Course.WAITS, Course.HELD)),
        (voice.say("Wat niet is gedeeld", "What was not shared"), (Course.REFUSED, Course.REMOVED)),
    )
    for title, courses in parts:
        chosen = [one for one in dossier.sharings if one.course in courses]
        if chosen:
            blocks.append(Heading(2, title))
            for one in chosen:
                blocks += sharing_told(one, voice)
    blocks += [
        *kept_told(dossier, voice),
        *consents_told(dossier, voice),
        *rest_told(dossier, voice),
    ]
    blocks += closing(written, voice)
    return Page(
        title=voice.say("Wat er over {who} is gedeeld", "What was shared about {who}"),
        language=language,
        blocks=blocks,
        footer=voice.say(f"Zaak {dossier.case}", f"Case {dossier.case}"),
        mark=None
        if written.release
        else voice.say("CONCEPT: niet vrijgegeven", "DRAFT: not released"),
    )


def _opening(written: Written, voice: Voice) -> Iterator[Block]:
    dossier = written.dossier
    yield Paragraph(
        voice.say(
            "U vroeg wat er over {who} is gedeeld tussen de gemeente en de organisaties die samen"
            " helpen. Dat mag u weten: zo staat het in de privacywet (artikel 15 AVG). Dit is het"
            " antwoord.",
            "You asked what was shared about {who} between the municipality and the organisations"
            " that help together. You may know: the privacy law says so (GDPR article 15). This is"
            " the answer.",
        ),
        Tone.LEAD,
    )
    rows = [
        (voice.say("Zaaknummer", "Case"), [dossier.case]),
        (voice.say("Stand op", "As of"), [voice.moment(dossier.made_at)]),
    ]
    if written.release is not None:
        told = voice.moment(written.release.at)
        rows.append((voice.say("Nagekeken en vrijgegeven op", "Checked and released on"), [told]))
    yield Facts(rows)
    yield Paragraph(
        voice.say(
            "De gegevens reizen door een digitale poort, Sluis. Die schrijft van elk bericht op wat"
            " ermee gebeurt. Dit overzicht komt uit dat logboek. Het gaat alleen over {who}: wat"
            " over anderen gaat, ook over huisgenoten, staat er niet in.",
            "The data travel through a digital gateway, Sluis. It writes down what happens to each"
            " message. This overview comes from that log. It is about {who} only: what is about"
            " others, also people in the same household, is not in it.",
        )
    )


def _summary(dossier: Dossier, voice: Voice) -> Iterator[Block]:
    yield Heading(2, voice.say("In het kort", "In short"))
    if not dossier.is_known:
        yield Paragraph(
            voice.say(
                "Wij vonden niets over {who}. Er is langs deze weg niets gedeeld.",
                "We found nothing about {who}. Nothing was shared on this road.",
            )
        )
        return
    items = []
    for courses, one, many in (
        ((Course.SHARED,), ("bericht is gedeeld", "message was shared"),
         ("berichten zijn gedeeld", "messages were shared")),
        ((Course.WAITS, Course.HELD), ("bericht wacht nog", "message still waits"),
         ("berichten wachten nog", "messages still wait")),
        ((Course.REFUSED, Course.REMOVED), ("bericht is niet gedeeld", "message was not shared"),
         ("berichten zijn niet gedeeld", "messages were not shared")),
    ):  # fmt: skip
        found = [x for x in dossier.sharings if x.course in courses]
        if found:
            nl, en = one if len(found) == 1 else many
            told = voice.say(nl, en)
            if courses == (Course.SHARED,):
                with_ = sorted({voice.party(x.recipient) for x in found})
                told += voice.say(" met: ", " with: ") + ", ".join(with_)
            items.append(f"{len(found)} {told}.")
    if any(one.copy_ for one in dossier.sharings):
        items.append(
            voice.say(
                "De poort bewaart nu nog gegevens. Wat dat is, staat verderop.",
                "The gateway still keeps data. Which, is told below.",
            )
        )
    if not items:
        items.append(voice.say("Er is niets gedeeld.", "Nothing was shared."))
    yield Bullets(items)
