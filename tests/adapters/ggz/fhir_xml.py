"""Nictiz publishes its examples as XML; this writes one as the JSON that our partner would send.

By the rules of R4 2.6.2: a value is a property, its extensions stand under the name with an
underscore, what may repeat is a list. Knows the elements of Patient and Consent alone.
"""

from __future__ import annotations

from lxml import etree

NAMESPACE = "{http://hl7.org/fhir}"
_LISTS = {
    "Patient": "identifier name telecom address contact communication link generalPractitioner",
    "Consent": "identifier category performer organization policy verification",
    "provision": "actor action securityLabel purpose class code data provision",
    "name": "given prefix suffix",
    "address": "line",
    "contact": "relationship telecom",
    "meta": "profile",
}
_BOOLEANS = {"deceasedBoolean", "multipleBirthBoolean", "valueBoolean", "active"}


def name_of(element: etree._Element) -> str:
    return str(element.tag).removeprefix(NAMESPACE)


def resource_of(xml: bytes) -> dict[str, object]:
    """The resource of an XML document."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)
    root = etree.fromstring(xml, parser)
    return {"resourceType": name_of(root), **_object(root)}


def _object(element: etree._Element) -> dict[str, object]:
    found: dict[str, object] = {str(name): str(value) for name, value in element.attrib.items()}
    found.pop("value", None)
    children: dict[str, list[etree._Element]] = {}
    for child in element:
        children.setdefault(name_of(child), []).append(child)
    for name, group in children.items():
        if not str(group[0].tag).startswith(NAMESPACE):  # the narrative, as text
            found["div"] = "<div/>"
            continue
        values = [_value(child) for child in group]
        beside = [_object(child) or None for child in group]
        is_primitive = all(value is not None for value in values)
        is_list = (
            name in ("extension", "modifierExtension", "coding")
            or name in _LISTS.get(name_of(element), "").split()
        )
        if not is_primitive:
            found[name] = beside if is_list else beside[0]
            continue
        found[name] = values if is_list else values[0]
        if any(beside):
            found[f"_{name}"] = beside if is_list else beside[0]
    return found


def _value(element: etree._Element) -> object:
    text = element.get("value")
    return text == "true" if name_of(element) in _BOOLEANS else text
