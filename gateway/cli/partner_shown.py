"""How a partner that joins is shown: its steps, its certificate, and the letter as a file."""

from __future__ import annotations

from pathlib import Path

from gateway.cli.output import Output
from gateway.cli.partner_steps import Joining, letter, steps
from gateway.identity.certificates import Certificate


def show_steps(output: Output, joining: Joining) -> None:
    """What the partner must do, numbered."""
    output.say()
    output.say("What the partner must do:", "bold")
    for number, one in enumerate(steps(joining), start=1):
        output.say(f"{number}. {one.english}")
        for line in (*one.lines, *one.ours):
            output.say(f"     {line}")


def write_letter(path: Path, joining: Joining) -> None:
    """The same as a letter; never over another file."""
    with path.open("x", encoding="utf-8") as file:
        file.write(letter(joining))


def certificate_json(found: Certificate) -> dict[str, object]:
    """What a certificate says, and what was looked at."""
    return {
        "issuer": found.issuer,
        "expiresAt": found.expires_at.isoformat(),
        "thumbprint": found.thumbprint,
        "saysPkioverheid": found.says_pkioverheid,
        "isIssuedByGivenAuthorities": found.is_issued,
    }


def certificate_told(found: Certificate, authorities: Path | None) -> str:
    """The same for a person: what it says of itself is told as that."""
    says = "says that it is PKIoverheid" if found.says_pkioverheid else "does not say PKIoverheid"
    if found.is_issued:
        shown = f"an authority in {authorities} issued it"
    else:
        shown = "who issued it was not checked (--ca FILE does)"
    return f"Its certificate is by {found.issuer}; it {says}; {shown}."
