"""Every adapter in the registry has the one shape, under its own name."""

import pytest

from adapters.port import Adapter
from adapters.registry import ADAPTERS
from tests.adapters.feeding import TODAY


def test_each_adapter_stands_under_its_own_name() -> None:
    assert {name: adapter.name for name, adapter in ADAPTERS.items()} == {
        "dwi": "dwi",
        "generic": "generic",
        "ggz": "ggz",
        "okt": "okt",
        "professional": "professional",
    }


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS.keys())
def test_media_types_have_no_parameters_and_readers_start_afresh(adapter: Adapter) -> None:
    for media_type, reader in adapter.readers.items():
        assert media_type == media_type.lower()
        assert ";" not in media_type
        assert reader(TODAY) is not reader(TODAY)
        assert list(reader(TODAY).feed(b"")) == []


def test_an_answer_is_given_in_a_form_that_is_read_too() -> None:
    for adapter in ADAPTERS.values():
        assert set(adapter.answer_writers) <= set(adapter.readers)


def test_dwi_speaks_its_own_formats_and_the_generic_partner_json_alone() -> None:
    json_types = {"application/json", "application/x-ndjson"}
    assert set(ADAPTERS["dwi"].readers) == {"text/csv", "application/xml"} | json_types
    assert set(ADAPTERS["dwi"].status_writers) == {"text/csv", "application/json"}
    assert set(ADAPTERS["generic"].readers) == json_types
    assert set(ADAPTERS["generic"].status_writers) == {"application/json"}


def test_other_professionals_speak_json_and_rows_and_get_their_statuses_as_rows_too() -> None:
    adapter = ADAPTERS["professional"]
    xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert set(adapter.readers) == {"text/csv", xlsx, "application/json", "application/x-ndjson"}
    assert set(adapter.status_writers) == {"text/csv", "application/json"}
    assert set(adapter.templates) == {"text/csv", xlsx, "text/plain"}
