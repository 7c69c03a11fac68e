"""What `sluis recover` shows: what was lost, what there is to mend it with, and what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.audit.freshness import Lost
from gateway.audit.reopening import Reopened
from gateway.cli.output import Output, amount
from gateway.exchange.narrowing import Narrowing
from gateway.vault.journal_reading import Fault

_KINDS: Mapping[str, str] = {
    "nee": "refusals and withdrawals",
    "correctie": "restrictions, objections, corrections",
    "geheim-adres": "addresses that became secret",
    "gezag": "statements on authority",
    "veilig-contact": "safe contacts",
    "vernietiging": "erasures",
    "registratie-beeindigd": "registrations that ended",
    "schorsing": "suspensions of partners",
    "sleutel-beeindigd": "keys of partners that were ended",
}
_FAULTS: Mapping[str, str] = {
    "line-damaged": "does not open: edited, damaged, or sealed under other keys",
    "line-missing": "does not follow on the line before: something between them is gone",
    "head-damaged": "has no head that says what it follows on",
    "file-missing": "does not follow on the file before: a file, or an end of one, is gone",
    "line-unknown": "was written by a newer version of Sluis",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What is the matter with this database, and what there is to mend it with."""

    lost: list[Lost]
    acts: list[Narrowing]
    missing: Counter[str]
    faults: list[Fault]


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was done about it; `stopped` are the partners that nothing is brought any more."""

    reopened: Sequence[Reopened] = ()
    done: Counter[str] = field(default_factory=Counter)
    stopped: Sequence[str] = ()


NOTHING_DONE = Recovered()


def show_found(found: Found, output: Output) -> None:
    if found.lost:
        output.say("This database is older than what was published of it.", style="bold")
        output.table(
            ("Log", "Published#", "Put back#", "Lost#", ""),
            [
                (
                    one.published.origin,
                    amount(one.published.size),
                    amount(one.restored),
                    amount(one.entries),
                    "other entries than were published" if one.is_forked else "",
                )
                for one in found.lost
            ],
        )
        output.say()
    if found.missing:
        output.say("Lines of the journal that are not in it:", style="bold")
        output.table(
            ("Acts", "Lines#"),
            [(_KINDS.get(kind, kind), amount(n)) for kind, n in sorted(found.missing.items())],
        )
        output.say()
    for fault in found.faults:
        place = f"{fault.file}, line {fault.number}" if fault.number else fault.file
        output.say(f"{place} {_FAULTS.get(fault.rule, fault.rule)}", style="yellow")


def show_done(recovered: Recovered, output: Output) -> None:
    output.table(
        ("Log", "Published#", "Goes on from#", "In volume"),
        [
            (one.origin, amount(one.published), amount(one.restored), one.volume)
            for one in recovered.reopened
        ],
    )
    output.say()
    output.table(
        ("Done again", "Acts#"),
        [
            (_KINDS.get(kind, kind), amount(number))
            for kind, number in sorted(recovered.done.items())
        ],
    )
    output.say()
    output.say("Recovered: the gateway serves this database again.", style="green")
    output.say("What no journal holds has to be said or sent again:")
    for told in (
        "messages since the backup: their senders' receipts name them (`sluis log reconcile`)",
        "agreements and registrations since the backup, which their partners recorded",
        "new partners, keys, endpoints, successions, officers, protocol versions: see their lists",
    ):
        output.say(f"  - {told}")
    if recovered.stopped:
        output.say(f"Nothing is brought to {', '.join(recovered.stopped)} until you started it:")
        output.say(
            "compare the address and key (`sluis partner endpoint`), then `sluis push start`."
        )


def as_json_of(found: Found, recovered: Recovered = NOTHING_DONE) -> dict[str, object]:
    return {
        "lost": [
            {
                "origin": one.published.origin,
                "published": one.published.size,
                "restored": one.restored,
                "lost": one.entries,
                "isForked": one.is_forked,
            }
            for one in found.lost
        ],
        "missing": dict(sorted(found.missing.items())),
        "faults": [
            {"file": one.file, "line": one.number, "rule": one.rule} for one in found.faults
        ],
        "volumes": {one.origin: one.volume for one in recovered.reopened},
        "done": dict(sorted(recovered.done.items())),
        "stoppedEndpoints": list(recovered.stopped),
    }
