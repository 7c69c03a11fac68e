"""What belongs in each column, in Dutch, as whoever fills in the table reads it.

At most 255 signs a rule: a spreadsheet shows it when a cell is chosen, and cuts what is longer.
"""

from __future__ import annotations

_YES_NO = "ja of nee."
_SCORE = "Score van de Zelfredzaamheid-Matrix: 1 (acuut) tot en met 5 (volledig zelfredzaam)."
_SCORED = (
    "inkomen",
    "dagbesteding",
    "huisvesting",
    "gezinsrelaties",
    "fysieke_gezondheid",
    "geestelijke_gezondheid",
    "verslaving",
    "adl_vaardigheden",
    "sociaal_netwerk",
    "maatschappelijke_participatie",
    "justitie",
)

RULES: dict[str, str] = {
    "kenmerk": "Uw eigen kenmerk: hooguit 64 letters, cijfers en . _ / -. Het komt bij u terug en"
    " gaat naar niemand anders. Gebruik geen burgerservicenummer of naam.",
    "aangemeld_op": "Datum van de aanmelding, niet na vandaag.",
    "grondslag": "De wet waarop u aanmeldt: participatiewet, wmo2015, jeugdwet, wgs of geen.",
    "doel": "Het doel zoals het privacyprotocol het noemt. Leeg: het enige doel dat u heeft.",
    "ontvanger": "De ontvanger zoals het privacyprotocol die noemt. Leeg: de enige die u heeft.",
    "rol": "aanmelder, partner, kind of overig. Leeg: aanmelder in de eerste rij van een"
    " huishouden, overig in de andere.",
    "bsn": "Burgerservicenummer, negen cijfers.",
    "voorletters": "Voorletters.",
    "voorvoegsel": "Voorvoegsel van de achternaam, zoals van of de.",
    "achternaam": "Achternaam zonder voorvoegsel.",
    "geboortedatum": "Geboortedatum. Weet u alleen de maand: 1980-05. Alleen het jaar: 1980.",
    "geslacht": "M, V of O (onbekend).",
    "postcode": "Volledige postcode, zoals 1012 AB. Een onvolledige wordt niet gebruikt.",
    "straatnaam": "Straatnaam.",
    "huisnummer": "Huisnummer, alleen cijfers.",
    "toevoeging": "Toevoeging bij het huisnummer, hooguit 10 tekens.",
    "telefoon": "Telefoonnummer, begint met 0 of +. Ontbreekt de nul, dan wordt het weggelaten.",
    "geheimhouding": "Is het adres geheim? ja of nee; leeg is nee.",
    "uitkering": f"Ontvangt deze persoon een uitkering? {_YES_NO}",
    "trede": "Trede op de participatieladder, 1 tot en met 6.",
    "instemming": f"Stemt deze persoon in? {_YES_NO} Vul dan ook instemming_op in.",
    "instemming_op": "Datum waarop dat is besloten, niet na vandaag.",
    "instemming_door": "Wie besloot: betrokkene (ook als het leeg is), ouder, voogd, gezaghouders"
    " (allen samen), mentor of curator.",
    "instemming_door_lid": "Rijnummer binnen dit huishouden, vanaf 1, van wie voor een ander"
    " besloot.",
    "instemming_wijze": "Hoe: schriftelijk, mondeling of digitaal.",
    "instemming_tot": "Tot welke datum de instemming geldt; leeg als er geen einde is afgesproken.",
    "instemming_bewijs": "Uw kenmerk van het bewijs (formulier, gespreksverslag).",
    "gezag_houders": "Wie gezag heeft over deze persoon: rijnummers binnen dit huishouden, vanaf 1,"
    " of een burgerservicenummer; spatie ertussen.",
    "gezag_bron": "Waar u dat heeft opgezocht: brp, gezagsregister, rechterlijke-uitspraak of"
    " opgave.",
    "gezag_op": "De dag waarop u dat opzocht; na een jaar geldt het als onbekend.",
    "gezag_soort": "gezag (ook als het leeg is), curatele, mentorschap of overleden.",
    "zrm_datum": "Datum van de meting met de Zelfredzaamheid-Matrix; nodig bij elke score.",
    **{f"zrm_{name}": _SCORE for name in _SCORED},
    "toelichting": "Vrije tekst, hooguit 4.000 tekens. Gaat alleen mee als het privacyprotocol dat"
    " toestaat.",
    "bescherming_reden": "Alleen als het huishouden niet mag weten dat u aanmeldt: veiligheid-kind,"
    " veiligheid-partner of veiligheid-professional. Vul dan ook naam en functie in.",
    "bescherming_naam": "Wie van u voor de bescherming instaat.",
    "bescherming_functie": "De functie van die persoon.",
}
