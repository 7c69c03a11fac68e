"""What the commands of `sluis partner` take, said once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Kind(StrEnum):
    """What a partner is: one that exchanges, or one that supervises.

    `TOEZICHT_BESCHERMD` reads the log of protected exchanges as well.
    """

    KETEN = "keten"
    TOEZICHT = "toezicht"
    TOEZICHT_BESCHERMD = "toezicht-beschermd"


IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The partner's short name.")]
PemOption = Annotated[
    Path | None,
    typer.Option("--public-key", metavar="FILE", help="The partner's public key, PEM."),
]
JwkOption = Annotated[
    Path | None, typer.Option("--jwk", metavar="FILE", help="The partner's public key, JWK.")
]
CertificateOption = Annotated[
    Path | None,
    typer.Option(
        "--certificate", metavar="FILE", help="Its X.509 certificate: key, expiry and OIN."
    ),
]
CaOption = Annotated[
    Path | None,
    typer.Option("--ca", metavar="FILE", help="Authorities, PEM: one of them must have issued it."),
]
ContactOption = Annotated[
    str | None,
    typer.Option(help="Whom the partner calls: a desk, no person. Else who gave it the letter."),
]
LetterOption = Annotated[
    Path | None,
    typer.Option("--letter", metavar="FILE", help="Write what it must do as a letter, Markdown."),
]
DaysOption = Annotated[
    int, typer.Option("--valid-days", min=1, max=1100, help="How long the key is good for.")
]
