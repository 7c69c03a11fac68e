from __future__ import annotations

import pytest

from gateway.client import AsyncSluis
from gateway.client.logbook import tile_path
from tests.support.gateway_simulator import CHECKPOINT


@pytest.mark.parametrize(
    ("index", "width", "path"),
    [
        (0, 256, "000"),
        (5, 256, "005"),
        (999, 256, "999"),
        (1000, 256, "x001/000"),
        # The example of C2SP tlog-tiles: tile 1234067.
        (1234067, 256, "x001/x234/067"),
        (1234067, 8, "x001/x234/067.p/8"),
        (0, 1, "000.p/1"),
    ],
)
def test_a_tile_stands_where_c2sp_says(index: int, width: int, path: str) -> None:
    assert tile_path(index, width) == path


@pytest.mark.parametrize(("index", "width"), [(-1, 256), (0, 0), (0, 257)])
def test_a_tile_that_cannot_be_is_refused(index: int, width: int) -> None:
    with pytest.raises(ValueError, match="a tile has"):
        tile_path(index, width)


async def test_what_is_published_is_fetched_as_it_stands(dwi: AsyncSluis) -> None:
    assert await dwi.checkpoint() == CHECKPOINT
    assert await dwi.tile(0, 1000) == b"tile/0/x001/000"
    assert await dwi.entries(7, 12) == b"tile/entries/007.p/12"
    assert (await dwi.log_keys()).processing.startswith("sluis.test/verwerkingen+")
    proof = await dwi.proof(bytes(32))
    assert (proof.index, proof.size, len(proof.path)) == (0, 3, 1)
    assert (await dwi.protocol()).text == "[protocol]\n"
