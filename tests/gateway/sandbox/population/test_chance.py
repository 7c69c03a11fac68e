from hypothesis import given
from hypothesis import strategies as st

from gateway.sandbox.population.chance import Weighted, below, quota, seeded, spread


def test_a_seed_and_purpose_give_these_draws_on_every_python() -> None:
    rng = seeded(20131231, "block", 0)
    assert [below(rng, 1_000_000) for _ in range(4)] == [544613, 284286, 956246, 541210]


def test_purposes_draw_apart() -> None:
    assert seeded(1, "dwi").random() != seeded(1, "dwi-flaws").random()


@given(st.integers(0, 5000), st.lists(st.integers(0, 100), min_size=1).filter(any))
def test_quota_divides_everything_within_one_of_the_share(total: int, weights: list[int]) -> None:
    shares = quota(total, weights)
    assert sum(shares) == total
    whole = sum(weights)
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share * whole - total * weight) < whole


def test_quota_of_the_shares_by_number_of_domains_is_this() -> None:
    # By hand: 67.32, 134.64, 235.62, 471.24, 774.18.
    assert quota(1683, (4, 8, 14, 28, 46)) == [67, 135, 236, 471, 774]


@given(st.integers(0, 3000), st.integers(1, 800))
def test_spread_gives_everything_and_never_falls_by_more_than_one(total: int, places: int) -> None:
    given_out = spread(total, places)
    assert sum(given_out) == total
    assert len(given_out) == places
    assert max(given_out) <= 2 * total // places + 1


def test_weights_decide_how_often() -> None:
    rng, drawn = seeded(1, "weights"), Weighted({"often": 3, "never": 0, "rarely": 1})
    found = [drawn.draw(rng) for _ in range(4000)]
    assert found.count("never") == 0
    assert 2800 < found.count("often") < 3200
