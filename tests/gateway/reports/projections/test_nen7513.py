"""NEN 7513: for each field that the norm asks of an event, where it stands in a line.

Fields by the concept extension of Logboek Dataverwerkingen (specificatie.md) and, for what must be
answerable, the norm's own minimum: which event, when, about which client, by which user, on whose
responsibility. docs/log-standards.md repeats the table; `test_the_page_has_this_table` holds them
together.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gateway.audit.access import ACCESS_ACTIVITY, Action, Actor, ActorKind
from gateway.reports.projections.lines import Line, Status
from tests.gateway.reports.projections.logged import ANNE, BRAM, SOURCE, access, leaf, lines

PAGE = Path(__file__).parents[4] / "docs" / "log-standards.md"


class Field(NamedTuple):
    """A field of the norm, where it stands, and what it must be for `MADE`."""

    name: str
    place: str
    read: Callable[[Line], object]
    expected: object


MADE = access(Action.READ, Actor(ActorKind.OFFICER, "fg", "sleutel-1"), [ANNE])


def _user(line: Line) -> Any:
    users = line.attributes["dpl.nen7513.users"]
    assert isinstance(users, list)
    (user,) = users
    return user


def _participant(line: Line, code: str) -> Any:
    found = line.attributes["dpl.nen7513.participants"]
    assert isinstance(found, list)
    return next(one for one in found if one["participantObjectTypeCode"] == code)


FIELDS = (
    Field("EventID", "`dpl.core.processing_activity_id`",
          lambda line: line.attributes["dpl.core.processing_activity_id"],
          SOURCE.links.activity(ACCESS_ACTIVITY)),
    Field("EventActionCode", "`name`", lambda line: line.name, "R"),
    Field("EventDateTime", "`start_time`", lambda line: line.start_time, 1764068470669),
    Field("EventOutcomeIndicator", "`status`", lambda line: line.status, Status.OK),
    Field("EventTypeCode", "`dpl.nen7513.eventTypeCode`",
          lambda line: line.attributes["dpl.nen7513.eventTypeCode"], "log.search"),
    Field("UserID", "`users[].userID`", lambda line: _user(line)["userID"], "fg"),
    Field("AlternateUserID", "`users[].alternateUserID`",
          lambda line: _user(line)["alternateUserID"], "sleutel-1"),
    Field("UserIsRequestor", "`users[].userIsRequestor`",
          lambda line: _user(line)["userIsRequestor"], True),
    Field("RoleIDCode", "`users[].roleIDCode`",
          lambda line: _user(line)["roleIDCode"], "functionaris"),
    Field("PurposeOfUse", "`users[].purposeOfUse`",
          lambda line: _user(line)["purposeOfUse"], "klacht (zaak 2026-17)"),
    Field("AuditEnterpriseSiteID", "`resource`",
          lambda line: line.resource["nen7513.AuditEnterpriseSiteID"],
          "urn:nld:oin:00000099000000001000"),
    Field("AuditSourceID", "`resource`",
          lambda line: line.resource["nen7513.AuditSourceId"], "sluis"),
    Field("AuditSourceTypeCode", "`resource`",
          lambda line: line.resource["nen7513.AuditSourceTypeCode"], "4"),
    Field("ParticipantObjectTypeCode", "`participants[].participantObjectTypeCode`",
          lambda line: _participant(line, "1")["participantObjectTypeCode"], "1"),
    Field("ParticipantObjectTypeCodeRole", "`participants[].participantObjectTypeCodeRole`",
          lambda line: _participant(line, "1")["participantObjectTypeCodeRole"], "1"),
    Field("ParticipantObjectDataLifeCycle", "`participants[].participantObjectDataLifeCycle`",
          lambda line: _participant(line, "1")["participantObjectDataLifeCycle"], "6"),
    Field("ParticipantObjectIDTypeCode",
          "`dpl.core.data_subject_id_type`, `participants[].participantObjectIDTypeCode`",
          lambda line: line.attributes["dpl.core.data_subject_id_type"],
          "urn:sluis:pseudoniem:ldv"),
    Field("ParticipantObjectID",
          "`dpl.core.data_subject_id`, `participants[].participantObjectID`",
          lambda line: (line.attributes["dpl.core.data_subject_id"],
                        _participant(line, "1")["participantObjectID"]),
          (SOURCE.pseudonyms.of(ANNE),) * 2),
)  # fmt: skip
LEFT_OUT = (
    "UserName", "NetworkAccessPointTypeCode", "NetworkAccessPointID", "ParticipantObjectName",
    "ParticipantObjectDetail", "ParticipantObjectDescription", "ParticipantObjectSensitivity",
    "ParticipantObjectPermissionPolicySet", "Autorisatieprotocol", "Behandelrelatieprotocol",
    "Toestemmingsprofiel", "Controles",
)  # fmt: skip
"""Fields that we do not fill; the page says why of each."""


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_the_field_stands_where_the_extension_has_it(field: Field) -> None:
    (line,) = lines(MADE)
    assert field.read(line) == field.expected


def test_the_page_has_this_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    section = page.split("## NEN 7513", 1)[1].split("\n## ", 1)[0]
    for field in FIELDS:
        assert f"| {field.name} | {field.place} |" in section, field.name
    for name in LEFT_OUT:
        assert f"| {name} | not filled |" in section, name


@pytest.mark.parametrize("action", list(Action))
def test_the_action_is_the_norms_code(action: Action) -> None:
    (line,) = lines(access(action))
    assert line.name == action.value
    assert line.name in "CRUDE"


def test_what_was_refused_or_failed_is_told_as_such() -> None:
    (line,) = lines(access(is_error=True))
    assert line.status is Status.ERROR
    assert line.attributes["exception.type"] == "403"


def test_an_act_about_two_persons_has_a_line_for_each() -> None:
    first, anne, bram = lines(access(subjects=[ANNE, BRAM]))
    assert not first.is_about_a_person
    assert first.span_id == "00f067aa0ba902b7"  # the act's own, which other logs name
    assert {anne.parent_span_id, bram.parent_span_id} == {first.span_id}


def test_what_was_acted_on_is_a_participant_too() -> None:
    (line,) = lines(access())
    target = _participant(line, "2")
    assert target["participantObjectIDTypeCode"] == "partner"
    assert target["participantObjectID"] == "dwi"


def test_no_line_of_the_processing_log_bears_an_attribute_of_the_extension() -> None:
    """It is a concept; attributes of what is not adopted may not be used (LDV, attributes)."""
    for line in lines(leaf(subjects=[ANNE, BRAM])):
        names = [*line.attributes, *line.resource]
        assert not [name for name in names if "nen7513" in name]
