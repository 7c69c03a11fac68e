"""What a partner keeps of what was acknowledged, and how promises become proofs."""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from gateway.audit.merkle import leaf_hashes
from gateway.audit.promise import promise
from gateway.client import proving, receipts
from gateway.client.disk import append_lines
from gateway.client.errors import Contradicted, Unreachable
from gateway.client.keeping import Keeping
from gateway.client.memory import CheckpointMemory
from gateway.client.proving import PROMISED_WITHIN, Standing, prove, verify_receipt
from gateway.client.receipts import (
    KeptAnswer,
    KeptOutcome,
    KeptProof,
    ReceiptBook,
    drop_oldest,
    open_promises,
    read_kept,
    segments_of,
)
from gateway.client.watch import LogWatch
from schemas.decisions import Outcome, Rule
from schemas.deliveries import RecordOutcome
from schemas.receipts import Answer, Promise, Receipt
from tests.gateway.audit.logs import KEY, OTHER_KEY
from tests.gateway.client.shown_log import SERIES, ShownLog, text, volume

BODY = b'{"kenmerk": "een"}'
SALT = bytes(range(16))


def answers(
    entries: Sequence[bytes], *, series: str = SERIES, forged: bool = False
) -> list[Answer]:
    """The answers to one commit group, whose entries these are."""
    hashes = leaf_hashes(entries)
    made = promise(series, hashes, OTHER_KEY if forged else KEY)
    return [
        Answer(
            exchange_id=uuid4(),
            decision=Outcome.ACCEPTED,
            rule=Rule.PERMITTED,
            received_at=datetime.now(UTC),
            receipt=Receipt(
                entry_id=uuid4(),
                log=series,
                leaf_hash=text(leaf_hash),
                body_salt=text(SALT),
                body_commitment=text(hmac.digest(SALT, BODY, "sha256")),
                promise=Promise(
                    root=text(made.root),
                    index=index,
                    size=made.size,
                    path=[text(step) for step in made.paths[index]],
                    key_name=series,
                    signature=text(made.signature),
                ),
            ),
        )
        for index, leaf_hash in enumerate(hashes)
    ]


@pytest.fixture
def shown() -> ShownLog:
    return ShownLog([volume("2026", 30)])


@pytest.fixture
def watch(tmp_path: Path, shown: ShownLog) -> LogWatch:
    return LogWatch(CheckpointMemory(tmp_path), shown.ask)


def logged(shown: ShownLog, count: int = 5, first: int = 10) -> list[bytes]:
    return shown.open.entries[first : first + count]


async def keep_all(book: ReceiptBook, given: Sequence[Answer]) -> None:
    await asyncio.gather(*(book.keep_answer(answer) for answer in given))


async def test_what_is_kept_is_read_back_as_it_was(tmp_path: Path, shown: ShownLog) -> None:
    book, (answer,) = ReceiptBook(tmp_path), answers(logged(shown, 1))
    delivery, exchange = uuid4(), uuid4()
    outcome = RecordOutcome(
        record=1,
        line=2,
        reference="GEHEIM-1",
        decision=Outcome.REFUSED,
        rule=Rule.NO_FLOW,
        exchange_id=exchange,
    )
    await book.keep_answer(answer)
    await book.keep_outcomes(delivery, [outcome, outcome.model_copy(update={"record": 2})])
    proof = KeptProof(datetime.now(UTC), b"h" * 32, 3, 9, (b"p" * 32,), "notitie\n")
    await book.keep_proof(proof)

    first, second, third, last = read_kept(tmp_path)
    assert isinstance(first, KeptAnswer)
    assert isinstance(second, KeptOutcome)
    assert isinstance(third, KeptOutcome)
    assert isinstance(last, KeptProof)
    assert first.answer == answer
    assert (second.delivery_id, second.record, second.exchange_id) == (delivery, 1, exchange)
    assert (second.decision, second.rule, third.record) == ("geweigerd", Rule.NO_FLOW, 2)
    assert (last.leaf_hash, last.index, last.path) == (b"h" * 32, 3, (b"p" * 32,))


