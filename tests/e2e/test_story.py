"""The demo's story on a small delivery: every claim holds, also in a home that told it before.

CI runs `make demo` itself; what this adds is the second telling, and how it looks.
"""

from __future__ import annotations

import re

import pytest

from gateway.cli.officers_story import verify_log
from gateway.cli.output import Output
from gateway.cli.stage import Stage
from gateway.cli.story import exchange
from tests.support.database import TestServer
from tests.support.running_gateway import RunningGateway, running_gateway

DELIVERED = 90
PAGE = 45
"""Lines of a step that a person still sees at once."""


async def told(gateway: RunningGateway) -> Stage:
    made = gateway.served.gateway
    stage = Stage(gateway.home, tuple(made.vkeys.values()), Output())
    await exchange(stage, DELIVERED)
    async with stage.party("toezicht") as supervisor:
        await verify_log(stage, supervisor, made.vkey)
    return stage


@pytest.mark.proof
async def test_every_claim_holds_the_first_time_and_again(
    postgres: TestServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_gateway(postgres, push_private=True) as gateway:
        # Some steps are commands, which find the database as an operator's would.
        monkeypatch.setenv("SLUIS_DATABASE_URL", str(gateway.served.settings.database_url))
        for is_repeat in (False, True):
            stage = await told(gateway)
            assert stage.is_repeat is is_repeat
            assert [claim for claim, holds in stage.story.claims if not holds] == []
            assert stage.story.held
            text = capsys.readouterr().out
            assert "\x1b" not in text
            steps = re.split(r"^\d+\. ", text, flags=re.MULTILINE)[1:]
            assert len(steps) == len(stage.story.seconds) == 16
            assert max(len(step.splitlines()) for step in steps) <= PAGE
