"""The baseline's tables, as an ORM maps them: a referral, its members, an audit row, a queue row.

Everything stands in clear, in one row each, and nothing is proved. That is the point of comparison.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import DateTime, ForeignKey, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from schemas.referral import Member, Referral

RECIPIENT = "casebook"


class Base(DeclarativeBase):
    """The baseline's tables."""

    type_annotation_map = {datetime: DateTime(timezone=True), dict[str, Any]: JSONB}  # noqa: RUF012 - SQLAlchemy's own form


class ReferralRow(Base):
    """One referral with its household."""

    __tablename__ = "aanmelding"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    afzender: Mapped[str]
    kenmerk: Mapped[str] = mapped_column(unique=True)
    aangemeld_op: Mapped[date]
    grondslag: Mapped[str | None]
    postcode: Mapped[str | None]
    straatnaam: Mapped[str | None]
    huisnummer: Mapped[int | None]
    huisnummertoevoeging: Mapped[str | None]
    telefoonnummer: Mapped[str | None]
    geheimhouding: Mapped[bool]
    toelichting: Mapped[str | None]
    ontvangen_op: Mapped[datetime] = mapped_column(server_default=func.now())
    leden: Mapped[list[MemberRow]] = relationship(order_by="MemberRow.volgnummer")


class MemberRow(Base):
    """One member."""

    __tablename__ = "lid"

    aanmelding_id: Mapped[UUID] = mapped_column(ForeignKey("aanmelding.id"), primary_key=True)
    volgnummer: Mapped[int] = mapped_column(primary_key=True)
    rol: Mapped[str]
    burgerservicenummer: Mapped[str | None] = mapped_column(index=True)
    voorletters: Mapped[str | None]
    voorvoegsel: Mapped[str | None]
    achternaam: Mapped[str | None]
    geboortedatum: Mapped[str | None]
    geslacht: Mapped[str | None]
    participatietrede: Mapped[int | None]
    zrm: Mapped[dict[str, Any] | None]
    instemming: Mapped[dict[str, Any] | None]


class AuditRow(Base):
    """One line of the audit trail."""

    __tablename__ = "auditregel"

    id: Mapped[int] = mapped_column(primary_key=True)
    moment: Mapped[datetime] = mapped_column(server_default=func.now())
    gebeurtenis: Mapped[str]
    partij: Mapped[str]
    aanmelding_id: Mapped[UUID] = mapped_column(ForeignKey("aanmelding.id"))
    bijzonderheden: Mapped[dict[str, Any]]
    aanmelding: Mapped[ReferralRow] = relationship()


class QueueRow(Base):
    """One place in a recipient's mailbox."""

    __tablename__ = "postvak"

    positie: Mapped[int] = mapped_column(primary_key=True)
    ontvanger: Mapped[str] = mapped_column(index=True)
    aanmelding_id: Mapped[UUID] = mapped_column(ForeignKey("aanmelding.id"))
    aanmelding: Mapped[ReferralRow] = relationship()


def rows_of(message: Referral, sender: str) -> tuple[ReferralRow, AuditRow, QueueRow]:
    """A message as rows: the referral with its members, its audit line and its queue place."""
    home = message.household
    referral = ReferralRow(
        id=uuid4(),
        afzender=sender,
        kenmerk=message.reference,
        aangemeld_op=message.referred_on,
        grondslag=message.ground,
        postcode=home.postcode,
        straatnaam=home.street,
        huisnummer=home.house_number,
        huisnummertoevoeging=home.house_number_suffix,
        telefoonnummer=home.phone,
        geheimhouding=home.address_is_secret,
        toelichting=message.note,
        leden=[_member_row(number, member) for number, member in enumerate(home.members)],
    )
    audit = AuditRow(
        gebeurtenis="toegelaten",
        partij=sender,
        aanmelding=referral,
        bijzonderheden={"ontvanger": RECIPIENT, "leden": len(home.members)},
    )
    return referral, audit, QueueRow(ontvanger=RECIPIENT, aanmelding=referral)


def _member_row(number: int, member: Member) -> MemberRow:
    zrm, agreement = member.zrm, member.agreement
    return MemberRow(
        volgnummer=number,
        rol=member.role,
        burgerservicenummer=None if member.bsn is None else member.bsn.reveal(),
        voorletters=member.initials,
        voorvoegsel=member.prefix,
        achternaam=member.surname,
        geboortedatum=None if member.birth_date is None else member.birth_date.reveal(),
        geslacht=member.sex,
        participatietrede=member.ladder,
        zrm=None if zrm is None else zrm.model_dump(mode="json", by_alias=True),
        instemming=None if agreement is None else agreement.model_dump(mode="json", by_alias=True),
    )
