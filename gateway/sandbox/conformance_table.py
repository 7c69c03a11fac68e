"""The checks of the conformance script, in the order in which they are done."""

from __future__ import annotations

from functools import partial

from gateway.sandbox import conformance_admission as admission
from gateway.sandbox import conformance_ijw as ijw
from gateway.sandbox import conformance_messages as messages
from gateway.sandbox import conformance_push as push
from gateway.sandbox.conformance import Check, Look
from gateway.sandbox.conformance_push import Knock, Wrong

CHECKS = (
    Check("tls", "De verbinding is TLS en het certificaat klopt", admission.safe_road),
    Check("token", "De sleutel van de partner geeft een token", admission.right_key),
    Check("token-andere-sleutel", "Een andere sleutel geeft er geen", admission.wrong_key),
    Check(
        "token-andere-geadresseerde",
        "Een verklaring voor een andere server telt niet",
        admission.wrong_audience,
    ),
    Check("token-herhaald", "Een verklaring telt een keer", admission.replayed),
    Check("token-klok", "Een verklaring uit de toekomst telt niet", admission.wrong_clock),
    Check("zonder-token", "Wie geen token toont, komt niet binnen", admission.without_token),
    Check(
        "aanmelding",
        "Een goede aanmelding in het eigen formaat gaat door",
        messages.valid_referral,
        leaves=True,
    ),
    Check("herhaling", "Hetzelfde nog eens heeft geen tweede gevolg", messages.same_again, True),
    Check("ongeldig", "Een ongeldig nummer wordt geweigerd, met veld", messages.bad_referral, True),
    Check(
        "kenmerk",
        "Een gebruikt kenmerk geldt niet voor iets anders",
        messages.reused_reference,
        True,
    ),
    Check("batch", "Een slecht record houdt de andere niet tegen", messages.bad_one_in_batch, True),
    Check(
        "ontvangstbewijs",
        "Een onbekend doel wordt geweigerd, met een bewijs dat klopt en op de goede tijd",
        messages.unknown_purpose,
        True,
    ),
    Check("status", "Een status komt terug onder het eigen kenmerk", messages.status_back, True),
    Check("bevestigen", "Wat is bevestigd, komt niet terug", messages.acknowledged, True),
    Check("vreemde-cursor", "Een cursor van een ander opent niets", messages.strange_cursor, True),
)
"""Those that a partner can do by itself, with the client alone."""
_IJW = (
    Check(
        "ijw-aangehouden",
        "Een JW315 wacht op toestemming, met een JW316 zonder opmerking",
        ijw.held_for_consent,
        leaves=True,
    ),
    Check(
        "ijw-andere-release",
        "Een JW315 van een andere release krijgt een JW316 met 0001",
        ijw.other_release,
        leaves=True,
    ),
)


def checks_for(adapter: str) -> tuple[Check, ...]:
    """All of those, and what the adapter's own formats ask besides."""
    return (*CHECKS, *_IJW) if adapter == "okt" else CHECKS


def push_checks(knock: Knock) -> tuple[Check, ...]:
    """Those of the partner's own endpoint; a type that it does not know leaves it no message."""
    titles = {
        Wrong.UNSIGNED: "Uw endpoint weigert wat niet is ondertekend",
        Wrong.ALTERED: "Uw endpoint weigert wat na ondertekening is veranderd",
        Wrong.OTHER_KEY: "Uw endpoint weigert wat een ander ondertekende",
    }

    def look(wrong: Wrong) -> Look:
        return partial(push.declined, knock=knock, wrong=wrong)

    return (
        Check(
            "push",
            "Uw endpoint neemt aan wat wij ondertekenden, ook een tweede keer",
            partial(push.signed_is_taken, knock=knock),
        ),
        *(Check(f"push-{wrong}", title, look(wrong)) for wrong, title in titles.items()),
    )
