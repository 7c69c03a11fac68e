from __future__ import annotations

import asyncio
import ssl
import stat
from pathlib import Path

import httpx
import pytest
from joserfc.jwk import ECKey, generate_key

from gateway.client import Misconfigured
from gateway.client import credentials as subject
from tests.support.certificates import self_signed

BASE = "http://127.0.0.1:8080"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "partners" / "dwi"


def test_new_credentials_can_be_loaded_and_name_the_public_half(folder: Path) -> None:
    public = subject.create(folder, partner="dwi", base_url=BASE)

    loaded = subject.load(folder)

    assert (loaded.partner, loaded.base_url, loaded.key_id) == ("dwi", BASE, public.key_id)
    assert loaded.algorithm == "ES256"
    # RFC 7638: the key is named by its own thumbprint, so both sides find the same name.
    assert ECKey.import_key(public.pem).thumbprint() == public.key_id
    assert "PRIVATE" not in public.pem


def test_the_private_key_is_readable_by_its_owner_alone(folder: Path) -> None:
    subject.create(folder, partner="dwi", base_url=BASE)

    assert stat.S_IMODE((folder / "client.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_credentials_are_never_replaced(folder: Path) -> None:
    subject.create(folder, partner="dwi", base_url=BASE)
    key = (folder / "client.pem").read_bytes()

    with pytest.raises(Misconfigured, match="already"):
        subject.create(folder, partner="dwi", base_url=BASE)

    assert (folder / "client.pem").read_bytes() == key


def test_a_key_that_a_crash_left_alone_is_used(folder: Path) -> None:
    first = subject.create(folder, partner="dwi", base_url=BASE)
    (folder / "client.toml").unlink()

    assert subject.create(folder, partner="dwi", base_url=BASE) == first


def test_only_the_address_changes_when_the_gateway_moves(folder: Path) -> None:
    public = subject.create(folder, partner="dwi", base_url=BASE)

    subject.point_at(folder, "http://127.0.0.1:9")

    assert subject.load(folder).base_url == "http://127.0.0.1:9"
    assert subject.load(folder).key_id == public.key_id


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o777])
def test_a_key_file_open_to_others_is_refused(folder: Path, mode: int) -> None:
    subject.create(folder, partner="dwi", base_url=BASE)
    (folder / "client.pem").chmod(mode)

    with pytest.raises(Misconfigured, match="others") as caught:
        subject.load(folder)

    assert caught.value.remedy.startswith("chmod 600")


@pytest.mark.parametrize(
    "base_url", ["http://sluis.amsterdam.nl", "http://10.0.0.7:8080", "ftp://x"]
)
def test_a_road_that_others_can_read_is_refused(folder: Path, base_url: str) -> None:
    subject.create(folder, partner="dwi", base_url=base_url)

    with pytest.raises(Misconfigured, match="unencrypted"):
        subject.load(folder)


@pytest.mark.parametrize(
    "base_url", ["https://sluis.amsterdam.nl", "http://localhost:1", "http://[::1]:1/"]
)
def test_https_and_this_machine_are_admitted(folder: Path, base_url: str) -> None:
    subject.create(folder, partner="dwi", base_url=base_url)

    assert subject.load(folder).base_url == base_url.rstrip("/")


def test_missing_credentials_name_the_file_and_the_remedy(folder: Path) -> None:
    with pytest.raises(Misconfigured, match=r"client\.toml does not exist") as caught:
        subject.load(folder)

    assert "--home" in caught.value.remedy


def test_incomplete_settings_name_what_is_missing(folder: Path) -> None:
    subject.create(folder, partner="dwi", base_url=BASE)
    (folder / "client.toml").write_text('partner = "dwi"\nbase_url = 1\nkey_id = "a"\n')

    with pytest.raises(Misconfigured, match="lacks base_url, key_file"):
        subject.load(folder)


def test_settings_that_are_no_toml_are_refused(folder: Path) -> None:
    subject.create(folder, partner="dwi", base_url=BASE)
    (folder / "client.toml").write_text("partner: dwi\n")

    with pytest.raises(Misconfigured, match="TOML"):
        subject.load(folder)


