"""What a referral lacks, and what it cannot be: the checks that every format shares.

Lacking is the programme's reality (508 of 9,370 persons without a birth date at the end of 2013)
and is reported, never guessed at. A date after today is wrong: the record is refused. `today` is
given, so that reading again gives the same outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from schemas.deliveries import Finding, Problem
from schemas.referral import Member, Referral, Role


def examine(
    referral: Referral, lines: Sequence[int], today: date
) -> tuple[list[Finding], list[Finding]]:
    """What is wrong and what is missing; `lines` holds the line of each member."""
    wrong: list[Finding] = []
    missing: list[Finding] = []
    if referral.referred_on > today:
        wrong.append(Finding(lines[0], "aanmelding.aangemeldOp", Problem.IN_FUTURE))
    # Whose address is secret lacks nothing by keeping it: a list of it would tell on them.
    if referral.household.postcode is None and not referral.household.address_is_secret:
        missing.append(Finding(lines[0], "huishouden.postcode", Problem.MISSING))
    for member, line in zip(referral.household.members, lines, strict=True):
        _examine_identity(member, line, today, wrong, missing)
        _examine_measurement(member, line, today, wrong, missing)
    return wrong, missing


def _examine_identity(
    member: Member, line: int, today: date, wrong: list[Finding], missing: list[Finding]
) -> None:
    if member.bsn is None:
        missing.append(Finding(line, "lid.burgerservicenummer", Problem.MISSING))
    if member.surname is None:
        missing.append(Finding(line, "lid.achternaam", Problem.MISSING))
    born = member.birth_date
    if born is None:
        missing.append(Finding(line, "lid.geboortedatum", Problem.MISSING))
        return
    if not born.is_complete:
        missing.append(Finding(line, "lid.geboortedatum", Problem.INCOMPLETE))
    if born.earliest > (today.year, today.month, today.day):
        wrong.append(Finding(line, "lid.geboortedatum", Problem.IN_FUTURE))


def _examine_measurement(
    member: Member, line: int, today: date, wrong: list[Finding], missing: list[Finding]
) -> None:
    zrm = member.zrm
    if zrm is None:
        # The programme measures the person who is referred; a child without a score lacks nothing.
        if member.role is Role.APPLICANT:
            missing.append(Finding(line, "lid.zrm", Problem.MISSING))
    else:
        if not zrm.is_complete:
            missing.append(Finding(line, "lid.zrm", Problem.INCOMPLETE))
        if zrm.measured_on > today:
            wrong.append(Finding(line, "lid.zrm.gemetenOp", Problem.IN_FUTURE))
    if any(agreement.decided_on > today for agreement in member.agreements):
        wrong.append(Finding(line, "lid.instemming.op", Problem.IN_FUTURE))
    if any(authority.as_of > today for authority in member.authority):
        wrong.append(Finding(line, "lid.gezag.peildatum", Problem.IN_FUTURE))
