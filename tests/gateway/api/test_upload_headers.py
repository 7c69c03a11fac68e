"""The header fields of uploads, read as RFC 9651 and the draft ask."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers

from gateway.api.upload_headers import boolean, file_digest, whole_number


def test_the_digest_is_that_of_rfc_9530() -> None:
    # RFC 9530, appendix B.1: sha-256 of {"hello": "world"} and a line feed.
    told = "sha-512=:AAAA:, sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"

    assert file_digest(Headers({"repr-digest": told})) == bytes.fromhex(
        "44aff4ab2d7c3250525675a08f0cfa9591168cffe51791c5f5bbc417c15a6c38"
    )


@settings(max_examples=200)
@given(st.text(alphabet="?01; a-9\x7f", max_size=20))
def test_a_field_of_another_type_is_as_one_that_is_not_there(value: str) -> None:
    headers = Headers({"upload-offset": value, "upload-complete": value})

    number, claim = whole_number(headers, "upload-offset"), boolean(headers, "upload-complete")

    head = value.partition(";")[0].strip(" ")
    is_number = head.isascii() and head.isdigit() and len(head) <= 15
    assert number == (int(head) if is_number else None)
    assert claim == {"?1": True, "?0": False}.get(head)
