"""`sluis template` writes what its adapter makes, and never over what is there."""

from datetime import date
from pathlib import Path

import pytest
import typer

from adapters.registry import ADAPTERS
from gateway.cli import template
from gateway.cli.failures import Failure
from tests.adapters.feeding import outcomes, read


def run(*arguments: str) -> None:
    app = typer.Typer()
    template.register(app)
    app([*arguments], standalone_mode=False)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("leeg.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("leeg.CSV", "text/csv"),
    ],
)
def test_a_template_is_written_and_its_example_is_no_referral(
    tmp_path: Path, name: str, media_type: str
) -> None:
    file = tmp_path / name
    run(str(file))
    reader = ADAPTERS["professional"].readers[media_type](date(2026, 1, 1))
    assert outcomes(read(reader, file.read_bytes())) == [(2, "VOORBEELD-1")]
    beside = {path.name for path in tmp_path.iterdir()} - {name}
    assert beside == ({"leeg-uitleg.txt"} if media_type == "text/csv" else set())


def test_another_kind_of_file_is_said_to_be_neither(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"neither \.xlsx nor \.csv"):
        run(str(tmp_path / "leeg.pdf"))


@pytest.mark.parametrize("there", ["leeg.csv", "leeg-uitleg.txt"])
def test_what_is_there_is_left_alone(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("van iemand")
    with pytest.raises(Failure) as failure:
        run(str(tmp_path / "leeg.csv"))
    assert failure.value.status == 2
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "van iemand"


def test_another_kind_of_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="xlsx"):
        run(str(tmp_path / "leeg.ods"))
    assert not list(tmp_path.iterdir())
