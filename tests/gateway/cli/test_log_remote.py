"""A log on a server verifies like a folder, and the server can do no more than refuse."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gateway.audit.note import parse_vkey
from gateway.audit.verify import Step, VerificationError, verify_log
from gateway.cli.failures import Failure
from gateway.cli.log_remote import RemoteLog, is_address
from tests.gateway.audit.logs import numbered, without_waiting


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its own name
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/log"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def verified_size(address: str, vkey: str, olders: tuple[bytes, ...] = ()) -> int:
    with without_waiting(), RemoteLog(address) as log:
        return verify_log(log, [parse_vkey(vkey)], olders).size


def test_a_served_log_verifies_with_an_older_checkpoint(tmp_path: Path) -> None:
    log = numbered(600)
    log.export(tmp_path / "log")
    with served(tmp_path) as address:
        assert verified_size(address, log.vkey, (log.signed(300),)) == 600
        assert verified_size(f"{address}/", log.vkey) == 600


def test_partial_tiles_that_are_gone_are_cut_from_the_full_ones(tmp_path: Path) -> None:
    # The log grew after the checkpoint was fetched, and its server keeps full tiles only.
    log, grown = numbered(300), numbered(512)
    folder = grown.export(tmp_path / "log")
    (folder / "checkpoint").write_bytes(log.signed())
    (folder / "tile/1/000.p/1").write_bytes((folder / "tile/1/000.p/2").read_bytes()[:32])
    with served(tmp_path) as address:
        assert verified_size(address, log.vkey) == 300


def test_what_a_server_alters_withholds_or_swells_is_refused(tmp_path: Path) -> None:
    log = numbered(300)
    changes: tuple[tuple[str, Callable[[bytes], bytes] | None], ...] = (
        ("tile/0/000", lambda data: data[:-1] + bytes([data[-1] ^ 1])),
        ("tile/entries/001.p/44", lambda data: data[:-1]),
        ("tile/entries/000", lambda data: data * 1000),
        ("checkpoint", lambda data: data + b"\n" * 2_000_000),
        ("tile/0/001.p/44", None),
    )
    for file, change in changes:
        folder = log.export(tmp_path / "log")
        path = folder / file
        if change is None:
            path.unlink()
        else:
            path.write_bytes(change(path.read_bytes()))
        with served(tmp_path) as address, pytest.raises(VerificationError) as refused:
            verified_size(address, log.vkey)
        assert refused.value.step in (Step.SIGNATURE, Step.TREE)
        shutil.rmtree(folder)


def test_a_redirection_is_not_followed(tmp_path: Path) -> None:
    numbered(3).export(tmp_path / "log")
    (tmp_path / "log" / "checkpoint").unlink()
    (tmp_path / "log" / "checkpoint").mkdir()  # answered with a redirection to `checkpoint/`
    with served(tmp_path) as address, pytest.raises(VerificationError, match="answered 301"):
        verified_size(address, numbered(3).vkey)


def test_a_log_elsewhere_is_read_over_https_only() -> None:
    assert is_address("https://log.voorbeeld.nl/a")
    assert not is_address("/srv/log")
    for address in ("http://log.voorbeeld.nl/a", "http://192.0.2.7/a", "http://127.0.0.1.nl/a"):
        with pytest.raises(Failure, match="https only"):
            RemoteLog(address)
    for address in ("http://127.0.0.1:8080/a", "http://localhost/a", "http://[::1]/a"):
        with RemoteLog(address) as log:
            assert log.files() is None
