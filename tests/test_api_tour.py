"""docs/api.md does what it says: every command is run against a gateway, every answer compared.

Identifiers, moments, hashes and cursors differ from run to run; all else must be as printed.
"""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from pydantic import TypeAdapter

from gateway.client.logbook import InclusionProof
from gateway.client.mailbox import json_page
from schemas.consents import AuthorityReceipt, ConsentReceipt
from schemas.corrections import CorrectionReceipt
from schemas.deliveries import DeliveryReport, RecordOutcome
from schemas.notices import HeldPage
from schemas.receipts import Answer
from tests.support.database import TestServer
from tests.support.parties import SLUIS
from tests.support.running_gateway import RunningGateway, running_gateway

PAGE = (Path(__file__).parents[1] / "docs" / "api.md").read_text(encoding="utf-8")
MARK = "=== block ==="
PATIENCE = 120.0


class Block(NamedTuple):
    """A fenced block: its language, the model that it names, its text."""

    language: str
    model: str
    text: str


BLOCKS = [
    Block(*found) for found in re.findall(r"^```(\w*) ?(\w*)\n(.*?)^```", PAGE, re.DOTALL | re.M)
]
COMMANDS = [block.text for block in BLOCKS if block.language == "sh"]

MODELS: dict[str, Callable[[str], object]] = {
    "Answer": Answer.model_validate_json,
    "AuthorityReceipt": AuthorityReceipt.model_validate_json,
    "ConsentReceipt": ConsentReceipt.model_validate_json,
    "DeliveryReport": DeliveryReport.model_validate_json,
    "CorrectionReceipt": CorrectionReceipt.model_validate_json,
    "HeldPage": HeldPage.model_validate_json,
    "InclusionProof": InclusionProof.model_validate_json,
    "Outcomes": lambda text: TypeAdapter(list[RecordOutcome]).validate_python(
        json.loads(text)["uitkomsten"]
    ),
    "Page": lambda text: json_page(httpx.Response(200, text=text)),
}

_VARYING = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z"
    r"|[A-Za-z0-9+/_-]{22,}={0,2}"
)


def masked(text: str) -> str:
    """The text with what differs from run to run left out; JSON without its layout."""
    text = text.strip().removeprefix("\ufeff").replace("\r\n", "\n")
    if text.startswith("{"):
        text = json.dumps(json.loads(text), ensure_ascii=False)
    # An origin is long enough to look like a hash, and is always the same.
    kept = text.replace("sluis/00000099000000001000/verwerkingen", "ORIGIN")
    kept = re.sub("ORIGIN/[0-9]{4}", "ORIGIN/YEAR", kept)
    return _VARYING.sub("...", kept)


def followers() -> list[tuple[int, Block]]:
    """What is printed right after a block of commands, with that block's number."""
    shown = [after for before, after in pairwise(BLOCKS) if before.language == "sh"]
    answers = ("", "csv", "json")
    return [(number, block) for number, block in enumerate(shown) if block.language in answers]


@pytest.fixture
async def gateway(postgres: TestServer) -> AsyncIterator[RunningGateway]:
    async with running_gateway(postgres) as running:
        yield running


async def run_all(gateway: RunningGateway, folder: Path) -> list[str]:
    """What each block of commands prints, run one after the other in one shell."""
    for program in ("bash", "curl", "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not there: the commands of docs/api.md were not run")
    sluis = " ".join(f"'{word}'" for word in SLUIS)
    head = f'set -eu\nsluis() {{ {sluis} "$@"; }}\nGATEWAY={gateway.base_url}\n'
    script = head + "".join(f"echo '{MARK}'\n{block}\necho\n" for block in COMMANDS)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SLUIS_HOME": str(gateway.home),
    }
    shell = await asyncio.create_subprocess_exec(
        "bash", "-c", script, cwd=folder, env=environment, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE):
        printed, _ = await shell.communicate()
    assert shell.returncode == 0, printed.decode()
    return printed.decode().split(f"{MARK}\n")[1:]


async def test_every_command_of_the_tour_gives_what_is_printed_beside_it(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    printed = await run_all(gateway, tmp_path)

    assert len(printed) == len(COMMANDS)
    assert len(followers()) == 14
    for number, block in followers():
        assert masked(printed[number]) == masked(block.text), COMMANDS[number]
        if block.model:
            MODELS[block.model](printed[number])


@pytest.mark.parametrize(
    "block", [b for b in BLOCKS if b.language == "json"], ids=lambda b: b.model
)
def test_every_json_example_is_valid(block: Block) -> None:
    assert json.loads(block.text)
    if block.model:
        MODELS[block.model](block.text)


def test_every_model_that_a_partner_reads_has_an_example() -> None:
    assert {block.model for block in BLOCKS if block.language == "json"} == {*MODELS, ""}


async def test_the_program_that_asks_a_token_gets_one(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    (program,) = (block.text for block in BLOCKS if block.language == "python")
    (tmp_path / "get_token.py").write_text(program, encoding="utf-8")
    folder = gateway.home / "partners" / "dwi"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "get_token.py", str(folder), cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE):
        printed, _ = await process.communicate()

    async with gateway.stranger() as http:
        bearer = {"Authorization": f"Bearer {printed.decode().strip()}"}
        assert (await http.get("/v1/protocol", headers=bearer)).status_code == 200


async def test_every_route_is_listed(gateway: RunningGateway) -> None:
    async with gateway.stranger() as http:
        described = (await http.get("/v1/openapi.json")).json()["paths"]

    routes = {f"{verb.upper()} /v1{path}" for path, verbs in described.items() for verb in verbs}
    row = r"^\| `((?:GET|POST|PATCH|DELETE|HEAD|OPTIONS) \S+)` \|"
    listed = re.findall(row, PAGE, re.MULTILINE)
    assert sorted(listed) == sorted({*routes, "POST /oauth/token"})
