"""Invariant 3 at the border, and no crash or hang: whatever is sent, nothing repeats it.

Messages are cut, spliced and filled with canaries at any place; what is told of them is searched,
and so is the retour, which repeats the header and nothing else. A seeded leak shows that the
search can fail.
"""

import base64
import time
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from adapters.port import UnreadableDelivery
from schemas.deliveries import Finding, Problem, Record, Translated, Unreadable
from tests.adapters.feeding import read
from tests.adapters.okt.written import (
    enveloped,
    linked,
    reader,
    request,
    retour_on,
    started,
    stopped,
)
from tests.support.strategies import unhurried

CANARIES = ("Kanariepiet", "471108154", "1971-11-08", "4711XQ")
MESSAGES = (request(), linked(started()), linked(stopped("31")), enveloped(request(), "JW315"))
IN_CLIENT = request().index(b"<m:Client>")


def told(delivery: bytes) -> str:
    """All that is told of a delivery, but for what was read and for valid references."""
    try:
        (record,) = read(reader(), delivery)
    except UnreadableDelivery as error:
        shown = "".join(traceback.format_exception(error, limit=0))
        return f"{shown} {error!r} {error.__context__!r} {error.__cause__!r}"
    return told_of(record)


def told_of(record: Record) -> str:
    match record:
        case Translated():
            return repr(record.findings)
        case Unreadable():
            return repr((record.line, record.findings))


def holds(text: str, canary: str) -> bool:
    return canary.lower() in text.lower() or canary[:6].lower() in text.lower()


def test_a_seeded_leak_is_found() -> None:
    leak = Unreadable(2, (Finding(2, "lid.Kanariepiet", Problem.INVALID),))
    assert holds(told_of(leak), CANARIES[0])


def pieces(canary: str) -> tuple[bytes, ...]:
    forms = ("{}", "<{}/>", ' {}="x" ', "&{};", "<{}>", "<?{}?>", "<!DOCTYPE {}>", "<![CDATA[{}]]>",
             "<!--{}-->", '<m:x xmlns:{}="{}">', "\x00{}")  # fmt: skip
    return tuple(form.replace("{}", canary).encode() for form in forms)


@pytest.mark.parametrize("whole", MESSAGES, ids=["315", "305", "307", "ggk"])
@pytest.mark.parametrize("canary", CANARIES)
def test_nothing_put_anywhere_is_repeated(whole: bytes, canary: str) -> None:
    signs = [at for at, sign in enumerate(whole) if sign in b"<>/"]
    for at in signs[::3]:
        for piece in pieces(canary):
            for changed in (whole[:at] + piece + whole[at:], whole[: at + 1] + piece):
                assert not holds(told(changed), canary)


@pytest.mark.parametrize("canary", CANARIES)
def test_no_retour_repeats_anything_of_the_client(canary: str) -> None:
    whole = request()
    signs = [at for at, sign in enumerate(whole) if sign in b"<>" and at > IN_CLIENT]
    answers = 0
    for at in signs:
        for piece in pieces(canary):
            try:
                (record,) = read(reader(), whole[:at] + piece + whole[at:])
            except UnreadableDelivery:
                continue
            retour = retour_on(record)
            if retour is not None:
                answers += 1
                assert not holds(retour.decode(), canary)
    assert answers > 100


@unhurried
@given(
    st.sampled_from(MESSAGES),
    st.lists(
        st.tuples(
            st.integers(0, 3000),
            st.integers(0, 3000),
            st.one_of(st.binary(max_size=40), st.sampled_from(MESSAGES)),
        ),
        max_size=4,
    ),
)
def test_no_bytes_end_in_a_crash_or_a_hang(
    whole: bytes, changes: list[tuple[int, int, bytes]]
) -> None:
    for start, end, piece in changes:
        whole = whole[:start] + piece + whole[min(start, end) :]
    outcome_of(whole)


@unhurried
@given(st.binary(max_size=400))
def test_no_payload_of_an_envelope_ends_in_a_crash(inner: bytes) -> None:
    outcome_of(enveloped(inner, "JW315"))
    sealed = base64.b64encode(request())
    outcome_of(enveloped(request(), "JW315").replace(sealed, inner))


def outcome_of(delivery: bytes) -> None:
    begun = time.monotonic()
    try:
        (record,) = read(reader(), delivery)
    except UnreadableDelivery:
        pass
    else:
        retour = retour_on(record)
        if retour is not None:
            etree.fromstring(retour)
    assert time.monotonic() - begun < 5


def test_the_slip_of_a_wrong_message_holds_nothing_of_the_client() -> None:
    canary = "Kanariepiet"
    (record,) = read(reader(), request().replace(b"Voorbeeld", canary.encode() * 99))
    assert isinstance(record, Unreadable)
    assert record.slip is not None
    assert not holds(record.slip, canary)
    assert "999990019" not in record.slip
