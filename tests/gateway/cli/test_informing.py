from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from gateway.cli import informing
from gateway.cli.failures import Failure

EXAMPLE = str(Path(__file__).parents[3] / "consent/protocols/samen-doen-voorbeeld.toml")


def told(*arguments: str) -> None:
    app = typer.Typer()
    informing.register(app)
    app(args=[EXAMPLE, *arguments], standalone_mode=False)


def test_one_flow_is_told_in_the_language_asked(capsys: pytest.CaptureFixture[str]) -> None:
    told("--flow", "dwi-aanmelding", "--lang", "en", "--name", "casebook=the team")

    out = capsys.readouterr().out
    assert out.startswith("# We want to refer you to the team\n")
    assert out.count("\n# ") == 0


def test_a_party_that_residents_would_read_as_its_id_is_asked_a_name_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told("--flow", "dwi-aanmelding", "--name", "casebook=het wijkteam")
    assert capsys.readouterr().err.rstrip().endswith("name it: --name dwi=...")
    told("--flow", "dwi-aanmelding", "--name", "casebook=het wijkteam", "--name", "dwi=Werk")
    assert capsys.readouterr().err == ""


def test_a_file_a_flow_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told("--out", str(tmp_path / "teksten"))

    names = {path.name for path in (tmp_path / "teksten").iterdir()}
    assert len(names) == 25
    assert "ggz-aanmelding.nl.md" in names
    assert not [name for name in names if "veilig-thuis" in name or "-gi" in name]
    assert "square brackets" in capsys.readouterr().err


def test_with_json_the_texts_are_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    told("--flow", "ggz-aanmelding", "--json")

    (text,) = json.loads(capsys.readouterr().out)["texts"]
    assert (text["flow"], text["language"]) == ("ggz-aanmelding", "nl")
    assert text["text"].startswith("# Wij willen u aanmelden bij casebook\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--flow", "dwi"], "the protocol has no flow dwi"),
        (["--flow", "casebook-informatie-gi"], "residents get no text on it"),
        (["--name", "casebook"], "a name reads ID=NAME"),
        (["--name", "buurman=Jan"], "the protocol names no party buurman"),
    ],
)
def test_what_cannot_be_told_names_a_remedy(arguments: list[str], message: str) -> None:
    with pytest.raises(Failure) as caught:
        told(*arguments)
    assert message in caught.value.message
    assert caught.value.remedy
