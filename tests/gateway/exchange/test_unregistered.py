"""A party that the protocol names and nobody registered is refused like an unknown one."""

from __future__ import annotations

from tests.support.database import TestServer
from tests.support.messages import referral
from tests.support.running_gateway import running_gateway


async def test_invariant_09_a_recipient_that_nobody_registered_gets_nothing(
    postgres: TestServer,
) -> None:
    async with running_gateway(postgres) as gateway, gateway.partner("dwi") as dwi:
        async with gateway.pool.acquire() as connection, connection.transaction():
            await connection.execute("delete from mailbox_head where recipient = 'casebook'")
            await connection.execute("delete from partner_key where partner = 'casebook'")
            await connection.execute("delete from partner where id = 'casebook'")
            await connection.execute("update rules_generation set number = number + 1")
        answer = await dwi.post("/v1/aanmeldingen", json=referral())
        assert answer.status_code == 403
        assert answer.json()["antwoord"]["regel"] == "partner-geschorst"
        assert await gateway.count("mailbox") == 0
