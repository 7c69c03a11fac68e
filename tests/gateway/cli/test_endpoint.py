"""What may be registered as an endpoint, told before anything is stored."""

from __future__ import annotations

from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from gateway.cli.endpoint import checked_endpoint
from gateway.cli.failures import Failure
from gateway.settings import Settings

CAREFUL, INSIDE = Settings(), Settings(push_private=True)
KEY = ECKey.generate_key("P-256")


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "partner.pem"
    path.write_bytes(KEY.as_pem(private=False))
    return path


def test_an_address_a_key_or_both(key_file: Path) -> None:
    url = "https://partner.test/postvak"
    assert checked_endpoint(url, None, CAREFUL).encryption_key is None
    both = checked_endpoint(url, key_file, CAREFUL)
    assert (both.url, both.encryption_key is not None) == (url, True)
    alone = checked_endpoint(None, key_file, CAREFUL)
    assert alone.url is None
    assert alone.encryption_key is not None
    assert alone.encryption_key["kid"] == KEY.thumbprint()
    assert "d" not in alone.encryption_key


def test_inside_only_where_it_was_admitted() -> None:
    assert checked_endpoint("http://127.0.0.1:9000/x", None, INSIDE).url is not None
    for url in ("http://127.0.0.1:9000/x", "https://10.0.0.1/x", "http://partner.test/x"):
        with pytest.raises(Failure, match="address") as caught:
            checked_endpoint(url, None, CAREFUL)
        assert "SLUIS_PUSH_PRIVATE" in caught.value.remedy


def test_nothing_at_all_is_a_mistake() -> None:
    with pytest.raises(Failure, match="encryption-key"):
        checked_endpoint(None, None, CAREFUL)


def test_a_private_key_is_refused_and_none_of_it_repeated(tmp_path: Path) -> None:
    path = tmp_path / "mine.pem"
    path.write_bytes(KEY.as_pem(private=True))
    with pytest.raises(Failure, match="private key") as caught:
        checked_endpoint(None, path, CAREFUL)
    assert "BEGIN" not in str(caught.value)
