"""What a dossier calls things, in Dutch (about level B1) and English.

What the protocol's own texts call a thing stands in `consent.labels` and is taken from there; here
is what only a dossier tells: what happened, why something did not go, who decided, and who looked.
"""

from __future__ import annotations

from datetime import date, datetime

from consent.labels import Label, Language
from consent.register import AMSTERDAM
from gateway.reports.dossier.contents import Course, Lock, What
from schemas.decisions import Rule
from schemas.referral import AuthorityKind, DecidedBy, Manner

COURSES = {
    Course.SHARED: Label("Dit is gedeeld.", "This was shared."),
    Course.WAITS: Label(
        "Dit staat klaar. De ontvanger heeft het nog niet opgehaald.",
        "This is ready. The recipient has not fetched it yet.",
    ),
    Course.HELD: Label(
        "Dit wacht, op slot. Niemand heeft het gekregen.",
        "This waits, under lock. Nobody has received it.",
    ),
    Course.REFUSED: Label(
        "Dit is geweigerd. Er is niets gedeeld.", "This was refused. Nothing was shared."
    ),
    Course.REMOVED: Label(
        "Hiervan is niets gedeeld: het ging niet door.",
        "Nothing of this was shared: it did not go ahead.",
    ),
}
HAPPENINGS = {
    What.ARRIVED: Label("{sender} stuurde het bericht.", "{sender} sent the message."),
    What.FETCHED: Label("{party} haalde het op.", "{party} fetched it."),
    What.NOT_SENT: Label(
        "Het ophalen brak af. Er is toen niets verstuurd.",
        "Fetching broke off. Nothing was sent then.",
    ),
    What.CONFIRMED: Label(
        "{party} bevestigde de ontvangst.", "{party} confirmed that it was received."
    ),
    What.REMOVED: Label("Het is verwijderd.", "It was removed."),
    What.KNOWN: Label(
        "{party} liet vastleggen dat deze persoon daar al bekend is.",
        "{party} had it recorded that this person is known there already.",
    ),
    What.KNOWN_NO_LONGER: Label(
        "{party} liet vastleggen dat deze persoon daar niet meer bekend is.",
        "{party} had it recorded that this person is known there no longer.",
    ),
    What.DAMAGED: Label(
        "Het was niet leesbaar en ging niet weg.", "It could not be read and did not leave."
    ),
    What.CORRECTED: Label("Het bericht is aangepast.", "The message was changed."),
    What.RESTRICTED: Label(
        "Het gebruik is beperkt, via {party}.", "Its use was restricted, by way of {party}."
    ),
    What.OBJECTED: Label(
        "Er is bezwaar gemaakt, via {party}.", "An objection was made, by way of {party}."
    ),
    What.LIFTED: Label("De beperking is opgeheven.", "The restriction was lifted."),
    What.ANNULLED: Label("{party} trok het bericht in.", "{party} took the message back."),
    What.LAPSED: Label(
        "Een eerder ja telt niet meer, door de leeftijd.",
        "An earlier yes no longer counts, because of age.",
    ),
    What.AUTHORITY: Label(
        "{party} legde vast wie mag beslissen.", "{party} recorded who may decide."
    ),
    What.ERASED: Label("Gegevens zijn vernietigd.", "Data were destroyed."),
    What.CONSENT: Label("Een ja of nee is vastgelegd.", "A yes or no was recorded."),
    What.OTHER: Label("Er is iets vastgelegd.", "Something was recorded."),
}
DECISIONS = {
    "toegelaten": Label("Het mocht worden gedeeld.", "It was allowed to be shared."),
    "aangehouden": Label("Het moest wachten.", "It had to wait."),
    "geweigerd": Label("Het werd geweigerd.", "It was refused."),
}
REASONS = {
    "niet-meer-toegelaten": Label(
        "Het mocht niet (meer) worden gedeeld.", "It was not (or no longer) allowed to be shared."
    ),
    "niet-vrijgegeven": Label(
        "De tijd om erop te wachten was om.", "The time to wait for it was over."
    ),
    "niet-bevestigd": Label(
        "De ontvangst is niet op tijd bevestigd.", "Its receipt was not confirmed in time."
    ),
    "niet-opgehaald": Label("Niemand haalde het op tijd op.", "Nobody fetched it in time."),
}
RULES = {
    Rule.NO_FLOW: Label("Er zijn geen afspraken waaronder dit mag.", "No arrangement allows this."),
    Rule.GROUND_NOT_ADMITTED: Label(
        "De wet die de verzender noemde, hoort niet bij deze uitwisseling.",
        "The law that the sender named does not go with this exchange.",
    ),
    Rule.NO_AGREEMENT_IN_FORCE: Label(
        "Er was geen getekende overeenkomst.", "There was no signed agreement."
    ),
    Rule.PARTNER_SUSPENDED: Label(
        "De verzender of ontvanger mocht op dat moment niet meedoen.",
        "The sender or recipient was not allowed to take part at that moment.",
    ),
    Rule.AGREEMENT_INCOMPLETE: Label(
        "De instemming van het huishouden is niet compleet. Wiens instemming ontbreekt, zeggen wij"
        " nooit.",
        "The household's agreement is not complete. Whose is missing we never tell.",
    ),
    Rule.FIELD_REQUIRED: Label(
        "Er ontbrak een gegeven dat in het bericht moet staan.",
        "Something was missing that must be in the message.",
    ),
    Rule.UNKNOWN_EXCHANGE: Label(
        "Het ging over een eerder bericht dat niet bekend is.",
        "It was about an earlier message that is not known.",
    ),
    Rule.PROTECTION_NOT_ADMITTED: Label(
        "Wat de verzender vroeg, kan hier niet.", "What the sender asked is not possible here."
    ),
    Rule.EMERGENCY_NOT_ADMITTED: Label(
        "Dit voldeed niet aan de regels voor een noodsituatie.",
        "This did not meet the rules for an emergency.",
    ),
    Rule.UNREADABLE: Label("Het bericht was niet leesbaar.", "The message could not be read."),
    Rule.REFERENCE_REUSED: Label(
        "Het kenmerk was al gebruikt voor een ander bericht.",
        "The reference was used for another message before.",
    ),
    Rule.DUPLICATE: Label("Het bericht was er al.", "The message was there already."),
}
LOCKS = {
    Lock.BASIS: Label("de grondslag", "the legal basis"),
    Lock.HEALTH: Label("gegevens over gezondheid", "health data"),
    Lock.CRIMINAL: Label(
        "gegevens over contact met politie of justitie",
        "data on contacts with the police or courts",
    ),
    Lock.SECRECY: Label("spreken ondanks het beroepsgeheim", "speaking despite secrecy"),
    Lock.BSN: Label("het BSN gebruiken", "use of the BSN"),
    Lock.PROTECTION: Label("het eerst niet vertellen", "not telling of it at first"),
    Lock.EMERGENCY: Label("iemand was in gevaar", "somebody was in danger"),
}
DECIDERS = {
    DecidedBy.SELF: Label("{zelf}", "{zelf}"),
    DecidedBy.PARENT: Label("een ouder met gezag", "a parent with authority"),
    DecidedBy.GUARDIAN: Label("een voogd", "a guardian"),
    DecidedBy.HOLDERS: Label("wie het gezag hebben, samen", "those with authority, together"),
    DecidedBy.MENTOR: Label("de mentor", "the mentor"),
    DecidedBy.CURATOR: Label("de curator", "the curator"),
}
MANNERS = {
    Manner.WRITTEN: Label("op papier", "in writing"),
    Manner.SPOKEN: Label("gezegd", "spoken"),
    Manner.DIGITAL: Label("digitaal", "digitally"),
}
AUTHORITIES = {
    AuthorityKind.PARENTAL: Label("gezag over een kind", "authority over a child"),
    AuthorityKind.CURATELE: Label("curatele", "legal guardianship (curatele)"),
    AuthorityKind.MENTORSHIP: Label("mentorschap", "mentorship"),
    AuthorityKind.DECEASED: Label("overlijden", "death"),
}
SOURCES = {
    "brp": Label("de Basisregistratie Personen", "the register of persons (BRP)"),
    "gezagsregister": Label("het gezagsregister", "the register of authority"),
    "rechterlijke-uitspraak": Label("een uitspraak van de rechter", "a court's decision"),
    "opgave": Label("wat iemand opgaf", "what somebody stated"),
}
ACTORS = {
    "ketenpartner": Label("een organisatie die meedoet", "an organisation that takes part"),
    "functionaris": Label("een privacyfunctionaris", "a privacy officer"),
    "beheerder": Label("een beheerder", "an administrator"),
}
OPERATIONS = {
    "dossier.subject": Label("maakte een overzicht als dit", "made an overview like this one"),
    "dossier.show": Label("keek zo'n overzicht na", "checked such an overview"),
    "dossier.release": Label("gaf zo'n overzicht vrij", "released such an overview"),
    "dossier.refuse": Label("gaf zo'n overzicht niet vrij", "did not release such an overview"),
    "log.search": Label("zocht in het logboek", "searched the log"),
}
LOOKED = Label("bekeek of veranderde iets", "looked at or changed something")
CODE = Label("een code die alleen voor de ontvanger iets betekent", "a code for the recipient only")
BSN = Label("eindigt op {digits} (de rest kent u zelf)", "ends in {digits} (you know the rest)")
STOPS = {
    "beperking": Label("gebruik beperkt", "use restricted"),
    "bezwaar": Label("bezwaar gemaakt", "objection made"),
    "opheffing-beperking": Label("opgeheven", "lifted"),
}
OWN = {
    "lid.rol": Label("de plaats in het huishouden", "the place in the household"),
    "lid.pseudoniem": Label("een pseudoniem", "a pseudonym"),
}
"""Fields that the protocol's labels call by all members, as they are called of one person."""
VALUES = {
    "ja": Label("ja", "yes"),
    "nee": Label("nee", "no"),
    "aanmelder": Label("aanmelder", "applicant"),
    "partner": Label("partner", "partner"),
    "kind": Label("kind", "child"),
    "overig": Label("overig", "other"),
    "ontvangen": Label("ontvangen", "received"),
    "in-behandeling": Label("in behandeling", "in progress"),
    "beeindigd": Label("beëindigd", "ended"),
}
"""Coded values that read otherwise in English; every other value is told as it is."""

_MONTHS = (
    "januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september",
    "oktober", "november", "december",
)  # fmt: skip
_EN_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def day_told(day: date, language: Language) -> str:
    """A day as people write it."""
    months = _MONTHS if language is Language.DUTCH else _EN_MONTHS
    return f"{day.day} {months[day.month - 1]} {day.year}"


def moment_told(moment: datetime, language: Language) -> str:
    """A moment as people in Amsterdam write it."""
    local = moment.astimezone(AMSTERDAM)
    return f"{day_told(local.date(), language)}, {local:%H:%M}"
