from gateway.sandbox.population.chance import seeded
from gateway.sandbox.population.household import District, PostcodeState
from gateway.sandbox.population.names import SURNAMES, phone, postcode


def test_surnames_are_distinct_and_fit_windows_1252() -> None:
    assert len(set(SURNAMES)) == len(SURNAMES) > 1000
    for name in SURNAMES:
        name.encode("cp1252")
    assert any(not name.isascii() for name in SURNAMES)


def test_a_phone_number_cannot_be_dialled() -> None:
    rng = seeded(1, "phone")
    assert all(phone(rng).startswith("020-0") for _ in range(100))


def test_postcodes_never_end_in_what_is_never_issued() -> None:
    rng = seeded(1, "postcode")
    for _ in range(2000):
        found = postcode(rng, District.OOST, PostcodeState.FULL)
        assert found is not None
        assert found[4:] not in ("SA", "SD", "SS")
        assert len(found) == 6
