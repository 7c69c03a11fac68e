"""The monthly report as people and programs read it: a document, an object, a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from gateway.reports.access_report.findings import Finding
from gateway.reports.access_report.operations import operation_told
from gateway.reports.access_report.report import AccessReport
from gateway.reports.breach.scope import local
from gateway.reports.document import Block, Document, Paragraph, Section, Table, Tone

FORM = "sluis-toegangsrapport-v1"


def document_of(report: AccessReport) -> Document:
    """The report as a document."""
    waiting = [one for one in report.findings if one.asks]
    quiet = [one for one in report.findings if not one.asks]
    sections = [Section("In het kort", tuple(_at_a_glance(report)))]
    sections += [_section(one, is_first=True) for one in waiting]
    sections += [_section(one, is_first=False) for one in quiet]
    sections.append(Section("Wie handelde, en hoe vaak", (_totals(report),)))
    return Document(
        f"Toegang in {report.period.month}: wat u nakijkt", tuple(_lead(report)), sections
    )


def _lead(report: AccessReport) -> Iterator[Paragraph]:
    state = "" if report.is_over else " De maand is nog niet voorbij: dit is een tussenstand."
    yield Paragraph(
        f"Gemaakt op {local(report.made_at)} door {report.made_by}, uit het logboek toegang"
        f" ({_n(report.entries)} handelingen).{state}"
    )
    yield Paragraph(
        "Gebruikers en personen staan hier onder nummers die alleen in dit rapport gelden."
        " Beschermde uitwisselingen staan er niet in. Wilt u weten wie het is, vraag dan een"
        " specifiek rapport, met reden en zaak: dat is zelf een handeling in het logboek."
    )
    if report.own_acts:
        yield Paragraph(
            f"Van uzelf staan er {_n(report.own_acts)} handelingen in. Niemand kijkt zijn eigen"
            " werk na: laat een andere functionaris deze maand ook tekenen.",
            Tone.WARNING,
        )
    if report.not_reviewed:
        yield Paragraph(
            "Niet nagekeken: " + ", ".join(report.not_reviewed) + ". Een logboek dat niemand"
            " stelselmatig naloopt, beschermt niemand; de toezichthouder beboette een ziekenhuis"
            " daarvoor. Kijk deze maanden alsnog na, de oudste eerst.",
            Tone.WARNING,
        )


def _at_a_glance(report: AccessReport) -> Iterator[Block]:
    yield Table(
        "Lijsten in dit rapport",
        ("Lijst", "Regels#", "Wacht op u"),
        [
            (one.title, _n(len(one.rows) + one.more), "ja" if one.asks else "nee")
            for one in report.findings
        ],
    )
    if not report.reviews:
        yield Paragraph(
            "Deze maand is nog door niemand nagekeken."
            + (
                f" Klaar? sluis report access --month {report.period.month} --reviewed --finding"
                " geen|opvolgen|incident --as UW-NAAM"
                if report.is_over
                else " Dat kan als de maand voorbij is."
            ),
        )
    else:
        yield Table(
            "Nagekeken door",
            ("Functionaris", "Wanneer", "Bevinding", "Zaak", "Zelfde rapport"),
            [
                (
                    one.officer,
                    local(one.at),
                    one.finding,
                    one.case or "",
                    "ja" if one.is_same else "nee: kijk opnieuw",
                )
                for one in report.reviews
            ],
        )


def _section(one: Finding, *, is_first: bool) -> Section:
    tone = Tone.WARNING if is_first else Tone.PLAIN
    blocks: list[Block] = [
        Paragraph(one.why, tone),
        Paragraph(f"Wat erin staat: {one.threshold}"),
        Table(one.title, one.headings, shown_rows(one)) if one.rows else Paragraph("Geen."),
    ]
    if one.more:
        blocks.append(Paragraph(f"En nog {_n(one.more)} regels: zie --csv of --json."))
    return Section(one.title, tuple(blocks))


def shown_rows(one: Finding) -> list[tuple[str, ...]]:
    """Its rows, with Dutch words also for the acts that a digest has by their name."""
    return [
        tuple(
            operation_told(cell) if heading == "Handeling" else cell
            for heading, cell in zip(one.headings, row, strict=True)
        )
        for row in one.rows
    ]


def _totals(report: AccessReport) -> Table:
    return Table(
        "Handelingen per gebruiker",
        ("Wie", "Soort", "Handelingen#"),
        [(who, kind, _n(times)) for who, kind, times in report.totals],
    )


def object_of(report: AccessReport) -> dict[str, object]:
    """The report for programs."""
    return {
        "form": FORM,
        "month": report.period.month,
        "madeAt": report.made_at.isoformat(),
        "madeBy": report.made_by,
        "isOver": report.is_over,
        "entries": report.entries,
        "ownActs": report.own_acts,
        "digest": report.digest.hex(),
        "thresholds": {name: getattr(report.limits, name) for name in report.limits.told()},
        "notReviewed": list(report.not_reviewed),
        "reviews": [
            {
                "officer": one.officer,
                "at": one.at.isoformat(),
                "finding": one.finding,
                "case": one.case,
                "isSameReport": one.is_same,
            }
            for one in report.reviews
        ],
        "findings": [
            {
                "code": one.code,
                "title": one.title,
                "why": one.why,
                "threshold": one.threshold,
                "asks": one.asks,
                "headings": [heading.rstrip("#") for heading in one.headings],
                "rows": [list(row) for row in shown_rows(one)],
                "more": one.more,
            }
            for one in report.findings
        ],
        "totals": [{"who": who, "kind": kind, "acts": times} for who, kind, times in report.totals],
    }


def table_of(report: AccessReport) -> bytes:
    """The lists one under another: which list, then its cells."""
    lines = io.StringIO()
    writer = csv.writer(lines, delimiter=";")
    for one in report.findings:
        writer.writerow(("lijst", *(heading.rstrip("#") for heading in one.headings)))
        writer.writerows((one.code, *map(_safe, row)) for row in shown_rows(one))
    return lines.getvalue().encode("utf-8-sig")


def _safe(text: str) -> str:
    """A text that a spreadsheet takes for no formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _n(count: int) -> str:
    return f"{count:,}".replace(",", ".")
