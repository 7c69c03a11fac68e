import pytest

from gateway.sandbox.population.chance import seeded
from gateway.sandbox.population.margins import ZRM_SHARES
from gateway.sandbox.population.zrm import DOMAINS, Pattern, patterns, scores


@pytest.mark.parametrize("seed", range(4))
def test_patterns_give_the_printed_shares_in_each_group(seed: int) -> None:
    found = patterns(seed)
    firsts = tuple(first for first, _ in found.followed)
    seconds = tuple(second for _, second in found.followed)
    assert percents(firsts + found.counted) == [s.first for s in ZRM_SHARES.values()]
    assert percents(firsts) == [s.followed_first for s in ZRM_SHARES.values()]
    assert percents(seconds) == [s.followed_second for s in ZRM_SHARES.values()]
    assert percents(found.uncounted) == [s.first for s in ZRM_SHARES.values()]
    assert (len(firsts), len(found.counted), len(found.uncounted)) == (256, 1427, 362)


def percents(group: tuple[Pattern, ...]) -> list[int]:
    return [
        round(100 * sum(place in pattern for pattern in group) / len(group))
        for place in range(len(DOMAINS))
    ]


def test_patterns_are_many_and_not_a_staircase() -> None:
    found = patterns(1)
    assert len(set(found.counted)) > 400


def test_scores_are_below_four_exactly_where_the_pattern_has_a_problem() -> None:
    rng = seeded(1, "scores")
    for pattern in patterns(1).counted[:200]:
        scored = scores(rng, pattern)
        assert len(scored) == 11
        assert {place for place, score in enumerate(scored) if score < 4} == pattern
        assert all(1 <= score <= 5 for score in scored)
