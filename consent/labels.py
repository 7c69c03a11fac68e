"""What fields, treatments and bases are called for people: Dutch first, English beside it.

A label is a noun phrase that fits in a sentence ("het burgerservicenummer van een lid gaat mee").
Every field of the vocabulary has one; a test sees to it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from consent.protocol import AgeRegime, BasisKind, HouseholdRule
from schemas.decisions import Rule
from schemas.fields import FIELDS, MessageKind, Special, Treatment


class Language(StrEnum):
    """In which language something is said."""

    DUTCH = "nl"
    ENGLISH = "en"


class Label(NamedTuple):
    """One thing in both languages."""

    nl: str
    en: str

    def told(self, language: Language) -> str:
        """The label in this language."""
        return self.nl if language is Language.DUTCH else self.en


_ZRM = {
    "inkomen": Label("inkomen", "income"),
    "dagbesteding": Label("dagbesteding", "daytime activities"),
    "huisvesting": Label("huisvesting", "housing"),
    "gezinsrelaties": Label("gezinsrelaties", "family relations"),
    "fysiekeGezondheid": Label("lichamelijke gezondheid", "physical health"),
    "geestelijkeGezondheid": Label("geestelijke gezondheid", "mental health"),
    "verslaving": Label("verslaving", "addiction"),
    "adlVaardigheden": Label("dagelijkse vaardigheden (ADL)", "daily living skills"),
    "sociaalNetwerk": Label("sociaal netwerk", "social network"),
    "maatschappelijkeParticipatie": Label("maatschappelijke participatie", "participation"),
    "justitie": Label("justitie", "contacts with justice"),
}

FIELD_LABELS: dict[str, Label] = {
    "lid.pseudoniem": Label("een pseudoniem van elk lid", "a pseudonym of each member"),
    "lid.rol": Label("de plaats van elk lid in het huishouden", "each member's place at home"),
    "lid.burgerservicenummer": Label("het burgerservicenummer (BSN)", "the BSN"),
    "lid.voorletters": Label("de voorletters", "the initials"),
    "lid.voorvoegsel": Label("het voorvoegsel van de achternaam", "the surname's prefix"),
    "lid.achternaam": Label("de achternaam", "the surname"),
    "lid.geboortedatum": Label("de geboortedatum", "the date of birth"),
    "lid.geslacht": Label("het geslacht", "the sex"),
    "lid.ontvangtUitkering": Label("of iemand een uitkering heeft", "whether on benefit"),
    "lid.participatietrede": Label("de trede op de participatieladder", "the ladder of work"),
    "lid.zrm.gemetenOp": Label(
        "de datum van de zelfredzaamheidsmeting", "the date of the self-sufficiency scores"
    ),
    **{
        f"lid.zrm.{domain}": Label(
            f"de zelfredzaamheidsscore voor {label.nl}", f"the self-sufficiency score: {label.en}"
        )
        for domain, label in _ZRM.items()
    },
    "lid.reedsBekend": Label(
        "of de ontvanger het lid al kent", "whether the recipient knows the member already"
    ),
    "huishouden.postcode": Label("de postcode", "the postcode"),
    "huishouden.straatnaam": Label("de straatnaam", "the street"),
    "huishouden.huisnummer": Label("het huisnummer", "the house number"),
    "huishouden.huisnummertoevoeging": Label("de huisnummertoevoeging", "the house number suffix"),
    "huishouden.geheimhouding": Label("of het adres geheim is", "whether the address is secret"),
    "huishouden.telefoonnummer": Label("het telefoonnummer", "the phone number"),
    "aanmelding.aantalLeden": Label("het aantal leden", "the number of members"),
    "aanmelding.aangemeldOp": Label("de datum van aanmelding", "the date of referral"),
    "aanmelding.grondslag": Label(
        "de wet waaronder wordt aangemeld", "the law under which is referred"
    ),
    "aanmelding.wijkteam": Label("het wijkteam", "the neighbourhood team"),
    "aanmelding.toelichting": Label("de vrije toelichting", "the free text"),
    "statusbericht.kenmerk": Label("het eigen kenmerk van de verwijzer", "the sender's reference"),
    "statusbericht.status": Label("de stand van zaken", "the status"),
    "statusbericht.peildatum": Label("de peildatum", "the date of the status"),
    "statusbericht.afsluitreden": Label("de reden van afsluiten", "the reason for closing"),
    "verantwoording.pseudoniem": Label("een pseudoniem van de casus", "a pseudonym of the case"),
    "verantwoording.stadsdeel": Label("het stadsdeel", "the district"),
    "verantwoording.status": Label("de stand van de casus", "the case's status"),
    "verantwoording.gestartOp": Label("de begindatum", "the starting date"),
    "verantwoording.beeindigdOp": Label("de einddatum", "the closing date"),
    "verantwoording.afsluitreden": Label("de reden van afsluiten", "the reason for closing"),
    "verantwoording.aantalLeden": Label("het aantal leden", "the number of members"),
    "partnerbericht.aanmelding": Label(
        "de aanmelding waar het om gaat", "the referral that it is about"
    ),
    "partnerbericht.kenmerk": Label(
        "het eigen kenmerk van de ontvanger", "the recipient's own reference"
    ),
    "partnerbericht.soort": Label("wat er verandert", "what changes"),
    "partnerbericht.peildatum": Label("de datum van de verandering", "the date of the change"),
    "partnerbericht.bereikbaarheid": Label("de bereikbaarheid", "whether somebody can be reached"),
    "partnerbericht.afspraakOp": Label("de datum van een afspraak", "the date of an appointment"),
    "partnerbericht.telefoonnummer": Label("een nieuw telefoonnummer", "a new phone number"),
    "partnerbericht.hulpvorm": Label(
        "welke hulp is gestart of gestopt", "which help started or stopped"
    ),
    "partnerbericht.toelichting": Label(
        "een toelichting in eigen woorden", "an explanation in free text"
    ),
    "registratie.burgerservicenummer": Label(
        "het burgerservicenummer, alleen om te herkennen", "the BSN, only to recognise by"
    ),
}

TREATMENTS = {
    Treatment.IDENTIFY: Label("herkenbaar", "as it is, identifying"),
    Treatment.KEEP: Label("ongewijzigd", "as it is"),
    Treatment.PSEUDONYMISE: Label("als pseudoniem", "as a pseudonym"),
    Treatment.GENERALISE: Label("vergrofd", "made coarse"),
    Treatment.DROP: Label("niet", "not"),
}

BASES = {
    BasisKind.PUBLIC_TASK: Label("taak van algemeen belang", "task in the public interest"),
    BasisKind.LEGAL_DUTY: Label("wettelijke plicht", "legal duty"),
    BasisKind.CONTRACT: Label("overeenkomst met de betrokkene", "contract with the person"),
    BasisKind.VITAL_INTEREST: Label("vitaal belang", "vital interest"),
    BasisKind.CONSENT: Label("toestemming", "consent"),
}

MESSAGES = {
    MessageKind.REFERRAL: Label("aanmelding", "referral"),
    MessageKind.STATUS: Label("statusbericht", "status message"),
    MessageKind.ACCOUNTABILITY: Label("verantwoording", "accountability report"),
    MessageKind.PARTNER_UPDATE: Label("partnerbericht", "partner message"),
    MessageKind.REGISTRATION: Label("registratie", "registration"),
}

SPECIALS = {
    Special.NONE: Label("gewone gegevens", "ordinary data"),
    Special.BSN: Label("het burgerservicenummer", "the BSN"),
    Special.HEALTH: Label("gegevens over gezondheid", "health data"),
    Special.CRIMINAL: Label("strafrechtelijke gegevens", "criminal data"),
}

HOUSEHOLD_RULES = {
    HouseholdRule.ALL: Label("van elk lid van het huishouden", "of every member"),
    HouseholdRule.REDUCE: Label(
        "van de aanmelder; leden die niet instemmen blijven buiten het bericht",
        "of the applicant; members who do not agree are left out",
    ),
}

REGIMES = {
    AgeRegime.UAVG: Label(
        "onder de 16 jaar beslist een wettelijk vertegenwoordiger, daarna de persoon zelf (UAVG)",
        "below 16 a legal representative decides, from 16 the person (UAVG)",
    ),
    AgeRegime.JEUGDWET: Label(
        "onder de 12 jaar beslissen de gezaghouders, van 12 tot 16 kind en gezaghouders samen,"
        " vanaf 16 de persoon zelf (Jeugdwet)",
        "below 12 the holders of authority decide, from 12 to 16 child and holders together, from"
        " 16 the person (Jeugdwet)",
    ),
    AgeRegime.WGBO: Label(
        "onder de 12 jaar beslissen de gezaghouders, van 12 tot 16 kind en gezaghouders samen,"
        " vanaf 16 de persoon zelf (WGBO)",
        "below 12 the holders of authority decide, from 12 to 16 child and holders together, from"
        " 16 the person (WGBO)",
    ),
}


def field_label(path: str, language: Language = Language.DUTCH) -> str:
    """What a field is called; its path where an older protocol names one that is gone."""
    label = FIELD_LABELS.get(path)
    return path if label is None else label.told(language)


def category_label(category: str) -> str:
    """What a category of personal data is called in Dutch."""
    name = category.partition(".")[2]
    if category.startswith("zrm.") and name in _ZRM:
        return f"zelfredzaamheid: {_ZRM[name].nl}"
    return _CATEGORIES.get(category, category)


_CATEGORIES = {
    "samenstelling": "samenstelling van het huishouden",
    "identiteit": "identificerende gegevens (naam, geboortedatum, geslacht, BSN)",
    "inkomen": "uitkering en participatie",
    "zrm": "datum van de zelfredzaamheidsmeting",
    "adres": "adres",
    "contact": "contactgegevens",
    "aanmelding": "gegevens van de aanmelding",
    "vrije-tekst": "vrije tekst",
    "casusstatus": "stand van zaken van de hulp",
    "verantwoording": "verantwoording per casus",
    "bekendheid": "of de ontvanger iemand al kent",
    "partnerbericht": "verandering in een lopende casus",
    "nieuw-contact": "nieuwe contactgegevens",
    "hulpvorm": "welke hulp is gestart of gestopt",
    "bericht-toelichting": "vrije tekst bij een verandering",
    "registratie": "wie een ontvanger al kent",
}


def is_health_or_criminal(path: str) -> bool:
    """Whether a field is special-category or criminal data."""
    return path in FIELDS and FIELDS[path].special in (Special.HEALTH, Special.CRIMINAL)


RULES = {
    Rule.PERMITTED: "De uitwisseling is toegestaan.",
    Rule.NO_FLOW: "Het protocol kent geen stroom waaronder dit bericht mag.",
    Rule.GROUND_NOT_ADMITTED: "De wet waaronder werd aangemeld hoort niet bij deze stroom.",
    Rule.NO_AGREEMENT_IN_FORCE: "Er is geen ondertekende overeenkomst van kracht.",
    Rule.PARTNER_SUSPENDED: "De verzender of de ontvanger is geschorst of niet aangesloten.",
    Rule.AGREEMENT_INCOMPLETE: "De instemming van het huishouden is niet compleet.",
    Rule.FIELD_REQUIRED: "Er ontbreekt een gegeven dat in deze stroom verplicht is.",
    Rule.UNKNOWN_EXCHANGE: "Het bericht verwijst naar een uitwisseling die niet bekend is.",
    Rule.PROTECTION_NOT_ADMITTED: "Deze stroom kent geen beschermde uitwisseling.",
    Rule.EMERGENCY: "Dit is een noodverstrekking, die achteraf wordt beoordeeld.",
    Rule.EMERGENCY_NOT_ADMITTED: "Deze stroom laat deze noodverstrekking niet toe.",
    Rule.UNREADABLE: "Het bericht was niet leesbaar.",
    Rule.REFERENCE_REUSED: "Het kenmerk was al gebruikt voor een ander bericht.",
    Rule.DUPLICATE: "Het bericht was al eerder ontvangen.",
}
"""What each outcome's rule comes to, in a sentence for the person concerned."""


def rule_told(rule: str) -> str:
    """A rule in a Dutch sentence; its code where it has none."""
    return RULES[Rule(rule)] if rule in _TOLD else rule


_TOLD = frozenset(RULES)
