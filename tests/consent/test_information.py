"""The texts for residents: golden ones checked by hand, and what none of them may give away."""

from pathlib import Path

import pytest

from consent.information import SAFETY, information_text, is_told
from consent.labels import Language, field_label
from consent.protocol import Protocol, load
from schemas.fields import FIELDS, Treatment
from schemas.zrm import ZrmDomain

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "consent/protocols/samen-doen-voorbeeld.toml").read_text(encoding="utf-8")
PROTOCOL = load(EXAMPLE)
VECTORS = ROOT / "tests/vectors/information"
NAMES = {"dwi": "Werk en Inkomen", "casebook": "het wijkteam", "ggz": "uw behandelaar"}
FLOWS = {flow.id: flow for flow in PROTOCOL.flows}
TOLD = [flow for flow in PROTOCOL.flows if is_told(flow)]


@pytest.mark.parametrize("vector", sorted(VECTORS.iterdir()), ids=lambda path: path.name)
def test_a_text_reads_as_its_golden_one(vector: Path) -> None:
    flow, language, _ = vector.name.split(".")
    text = information_text(PROTOCOL, FLOWS[flow], NAMES, Language(language))
    assert text == vector.read_text(encoding="utf-8")


def test_invariant_14_a_flow_that_is_always_protected_has_no_text() -> None:
    assert {"casebook-informatie-gi", "casebook-melding-veilig-thuis"} == {
        flow.id for flow in PROTOCOL.flows if not is_told(flow)
    }
    with pytest.raises(ValueError, match="always protected"):
        information_text(PROTOCOL, FLOWS["casebook-melding-veilig-thuis"])


def without_protection() -> Protocol:
    """The example protocol with every protected flow, protection and emergency taken out."""
    head, *blocks = EXAMPLE.split("\n[[gegevensstroom]]\n")
    kept = []
    for block in blocks:
        if 'soort = "altijd"' in block:
            continue
        tables = block.split("\n[gegevensstroom.")
        kept.append(
            "\n[gegevensstroom.".join(
                table for table in tables if not table.startswith(("bescherming]", "nood]"))
            )
        )
    return load("\n[[gegevensstroom]]\n".join([head, *kept]))


@pytest.mark.parametrize("language", Language)
def test_invariant_14_no_text_tells_whether_the_protocol_knows_protected_exchanges(
    language: Language,
) -> None:
    plain = without_protection()
    assert all(flow.protection is None and flow.emergency is None for flow in plain.flows)
    assert [flow.id for flow in plain.flows] == [flow.id for flow in TOLD]
    for before, after in zip(TOLD, plain.flows, strict=True):
        text = information_text(PROTOCOL, before, NAMES, language)
        assert text == information_text(plain, after, NAMES, language)
        assert text.count(SAFETY.told(language)) == 1
        assert "veilig-thuis" not in text


@pytest.mark.parametrize("flow", TOLD, ids=lambda flow: flow.id)
@pytest.mark.parametrize("language", Language)
def test_a_text_names_every_field_that_goes_and_no_other(flow, language) -> None:  # type: ignore[no-untyped-def]
    text = information_text(PROTOCOL, flow, NAMES, language)
    what = text.split("\n## ")[3]
    for path, field in FIELDS.items():
        label = field_label(path, language)
        for heading in ("de zelfredzaamheidsscore voor ", "the self-sufficiency score: "):
            label = label.removeprefix(heading)
        goes = flow.fields.get(path, Treatment.DROP) is not Treatment.DROP
        if goes:
            assert label in what
        elif field.message is flow.message and path in {f"lid.zrm.{d}" for d in ZrmDomain}:
            assert label not in what


@pytest.mark.parametrize("flow", TOLD, ids=lambda flow: flow.id)
def test_what_articles_13_and_14_ask_stands_in_every_text(flow) -> None:  # type: ignore[no-untyped-def]
    text = information_text(PROTOCOL, flow, NAMES)
    asked = (
        flow.controller,
        "functionaris gegevensbescherming",
        PROTOCOL.purposes[flow.purpose].description,
        flow.locks.basis.article,
        f"{flow.retention.unclaimed_days} dagen",
        "zien wat er over u is gedeeld",
        "fouten laten verbeteren",
        "wissen",
        "autoriteitpersoonsgegevens.nl",
        "Een computer controleert",
        "buiten de Europese Economische Ruimte",
    )
    assert [told for told in asked if told not in text] == []
    assert ("intrekken" in text) is flow.locks.agreement.required
    assert ("bezwaar" in text) is (
        flow.locks.basis.kind == "publieke-taak" or not flow.locks.agreement.required
    )
    for ground in flow.locks.special:
        assert ground.article in text


def test_a_score_that_needs_an_explicit_yes_is_said_to() -> None:
    text = information_text(PROTOCOL, FLOWS["casebook-doorverwijzing-spirit"], NAMES)
    assert "alleen mee als u daar apart ja op zegt: geestelijke gezondheid." in text
    assert "apart ja" not in information_text(PROTOCOL, FLOWS["dwi-aanmelding"], NAMES)


def test_advice_without_names_is_called_that() -> None:
    text = information_text(PROTOCOL, FLOWS["casebook-consultatie-okt"], {"okt": "het OKT"})
    assert text.startswith("# Casebook vraagt het OKT om raad, zonder uw naam te noemen\n")