@pytest.mark.parametrize(
    ("kind", "size", "algorithm"),
    [("RSA", 2048, "PS256"), ("OKP", "Ed25519", "EdDSA"), ("EC", "P-256", "ES256")],
)
def test_each_kind_of_key_has_its_signature(
    folder: Path, kind: str, size: str | int, algorithm: str
) -> None:
    subject.create(folder, partner="dwi", base_url=BASE)
    key = generate_key(kind, size)  # type: ignore[call-overload]
    (folder / "client.pem").write_bytes(key.as_pem(private=True))

    assert subject.load(folder).algorithm == algorithm


@pytest.mark.parametrize("content", [b"", b"no key", None])
def test_a_file_without_a_private_key_is_refused(folder: Path, content: bytes | None) -> None:
    subject.create(folder, partner="dwi", base_url=BASE)
    public = generate_key("EC", "P-256").as_pem(private=False)
    (folder / "client.pem").write_bytes(public if content is None else content)

    with pytest.raises(Misconfigured, match="key"):
        subject.load(folder)


def test_another_curve_is_refused(folder: Path) -> None:
    subject.create(folder, partner="dwi", base_url=BASE)
    (folder / "client.pem").write_bytes(generate_key("EC", "P-384").as_pem(private=True))

    with pytest.raises(Misconfigured, match="another kind"):
        subject.load(folder)


def test_a_key_is_never_shown(folder: Path) -> None:
    subject.create(folder, partner="dwi", base_url=BASE)

    assert "key=" not in repr(subject.load(folder))


@pytest.mark.parametrize("base_url", ["http://sluis.test", "ftp://sluis.test", "sluis.test", ""])
def test_no_other_gateway_is_reached_by_an_open_road(folder: Path, base_url: str) -> None:
    subject.create(folder, partner="dwi", base_url=BASE)
    mine = subject.load(folder)
    with pytest.raises(Misconfigured, match="unencrypted"):
        subject.elsewhere(mine, base_url)
    assert subject.elsewhere(mine, "https://sluis.test/").base_url == "https://sluis.test"


def _certified(folder: Path) -> bytes:
    """Credentials whose key is in a certificate that they name; gives it, PEM."""
    subject.create(folder, partner="madi", base_url=BASE)
    made = self_signed(folder, "madi")
    (folder / "client.pem").write_bytes((folder / "madi.key").read_bytes())
    with (folder / "client.toml").open("a") as settings:
        settings.write('certificate_file = "madi.pem"\n')
    return made.certificate.read_bytes()


async def test_a_certificate_that_is_named_is_shown_on_every_connection(folder: Path) -> None:
    """RFC 8705: a gateway that binds tokens takes them on such connections alone."""
    shown: list[bytes | None] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown.append(writer.get_extra_info("ssl_object").getpeercert(True))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    own = _certified(folder)
    server = self_signed(folder, "localhost")
    server.context.load_verify_locations(folder / "madi.pem")
    server.context.verify_mode = ssl.CERT_REQUIRED
    listening = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server.context)
    road = subject.load(folder).tls
    assert isinstance(road, ssl.SSLContext)
    road.load_verify_locations(server.certificate)
    port = listening.sockets[0].getsockname()[1]
    async with listening, httpx.AsyncClient(verify=road, trust_env=False) as http:
        assert (await http.get(f"https://localhost:{port}/")).status_code == 204
    assert shown == [ssl.PEM_cert_to_DER_cert(own.decode())]


def test_without_a_certificate_none_is_shown(folder: Path) -> None:
    subject.create(folder, partner="dwi", base_url=BASE)
    assert subject.load(folder).tls is True


def test_a_certificate_stays_named_when_the_gateway_moves(folder: Path) -> None:
    _certified(folder)
    subject.point_at(folder, "http://127.0.0.1:9")
    assert subject.load(folder).certified == (folder / "madi.pem", folder / "client.pem")


def test_a_certificate_that_is_absent_or_of_another_key_is_told(folder: Path) -> None:
    _certified(folder)
    (folder / "madi.pem").write_bytes(self_signed(folder, "other").certificate.read_bytes())
    with pytest.raises(Misconfigured, match="no certificate of the key"):
        subject.load(folder)
    (folder / "madi.pem").unlink()
    with pytest.raises(Misconfigured, match="does not exist"):
        subject.load(folder)
