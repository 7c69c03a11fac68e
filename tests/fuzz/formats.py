"""The partners' formats: every reader of every adapter, with the doors inside what it unpacks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path

from adapters import dwi, okt
from adapters.ggz.version import VERSION
from adapters.okt.ijw_types import GRAMMARS
from adapters.port import DeliveryReader
from adapters.registry import ADAPTERS
from tests.adapters.dwi.written import csv_of
from tests.adapters.ggz.written import FHIR, bundle
from tests.adapters.okt.written import enveloped, linked, request, started, stopped
from tests.adapters.tabular.workbooks import STYLES, parts_of, row, sheet_of, zipped
from tests.fuzz.examining import Target, of_reader
from tests.support.messages import referral

DAY = date(2026, 11, 22)
ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors"
STANDARDS = ROOT.parent / "shared" / "standards"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NAMES = ("kenmerk", "aangemeld_op", "bsn", "geboortedatum", "achternaam", "grondslag")
CELLS = ("P-1", "2026-11-20", "999990019", "1984-03", "Voorbeeld", "wmo2015")

Make = Callable[[], DeliveryReader]


def files(*patterns: str) -> Iterator[bytes]:
    """Official samples, where they are at hand."""
    for pattern in patterns:
        for path in sorted(STANDARDS.glob(pattern)):
            yield path.read_bytes()


def _ours(*names: str) -> Iterator[bytes]:
    for name in names:
        yield (VECTORS / name).read_bytes()


def _reader(adapter: str, media_type: str) -> Make:
    return partial(ADAPTERS[adapter].readers[media_type], DAY)


def _ijw() -> Iterable[bytes]:
    ours = [
        request(),
        linked(started()),
        linked(stopped("31", "20")),
        enveloped(request(), "JW315"),
    ]
    return [*ours, *files("ijw32/JW3*.xml", "iwmo32/*.xml", "ggk/*Di01*.xml")]


def _bundles() -> Iterable[bytes]:
    consented = bundle()
    consented["entry"][0]["resource"]["extension"] = [
        {"url": "urn:sluis:fhir:geheimhouding", "valueBoolean": True}
    ]
    return [json.dumps(one).encode() for one in (bundle(), consented)]


def _referrals(form: str) -> Iterable[bytes]:
    both = [referral(reference="FUZZ-1"), referral(reference="FUZZ-2")]
    if form == "list":
        return [json.dumps(both).encode(), json.dumps(both, indent=1).encode()]
    return ["\n".join(map(json.dumps, both)).encode()]


def _csv() -> Iterable[bytes]:
    row_of = {"kenmerk": "A1", "aangemeld_op": "2013-12-31", "bsn": "999990019"}
    yield csv_of([row_of, {**row_of, "kenmerk": "A2", "achternaam": 'O"x;y'}])
    yield from _ours("dwi/levering.csv", "dwi/levering-komma.csv", "dwi/levering-windows-1252.csv")


def _filled() -> Iterable[bytes]:
    yield zipped(parts_of(_sheet()))
    yield from _ours("professional/openpyxl.xlsx", "professional/xlsxwriter.xlsx")


def _sheet() -> str:
    return sheet_of([row(*NAMES), row(*CELLS)])


def _in_envelope(data: bytes) -> str:
    """What a GGk envelope holds: whole in any case, since the envelope is."""
    return of_reader(_reader("okt", "application/xml"))(enveloped(data, "JW315"))


def _in_workbook(part: str, data: bytes) -> str:
    parts = parts_of(_sheet())
    parts[part] = data
    return of_reader(_reader("professional", XLSX))(zipped(parts))


def _names() -> Sequence[bytes]:
    return [name.encode() for name in sorted(GRAMMARS["315"].vocabulary)]


def _strict() -> Iterator[Target]:
    """The readers that hold messages to the official XSDs too, where those are at hand."""
    ijw, suwi = STANDARDS / "ijw32", STANDARDS / "suwinet" / "Bijstandsregelingen"
    if not (ijw.is_dir() and suwi.is_dir()):
        return
    held = okt.adapter(ijw).readers["application/xml"]
    yield Target("okt-ijw-by-xsd", of_reader(partial(held, DAY)), _ijw, words=_names)
    answers = dwi.adapter(suwi).readers["application/xml"]
    yield Target("dwi-suwi-by-xsd", of_reader(partial(answers, DAY)), _suwi)


def _suwi() -> Iterable[bytes]:
    return [*_ours("dwi/suwi-levering.xml"), *files("suwinet/responses/*.xml")]


def targets() -> Iterator[Target]:
    """Every format that a partner may send."""
    read_ijw = of_reader(_reader("okt", "application/xml"))
    yield Target("okt-ijw", read_ijw, _ijw, words=_names)
    yield Target("okt-inside-an-envelope", _in_envelope, lambda: [request()], words=_names)
    yield Target("dwi-csv", of_reader(_reader("dwi", "text/csv")), _csv)
    yield Target("dwi-suwi", of_reader(_reader("dwi", "application/xml")), _suwi)
    yield Target("ggz-bundle", of_reader(_reader("ggz", FHIR)), _bundles, words=_fhir_words)
    lists = of_reader(_reader("generic", "application/json"))
    yield Target("json-list", lists, partial(_referrals, "list"), words=_wire_words)
    lines = of_reader(_reader("generic", "application/x-ndjson"))
    yield Target("json-lines", lines, partial(_referrals, "lines"), words=_wire_words)
    sheets = of_reader(_reader("professional", "text/csv"))
    yield Target("professional-csv", sheets, lambda: [_as_csv()])
    books = of_reader(_reader("professional", XLSX))
    yield Target("workbook", books, _filled, longest=64 * 1024)
    for name, part, seed in (
        ("workbook-sheet", "xl/worksheets/sheet1.xml", _sheet()),
        ("workbook-styles", "xl/styles.xml", STYLES),
        ("workbook-texts", "xl/sharedStrings.xml", "<sst><si><t>x</t></si></sst>"),
    ):
        yield Target(name, partial(_in_workbook, part), partial(_one, seed.encode()))
    yield from _strict()


def _one(seed: bytes) -> Iterable[bytes]:
    return [seed]


def _as_csv() -> bytes:
    return "\n".join(";".join(cells) for cells in (NAMES, CELLS)).encode()


def _fhir_words() -> Sequence[bytes]:
    return [VERSION.encode(), *(b'"%b"' % word.encode() for word in (
        "resourceType", "Patient", "Task", "Consent", "ServiceRequest", "provision", "contained",
        "extension", "valueBoolean", "identifier", "performer", "period", "reference",
    ))]  # fmt: skip


def _wire_words() -> Sequence[bytes]:
    return [b'"%b"' % word.encode() for word in (
        "kenmerk", "aangemeldOp", "huishouden", "leden", "burgerservicenummer", "zrm", "gezag",
        "instemming", "verdereInstemmingen", "doorLid", "geldigTot", "bescherming", "spoed",
    )]  # fmt: skip