async def test_no_reference_of_a_message_is_kept(tmp_path: Path) -> None:
    outcome = RecordOutcome(
        record=1, line=2, reference="GEHEIM-1", decision=Outcome.HELD, rule=Rule.NO_FLOW
    )
    await ReceiptBook(tmp_path).keep_outcomes(uuid4(), [outcome])

    (segment,) = segments_of(tmp_path / receipts.FOLDER)
    assert b"GEHEIM" not in segment.read_bytes()
    assert segment.stat().st_mode & 0o777 == 0o600


async def test_half_a_line_is_passed_over_and_the_next_one_stands(
    tmp_path: Path, shown: ShownLog
) -> None:
    book, (first, second) = ReceiptBook(tmp_path), answers(logged(shown, 2))
    await book.keep_answer(first)
    (segment,) = segments_of(tmp_path / receipts.FOLDER)
    with segment.open("ab") as file:
        file.write(b'{"soort": "ontvangst", "bewaardOp": "20')
    await book.keep_answer(second)

    kept = [one.answer for one in read_kept(tmp_path) if isinstance(one, KeptAnswer)]
    assert kept == [first, second]


async def test_many_at_once_share_a_flush_and_none_is_lost(
    tmp_path: Path, shown: ShownLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []

    def counted(path: Path, lines: bytes) -> int:
        written.append(lines)
        return append_lines(path, lines)

    monkeypatch.setattr("gateway.client.receipts.append_lines", counted)
    given = answers(logged(shown, 20)) * 10
    await keep_all(ReceiptBook(tmp_path), given)

    assert len(list(read_kept(tmp_path))) == 200
    assert len(written) <= 3


async def test_a_full_disk_reaches_whoever_waits(
    tmp_path: Path, shown: ShownLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, lines: bytes) -> int:
        raise OSError(28, "No space left on device")

    book, (answer,) = ReceiptBook(tmp_path), answers(logged(shown, 1))
    with monkeypatch.context() as patched:
        patched.setattr("gateway.client.receipts.append_lines", full)
        with pytest.raises(OSError, match="No space"):
            await book.keep_answer(answer)
    await book.keep_answer(answer)
    assert len(list(read_kept(tmp_path))) == 1


async def test_files_are_bounded_and_what_is_not_proven_stays(
    tmp_path: Path, shown: ShownLog, watch: LogWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "SEGMENT_BYTES", 1500)
    monkeypatch.setattr(receipts, "MAX_SEGMENTS", 3)
    book = ReceiptBook(tmp_path)
    given = answers(logged(shown, 20, 0))
    for answer in given:
        await book.keep_answer(answer)
    count = len(segments_of(tmp_path / receipts.FOLDER))
    assert count > 3  # nothing was proven, so nothing went

    await prove(open_promises(tmp_path), shown.ask, watch, book)
    while drop_oldest(tmp_path / receipts.FOLDER):
        if len(segments_of(tmp_path / receipts.FOLDER)) <= 3:
            break
    assert len(segments_of(tmp_path / receipts.FOLDER)) == 3
    assert open_promises(tmp_path) == []


async def test_promises_become_proofs(tmp_path: Path, shown: ShownLog, watch: LogWatch) -> None:
    book = ReceiptBook(tmp_path)
    await keep_all(book, answers(logged(shown)))

    checked = await prove(open_promises(tmp_path), shown.ask, watch, book)
    assert [one.standing for one in checked] == [Standing.PROVEN] * 5
    assert open_promises(tmp_path) == []


async def test_a_promise_that_is_not_kept_is_overdue_in_time(
    tmp_path: Path, shown: ShownLog, watch: LogWatch
) -> None:
    book = ReceiptBook(tmp_path)
    await keep_all(book, answers([b"nooit gelogd"]))
    waiting = open_promises(tmp_path)

    (early,) = await prove(waiting, shown.ask, watch, book)
    later = datetime.now(UTC) + timedelta(seconds=PROMISED_WITHIN + 1)
    (late,) = await prove(waiting, shown.ask, watch, book, now=lambda: later)

    assert (early.standing, late.standing) == (Standing.WAITING, Standing.OVERDUE)
    assert len(open_promises(tmp_path)) == 1


async def test_a_forged_promise_is_broken(tmp_path: Path, shown: ShownLog, watch: LogWatch) -> None:
    book = ReceiptBook(tmp_path)
    await keep_all(book, answers(logged(shown), forged=True))

    checked = await prove(open_promises(tmp_path), shown.ask, watch, book)
    assert {one.standing for one in checked} == {Standing.BROKEN}


async def test_a_protected_exchange_keeps_its_promise(
    tmp_path: Path, shown: ShownLog, watch: LogWatch
) -> None:
    book = ReceiptBook(tmp_path)
    await keep_all(book, answers([b"apart"], series="sluis/proef/beschermd"))

    (checked,) = await prove(open_promises(tmp_path), shown.ask, watch, book)
    assert checked.standing is Standing.APART
    assert "/v1/logboek/verwerkingen/bewijs" not in shown.asked


async def test_a_proof_of_a_log_that_only_we_are_shown_is_compared(
    tmp_path: Path, shown: ShownLog, watch: LogWatch
) -> None:
    """The entry is proven in a fork; the checkpoint of that fork is what gives it away."""
    book, entry = ReceiptBook(tmp_path), b"alleen voor u"
    watch.heard(shown.header(25))
    await watch.at_end()
    fork = volume("2026", 30)
    fork.entries[12] = entry
    await keep_all(book, answers([entry]))

    (checked,) = await prove(open_promises(tmp_path), ShownLog([fork]).ask, watch, book)
    assert checked.standing is Standing.PROVEN
    with pytest.raises(Contradicted):
        await watch.at_end()


async def test_a_road_that_fails_concludes_nothing(
    tmp_path: Path, shown: ShownLog, watch: LogWatch
) -> None:
    book = ReceiptBook(tmp_path)
    await keep_all(book, answers(logged(shown)))
    shown.is_away = True
    with pytest.raises(Unreachable):
        await prove(open_promises(tmp_path), shown.ask, watch, book)
    assert len(open_promises(tmp_path)) == 5


async def test_a_receipt_of_other_bytes_is_no_receipt(watch: LogWatch, shown: ShownLog) -> None:
    (answer,) = answers(logged(shown, 1))
    key = await watch.known_key()
    verify_receipt(answer, key, BODY)
    with pytest.raises(ValueError, match="other bytes"):
        verify_receipt(answer, key, BODY + b" ")


async def test_a_session_proves_in_the_background(
    tmp_path: Path, shown: ShownLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.client.keeping._PAUSE_SECONDS", 0.01)
    keeping = Keeping(tmp_path, shown.ask)
    for answer in answers(logged(shown)):
        await keeping.answered(answer, BODY)
    for _ in range(100):
        if not open_promises(tmp_path):
            break
        await asyncio.sleep(0.02)
    await keeping.end()
    assert open_promises(tmp_path) == []


async def test_an_untrue_receipt_stops_the_next_call_and_is_kept(
    tmp_path: Path, shown: ShownLog
) -> None:
    keeping = Keeping(tmp_path, shown.ask)
    keeping.heard(shown.header(20))
    await keeping.before_call()
    (answer,) = answers(logged(shown, 1), forged=True)

    await keeping.answered(answer, BODY)  # the answer itself is not lost over it
    with pytest.raises(Contradicted, match=str(answer.exchange_id)):
        await keeping.before_call()
    with pytest.raises(Contradicted):
        await keeping.end()
    assert len(open_promises(tmp_path)) == 1


def test_leaf_hashes_are_those_of_the_receipt(shown: ShownLog) -> None:
    (answer,) = answers(logged(shown, 1))
    kept = KeptAnswer(datetime.now(UTC), answer)
    assert base64.b64encode(kept.leaf_hash).decode() == answer.receipt.leaf_hash
    assert isinstance(answer.exchange_id, UUID)
    assert proving.PROMISED_WITHIN > 1
