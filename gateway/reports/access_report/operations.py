"""Which operations are searches, exports and decisions, and what each is called in Dutch.

An operation is a command's name (`partner.suspend`) or an operation id of the API. One that has no
words here is shown by its name, and still stands in every list that it belongs to.
"""

from __future__ import annotations

import re

SEARCHES = re.compile(r"^(log\.search|dossier\.(subject|show|breach)|consent\.show|leesVerwerk\w*)")
EXPORTS = re.compile(
    r"^(log\.export\S*|project\.\S+|dossier\.(release|breach)|report\.\S+|protocol\.register"
    r"|leesTegel\w*)"
)
DECISIONS = re.compile(
    r"^(protocol\.(submit|approve|advise|enforce)|emergency\.review|erase\.\S+|dossier\.(release"
    r"|refuse)|keys\.\S+|partner\.\S+|officer\.\S+|witness\.\S+|recover)"
)
NAMING = "+namen"
"""Ends the reason's code of an act that opens names."""

_TOLD = {
    "bevestigOntvangst": "ontvangst bevestigd",
    "corrigeer": "correctie gestuurd",
    "consent.show": "toestemmingen bekeken",
    "dossier.breach": "datalekpakket gemaakt",
    "dossier.breach.names": "namen geopend bij datalek",
    "dossier.list": "dossiers bekeken",
    "dossier.refuse": "dossier geweigerd",
    "dossier.release": "dossier vrijgegeven",
    "dossier.show": "dossier bekeken",
    "dossier.subject": "dossier opgesteld",
    "emergency.list": "noodverstrekkingen bekeken",
    "emergency.review": "noodverstrekking beoordeeld",
    "erase.carry-out": "wissen uitgevoerd",
    "erase.decide": "wissen besloten",
    "erase.plan": "wissen voorbereid",
    "keys.destroy": "sleutel vernietigd",
    "keys.pseudonyms.confirm": "wissel van pseudoniemen mede besloten",
    "keys.pseudonyms.prepare": "wissel van pseudoniemen besloten",
    "keys.pseudonyms.show": "wissels van pseudoniemen bekeken",
    "keys.pseudonyms.switch": "pseudoniemen gewisseld",
    "keys.pseudonyms.withdraw": "wissel van pseudoniemen ingetrokken",
    "keys.rotate": "sleutels vernieuwd",
    "leesLeveringsverslag": "voortgang van levering gelezen",
    "leesProtocol": "protocol gelezen",
    "annuleerUpload": "upload opgegeven",
    "leesUploadgrenzen": "grenzen voor uploads gelezen",
    "leesUploadstand": "stand van upload gelezen",
    "vulUploadAan": "upload aangevuld",
    "leesUitkomsten": "uitkomsten van levering gelezen",
    "legGezagVast": "gezag vastgelegd",
    "legToestemmingVast": "toestemming vastgelegd",
    "leverBestandAan": "bestand aangeleverd",
    "lijstAangehouden": "aangehouden berichten gelezen",
    "log.search": "gezocht in het logboek",
    "meldHuishoudenAan": "huishouden aangemeld",
    "meldStatus": "stand gemeld",
    "officer.add": "functionaris toegevoegd",
    "officer.end": "functionaris uit dienst",
    "partner.add": "ketenpartner toegevoegd",
    "partner.key": "sleutel toegevoegd",
    "partner.list": "ketenpartners bekeken",
    "partner.resume": "schorsing opgeheven",
    "partner.suspend": "ketenpartner geschorst",
    "protocol.advise": "over protocol geadviseerd",
    "protocol.approve": "protocol goedgekeurd",
    "protocol.enforce": "protocol in werking gesteld",
    "protocol.submit": "protocol voorgelegd",
    "recover": "database hersteld",
    "registreerBekenden": "bekenden geregistreerd",
    "beeindigRegistraties": "registraties beëindigd",
    "meldVerandering": "partnerbericht gestuurd",
    "report.access": "toegangsrapport",
    "report.access.reviewed": "toegangsrapport nagekeken",
    "report.access.specific": "specifiek rapport",
    "serve": "poort gestart",
    "trekToestemmingIn": "toestemming ingetrokken",
    "verantwoordCasus": "verantwoording gestuurd",
    "volgCorrectie": "correctie gevolgd",
    "volgPostvak": "op post gewacht",
    "volgTerugroep": "terugroep gevolgd",
    "vraagToestemmingenOp": "toestemmingen opgevraagd",
    "vraagToken": "aanmelden (token)",
}
"""These words stand in the digest of reports that were signed as reviewed: they stay as they are,
and none is added, or an old report would be told to be another one."""
_TOLD_SINCE = {
    "backup": "reservekopie gemaakt",
    "erase.answer": "antwoord op wisverzoek geschreven",
    "erase.confirm": "wissen mede besloten",
    "erase.list": "besluiten tot wissen bekeken",
    "erase.proof": "bewijs van gewiste persoon bekeken",
    "erase.show": "besluit tot wissen bekeken",
    "erase.withdraw": "besluit tot wissen ingetrokken",
    "keys.list": "sleutels bekeken",
    "leesEigenFormaat": "mogelijkheden van eigen formaat gelezen",
    "leesLogboeksleutels": "sleutels van het logboek gelezen",
    "leesPartij": "partij uit het protocol gelezen",
    "leesVersieVanVerwerkingsactiviteit": "verwerkingsactiviteit gelezen",
    "legVeiligContactVast": "veilig contact vastgelegd",
    "lijstToedelingen": "toedelingen gelezen",
    "meldAanInEigenFormaat": "huishouden aangemeld in eigen formaat",
    "protected.decide": "besloten of van beschermde uitwisseling mag worden verteld",
    "protected.list": "beschermde uitwisselingen bekeken",
    "push.dead": "onbestelbare post bekeken",
    "push.list": "bezorging bekeken",
    "push.replay": "onbestelbare post opnieuw bezorgd",
    "push.start": "bezorging hervat",
    "push.stop": "bezorging gestopt",
    "routes.overdue": "uitgebleven eerste contacten bekeken",
    "routes.waiting": "wachtende toedelingen bekeken",
    "safe-contact.end": "veilig contact beëindigd",
    "safe-contact.list": "veilige contacten bekeken",
    "officer.list": "functionarissen bekeken",
    "partner.endpoint": "adres voor post ingesteld",
    "partner.letter": "aansluitbrief geschreven",
    "partner.report.key": "sleutel voor toetsverslagen getoond",
    "partner.report.verify": "toetsverslag gecontroleerd",
    "partner.succeed": "opvolging besloten",
    "partner.succession.confirm": "opvolging mede besloten",
    "partner.succession.end": "opvolging beëindigd",
    "partner.succession.list": "opvolgingen bekeken",
    "partner.test": "aansluiting getoetst",
    "partner.testing": "proefstand van ketenpartner gewijzigd",
    "protocol.diff": "versies van protocol vergeleken",
    "protocol.explain": "uitleg van protocol gevraagd",
    "protocol.list": "versies van protocol bekeken",
    "protocol.register": "register van verwerkingen gemaakt",
    "protocol.show": "protocol bekeken",
    "protocol.simulate": "protocol doorgerekend",
    "protocol.texts": "teksten voor bewoners gemaakt",
    "witness.add": "getuige toegevoegd",
    "witness.list": "getuigen bekeken",
    "witness.quorum": "aantal vereiste getuigen gewijzigd",
    "witness.remove": "getuige verwijderd",
}
"""And these are put in where a report is shown."""
_BEGINNINGS = {
    "leesTegel": "logboek uitgelezen",
    "leesVerwerking": "logregels opgevraagd",
    "haalPostvak": "postvak opgehaald",
    "leesPostvak": "postvak opgehaald",
    "project.": "logboek doorgegeven",
}


def operation_signed(operation: str) -> str:
    """What was done, as the digest of a report has it."""
    if operation in _TOLD:
        return _TOLD[operation]
    told = (words for begin, words in _BEGINNINGS.items() if operation.startswith(begin))
    return next(told, operation)


def operation_told(operation: str) -> str:
    """What was done, in Dutch, also of what a digest has; its own name where it has no words."""
    return _TOLD_SINCE.get(operation) or operation_signed(operation)
