"""Files that operators, officers and our own programs put in folders, and read back.

What an operator or officer wrote may be named in an error, lest nobody could mend it; what our own
programs wrote is damaged when it does not read, and is said to be, without a crash.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from consent.protocol import ProtocolError, load
from consent.toml_lines import TomlLines
from gateway.audit.published import Published, PublishedDamagedError
from gateway.audit.witness_book import BOOK, BookError, open_book
from gateway.cli import officer_keys
from gateway.cli.failures import Failure
from gateway.client import credentials, receipts
from gateway.client.errors import Misconfigured
from gateway.exchange.routing import RouteTableError, load_routes
from gateway.pseudonyms.domains import Handles
from gateway.pseudonyms.person_file import NoBsnError, handle_in
from gateway.reports.projections.collecting import HeaderFileError, read_headers
from gateway.vault.journal_folder import NOTHING_BEFORE, head_of
from gateway.vault.journal_reading import read_journal
from gateway.vault.keys import EnvironmentKeys
from tests.fuzz import border, evidence
from tests.fuzz.examining import Target

ROOT = Path(__file__).parents[2]
MOMENT = datetime(2026, 11, 22, 9, tzinfo=UTC)
_DAY = MOMENT.date()


@cache
def _folder() -> Path:
    """One folder for the run: a file in memory is not what these readers take."""
    return Path(tempfile.mkdtemp(prefix="sluis-fuzz-"))


def clean() -> None:
    """Remove what was written."""
    if _folder.cache_info().currsize:
        shutil.rmtree(_folder(), ignore_errors=True)
        _folder.cache_clear()


def kept(name: str, data: bytes) -> Path:
    path = _folder() / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o600)
    return path


@cache
def _keys() -> EnvironmentKeys:
    return EnvironmentKeys({"SLUIS_ROOT_KEY": "A" * 43 + "="})


def _text(parse: Callable[[str], object], data: bytes) -> str:
    parse(data.decode("utf-8", "replace"))
    return ""


def _protocol(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    try:
        load(text)
    except ProtocolError as error:
        # As `sluis protocol check` does: each problem with the line that it is on.
        return "\n".join(map(str, TomlLines(text).place_all(error.problems)))
    return ""


def _officer(data: bytes) -> str:
    officer_keys.signing_key(_folder(), "officer", kept("officer.pem", data))
    return ""


def _officer_public(data: bytes) -> str:
    officer_keys.read_public(kept("officer.pub", data))
    return ""


def _settings(data: bytes) -> str:
    path = kept("partner/client.toml", data)
    kept("partner/client.pem", private_pem())
    credentials.load(path.parent)
    return ""


@cache
def private_pem() -> bytes:
    key = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _journal(data: bytes) -> str:
    path = kept(f"journal/{_DAY.isoformat()}.journal", data)
    return repr(read_journal(path.parent, _keys()).faults)


def _journals() -> list[bytes]:
    head = head_of(_DAY, NOTHING_BEFORE)
    return [head, head + b"1 " + b"0" * 64 + b" AAAA\n"]


def _published(data: bytes) -> str:
    path = kept("published/published.jsonl", data)
    Published(path.parent).newest()
    return ""


def _book(data: bytes) -> str:
    path = kept(f"book/{BOOK}", data)
    from_disk = open_book(path.parent)
    from_disk.close()
    return ""


def _checkpoints() -> list[bytes]:
    signed, _ = evidence.signed()
    note = {"note": signed.decode()}
    settled = {"settled": evidence.ORIGIN, "size": 3, "root": "A" * 43 + "="}
    return [b"".join(json.dumps(one).encode() + b"\n" for one in (note, settled))]


def _receipts(data: bytes) -> str:
    path = kept(f"bewijzen/{receipts.FOLDER}/000001.jsonl", data)
    list(receipts.read_kept(path.parent.parent))
    return ""


def _lines_kept() -> list[bytes]:
    at = MOMENT.isoformat()
    place = {"bladhash": "AA==", "index": 0, "omvang": 1, "pad": [], "controlepunt": "x"}
    proof = {"soort": "bewijs", "bewaardOp": at, **place}
    told = {"uitwisselingId": None, "besluit": "toegelaten", "regelcode": "toegelaten"}
    outcome = {"soort": "uitkomst", "bewaardOp": at, "leveringId": "0" * 32, "record": 1, **told}
    return [b"".join(json.dumps(one).encode() + b"\n" for one in (proof, outcome))]


def _headers(data: bytes) -> str:
    read_headers(kept("headers", data))
    return ""


def _person(data: bytes) -> str:
    handle_in(data.decode("utf-8", "replace"), Handles(_keys()))
    return ""


def targets() -> Iterator[Target]:
    """Every file that is read from a folder."""
    example = (ROOT / "consent" / "protocols" / "samen-doen-voorbeeld.toml").read_bytes()
    small = (ROOT / "tests" / "vectors" / "minimise" / "protocol.toml").read_bytes()
    routes = (ROOT / "gateway" / "exchange" / "routes.toml").read_bytes()
    protocols = [example, small]
    yield Target("protocol", _protocol, lambda: protocols, names_input=True, longest=96 * 1024)
    table = partial(_text, load_routes)
    yield Target("routes", table, lambda: [routes], (RouteTableError,), names_input=True)
    yield Target("officer-key", _officer, lambda: [private_pem()], (Failure,))
    yield Target("officer-public-key", _officer_public, border.public_keys, (Failure,))
    settings = [b'partner = "dwi"\nbase_url = "https://x"\nkey_id = "k"\nkey_file = "client.pem"\n']
    wrong = (Misconfigured,)
    yield Target("client-settings", _settings, lambda: settings, wrong, names_input=True)
    yield Target("journal", _journal, _journals)
    yield Target("published", _published, _checkpoints, (PublishedDamagedError,))
    yield Target("witness-book", _book, lambda: [b"{}\n"], (BookError,))
    yield Target("kept-receipts", _receipts, _lines_kept)
    headers = [b"# token\nAuthorization: Bearer x\n"]
    yield Target("header-file", _headers, lambda: headers, (HeaderFileError,))
    yield Target("person-file", _person, lambda: [b"999990019\n"], (NoBsnError,))
