"""Reading a whole delivery in a test, cut into chunks as the test likes."""

from collections.abc import Iterable
from datetime import date
from itertools import pairwise

from adapters.port import DeliveryReader, UnreadableDelivery
from schemas.deliveries import Problem, Record, Translated, Unreadable
from schemas.referral import Referral

TODAY = date(2014, 1, 1)


def read(reader: DeliveryReader, delivery: bytes, *cuts: int) -> list[Record]:
    """All records of a delivery that arrives in pieces, cut at these places."""
    places = [0, *sorted(cuts), len(delivery)]
    records: list[Record] = []
    for start, end in pairwise(places):
        records += reader.feed(delivery[start:end])
    return records + list(reader.close())


def refusal(reader: DeliveryReader, delivery: bytes, *cuts: int) -> tuple[Problem, str]:
    """Why a delivery cannot be read at all."""
    try:
        read(reader, delivery, *cuts)
    except UnreadableDelivery as error:
        return error.problem, error.where
    raise AssertionError("the delivery was read")


def translated(record: Record) -> Referral:
    """The referral of a record that could be read."""
    assert isinstance(record, Translated), record
    assert isinstance(record.message, Referral)
    return record.message


def findings(record: Record) -> list[tuple[int, str, Problem]]:
    return [(finding.line, finding.field, finding.problem) for finding in record.findings]


def outcomes(records: Iterable[Record]) -> list[tuple[int, str | None]]:
    """Each record's line, and the reference of those refused."""
    return [
        (record.line, record.reference if isinstance(record, Unreadable) else "ok")
        for record in records
    ]
