"""The witness that anyone can run: over HTTP, as C2SP tlog-witness asks, and as its book keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from gateway.audit.checkpoint import open_checkpoint
from gateway.audit.note import VerifierKey
from gateway.audit.witness import MAX_REQUEST, Submission, told_cosignatures, told_size
from gateway.audit.witness_book import REFUSED, WitnessBook, open_book
from gateway.cli.failures import Failure
from gateway.cli.witness_server import KEY_FILE, Signer, WitnessServer, signer_in
from tests.gateway.audit.logs import ORIGIN, Log, numbered
from tests.gateway.audit.witnessed import LOG_KEY, TRUSTED, forked, submission

LOG = numbered(60)
PLACE = f"/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint"


@pytest.fixture
def book(tmp_path: Path) -> Iterator[WitnessBook]:
    opened = open_book(tmp_path / "getuige")
    yield opened
    opened.close()


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return signer_in(tmp_path / "getuige", "getuige.test/een")


@pytest.fixture
async def http(signer: Signer, book: WitnessBook) -> AsyncIterator[httpx.AsyncClient]:
    server = WitnessServer(signer, TRUSTED, book, now=lambda: 1_700_000_000.5)
    road = httpx.ASGITransport(app=server)
    async with httpx.AsyncClient(transport=road, base_url="http://getuige.test") as client:
        yield client


async def add(http: httpx.AsyncClient, given: Submission) -> httpx.Response:
    return await http.post("/add-checkpoint", content=given.encode())


async def test_a_log_is_cosigned_as_it_grows(http: httpx.AsyncClient, signer: Signer) -> None:
    old = 0
    for size in (1, 2, 9, 9, 40):
        answer = await add(http, submission(LOG, old, size))
        assert answer.status_code == 200
        lines = told_cosignatures(LOG.signed(size), answer.content, signer.verifier)
        assert len(lines) == 1
        old = size


async def test_a_monitor_reads_what_was_cosigned(http: httpx.AsyncClient, signer: Signer) -> None:
    assert (await http.get(PLACE)).status_code == 404
    await add(http, submission(LOG, 0, 9))

    answer = await http.get(PLACE)
    opened = open_checkpoint(answer.content, [LOG_KEY, signer.verifier])
    assert opened.checkpoint.size == 9
    assert [each.timestamp for each in opened.cosignatures] == [1_700_000_000]


async def test_a_lost_count_is_answered_with_the_size(http: httpx.AsyncClient) -> None:
    await add(http, submission(LOG, 0, 9))
    answer = await add(http, submission(LOG, 5, 40))

    assert (answer.status_code, answer.headers["content-type"]) == (409, "text/x.tlog.size")
    assert told_size(answer.content) == 9


async def test_two_at_once_never_roll_back(http: httpx.AsyncClient, book: WitnessBook) -> None:
    await add(http, submission(LOG, 0, 9))
    answers = await asyncio.gather(
        *(add(http, submission(LOG, 9, size)) for size in (20, 30, 40, 50))
    )

    good = [answer for answer in answers if answer.status_code == 200]
    assert len(good) == 1
    assert {answer.status_code for answer in answers} == {200, 409}
    newest = book.newest(ORIGIN)
    assert newest is not None
    assert newest.size in (20, 30, 40, 50)


async def test_a_fork_and_a_rollback_are_refused_and_kept(
    http: httpx.AsyncClient, tmp_path: Path
) -> None:
    await add(http, submission(LOG, 0, 30))
    assert (await add(http, submission(forked(60, 10), 30, 40))).status_code == 422
    assert (await add(http, submission(forked(60, 10), 30, 30))).status_code == 422
    assert (await add(http, submission(LOG, 5, 5))).status_code == 409
    # Who merely lost count contradicts nothing.
    assert (await add(http, submission(LOG, 5, 40))).status_code == 409

    assert len((tmp_path / "getuige" / REFUSED).read_bytes().splitlines()) == 3


async def test_a_stranger_leaves_nothing(http: httpx.AsyncClient, tmp_path: Path) -> None:
    stranger = Log(LOG.entries, origin="ander.test/log")
    assert (await add(http, submission(stranger, 0, 5))).status_code == 404
    assert (await http.post("/add-checkpoint", content=b"x" * (MAX_REQUEST + 1))).status_code == 413
    assert (await http.post("/add-checkpoint", content=b"nee")).status_code == 400
    assert (await http.get("/add-checkpoint")).status_code == 405
    assert (await http.get("/")).status_code == 404
    assert not (tmp_path / "getuige" / REFUSED).exists()


async def test_without_a_memory_nothing_is_cosigned(
    http: httpx.AsyncClient, book: WitnessBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(http, submission(LOG, 0, 9))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("gateway.audit.witness_book.os.fsync", full)
        answer = await add(http, submission(LOG, 9, 20))
    assert answer.status_code == 500
    assert book.newest(ORIGIN) is not None

    # Nobody got a cosignature for 20, so another 20 may come: this is the same one.
    assert (await add(http, submission(LOG, 9, 20))).status_code == 200


def test_a_witness_keeps_its_name_and_key(tmp_path: Path) -> None:
    made = signer_in(tmp_path, "getuige.test/een")

    assert signer_in(tmp_path, None).verifier == made.verifier
    assert signer_in(tmp_path, "getuige.test/een").verifier == made.verifier
    with pytest.raises(Failure, match="another name"):
        signer_in(tmp_path, "getuige.test/twee")
    assert isinstance(made.verifier, VerifierKey)
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_a_new_witness_needs_a_name(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="needs a name"):
        signer_in(tmp_path, None)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    signer_in(tmp_path, "getuige.test/een")
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(Failure, match="read by others"):
        signer_in(tmp_path, None)
