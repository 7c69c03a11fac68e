"""docs/decisions.md from the scenario table; `make decisions` writes it."""

from __future__ import annotations

from tests.support.scenario_table import ADULT, REFUSED_PROTOCOL, ROOT, Scenario, table
from tests.support.scenarios import flow_named

PAGE = ROOT / "docs" / "decisions.md"
_HEAD = """\
# Besluiten: wat het voorbeeldprotocol in welk geval doet

*The decisions of the example protocol, case by case, in Dutch for the officers who answer for it.*

Deze bladzijde is gemaakt uit [de tabel](../tests/consent/decisions.toml) (`make decisions`); elke
regel ervan wordt bij elke test echt uitgevoerd: door het
[voorbeeldprotocol](../consent/protocols/samen-doen-voorbeeld.toml), het toestemmingenregister, het
besluit en de minimalisatie. Klopt een regel niet met uw lezing van de wet, dan is dat een fout in
het protocol of in Sluis. Elk artikel in het voorbeeldprotocol is nog te bevestigen.

Zo leest u een regel:

- **Wie en wat**: de leden van het huishouden in volgorde. Staat er niemand, dan is het één
  volwassene, die instemt als de stroom dat vraagt. Een uitspraak zonder datum is van tien dagen
  eerder, wie geen geboortedatum heeft is volwassen, en de dag is 2 maart 2026, 12:00 uur.
- **Besluit**: *toegelaten*, *aangehouden* (het bericht wacht, verzegeld) of *geweigerd*, met de
  regel. *Protocol geweigerd*: een protocol zonder dat slot kan niet van kracht worden.
- **Gevolg**: van een toegelaten bericht gaan precies de velden van de stroom mee, behalve wat hier
  staat. Wie niet blijft, is voor de ontvanger nooit in het bericht geweest.
"""


def page() -> str:
    """The whole page."""
    whole = table()
    told = [_HEAD, f"In totaal {len(whole.scenarios())} gevallen.\n", "## Begrippen\n"]
    for name, paths in whole.begrippen.items():
        told.append(f"- **{name}**: {', '.join(f'`{path}`' for path in paths)}")
    told.append("")
    for chapter in whole.hoofdstuk:
        told += [f"## {chapter.titel}\n", f"{chapter.uitleg}\n"]
        told += ["| geval | stroom | wie en wat | besluit | gevolg |", "|---|---|---|---|---|"]
        told += ["| " + " | ".join(_cells(one)) + " |" for one in chapter.scenarios()]
        told.append("")
    return "\n".join(told)


def _cells(one: Scenario) -> tuple[str, ...]:
    return (
        one.titel,
        f"`{one.stroom}`" if one.stroom else f"{one.van} naar {one.aan or 'niet genoemd'}",
        "<br>".join(_circumstances(one)) or "–",
        _decision(one),
        "<br>".join(_consequences(one)) or "–",
    )


def _circumstances(one: Scenario) -> list[str]:
    told = []
    if one.zonder:
        return [f"het protocol zonder `sloten.{one.zonder}`"]
    if (one.dag.isoformat(), one.tijd) != ("2026-03-02", "12:00"):
        told.append(f"op {one.dag} om {one.tijd}")
    if one.van and one.stroom:
        told.append(f"van {one.van}")
    if one.doel:
        told.append(f"doel {one.doel}")
    if one.noemt != ("ontvanger", "doel"):
        told.append(f"noemt {' en '.join(one.noemt) or 'ontvanger noch doel'}")
    if one.grondslag:
        told.append(f"grondslag {one.grondslag}")
    for number, member in enumerate(one.leden, start=1):
        words = [] if member.geboren == ADULT else [f"geboren {member.geboren}"]
        words += [member.rol] if member.rol else []
        words += [f"“{text}”" for text in member.zegt] or ["zegt niets"]
        words += list(member.gezag)
        told.append(f"lid {number}: {'; '.join(words)}")
    told += [f"zonder `{path}`" for path in one.mist]
    told += ["adres is geheim"] if one.geheim else []
    told += [f"{party} is geschorst of niet aangesloten" for party in one.geschorst]
    told += ["een professional vraagt bescherming"] if one.beschermd else []
    if one.nood:
        told.append(f"nood: meldcode stap {one.nood.stap}, {one.nood.uren:g} uur")
    flow = flow_named(one)
    if flow is not None and flow.message != "aanmelding":
        told.append(f"status {one.status}")
    return told


def _decision(one: Scenario) -> str:
    if one.besluit in (REFUSED_PROTOCOL, "aangehouden"):
        return one.besluit
    rule = f"<br>`{one.regel}`" if one.regel else ""
    return one.besluit + rule + (f"<br>`{one.veld}`" if one.veld else "")


def _consequences(one: Scenario) -> list[str]:
    told = []
    if one.blijven:
        told.append(f"blijven: lid {', '.join(map(str, one.blijven))}")
    if one.mee:
        told.append("precies mee: " + ", ".join(one.mee))
    if one.niet_mee:
        told.append("niet mee: " + ", ".join(one.niet_mee))
    told += [f"van lid {n} niet: {', '.join(names)}" for n, names in one.ingehouden.items()]
    told += [f"{name}: {value}" for name, value in one.luidt.items()]
    told += [f"opnieuw vragen vanaf {one.geldt_tot}"] if one.geldt_tot else []
    told += ["niemand in het huishouden merkt het"] if one.buiten_zicht else []
    return told


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
