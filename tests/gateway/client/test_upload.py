from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from gateway.client import Misconfigured
from gateway.client.upload import PIECE, media_type_of, upload_of


async def test_the_digest_is_that_of_rfc_9530(tmp_path: Path) -> None:
    # RFC 9530, appendix B.1: sha-256 of {"hello": "world"} and a line feed.
    path = tmp_path / "levering.json"
    path.write_bytes(b'{"hello": "world"}\n')

    headers = (await upload_of(path)).headers

    assert headers == {
        "Content-Length": "19",
        "Content-Digest": "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
    }


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5])
async def test_pieces_are_the_file_and_progress_rises_to_its_size(
    tmp_path: Path, size: int
) -> None:
    content = hashlib.shake_128(b"sluis").digest(size)
    path = tmp_path / "levering.csv"
    path.write_bytes(content)
    told: list[tuple[int, int]] = []
    upload = await upload_of(path, lambda done, of: told.append((done, of)))

    sent = [piece async for piece in upload.pieces()]

    assert b"".join(sent) == content
    assert all(len(piece) <= PIECE for piece in sent)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1:] == ([(size, size)] if size else [])
    assert upload.digest == base64.b64encode(hashlib.sha256(content).digest()).decode()


@pytest.mark.parametrize("change", [b"", b"kort", b"langer" * PIECE])
async def test_a_file_that_changes_length_is_not_sent_as_if_whole(
    tmp_path: Path, change: bytes
) -> None:
    path = tmp_path / "levering.csv"
    path.write_bytes(b"kenmerk;rol\n")
    upload = await upload_of(path)
    path.write_bytes(change)
    sent: list[bytes] = []

    async def send() -> None:
        async for piece in upload.pieces():
            sent.append(piece)

    with pytest.raises(Misconfigured, match="changed while it was sent"):
        await send()

    assert sum(map(len, sent)) <= upload.size


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", "text/csv"),
        ("A.CSV", "text/csv"),
        ("a.b.json", "application/json"),
        ("a.ndjson", "application/x-ndjson"),
        ("a.xml", "application/xml"),
        ("a.FHIR.json", "application/fhir+json"),
    ],
)
def test_the_name_tells_the_media_type(name: str, expected: str) -> None:
    assert media_type_of(Path(name)) == expected


@pytest.mark.parametrize("name", ["a.ods", "a", "csv", ".csv", ".fhir.json"])
def test_another_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        media_type_of(Path(name))

    assert caught.value.remedy == "name it .fhir.json, .csv, .json, .ndjson, .xlsx, .xml"


async def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"weg\.csv cannot be read"):
        await upload_of(tmp_path / "weg.csv")
    with pytest.raises(Misconfigured, match="Is a directory"):
        await upload_of(tmp_path)
