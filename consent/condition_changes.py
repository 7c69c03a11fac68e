"""What changes in a flow's terms, conditions and exceptions, and in the papers it rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from consent.change import Change, Direction, direction_of, label_of, more_is_wider, replaced
from consent.labels import Label
from consent.protocol import EmergencyRule, Flow, ProtectedRule, Protection, Protocol


def term_changes(was: Flow, now: Flow) -> Iterator[Change]:
    then, here = was.retention, now.retention
    for key, label, before, after in (
        (
            "aangehoudenDagen",
            Label("Wat op instemming wacht, blijft", "What waits for agreement is kept"),
            then.hold_days,
            here.hold_days,
        ),
        (
            "nietOpgehaaldDagen",
            Label("Wat niet wordt opgehaald, blijft", "What nobody fetches is kept"),
            then.unclaimed_days,
            here.unclaimed_days,
        ),
        (
            "naOntvangstDagen",
            Label("Na ontvangst blijft de inhoud", "After receipt content is kept"),
            then.after_receipt_days,
            here.after_receipt_days,
        ),
    ):
        if before != after:
            told = Label(
                f"{label.nl} {after} dagen in de gateway; dat was {before}.",
                f"{label.en} {after} days in the gateway; it was {before}.",
            )
            yield Change(f"bewaren.{key}", more_is_wider(before, after), told)


def condition_changes(was: Flow, now: Flow) -> Iterator[Change]:
    if set(was.admitted_grounds) != set(now.admitted_grounds):
        # None listed means that any will do.
        is_wider = not now.admitted_grounds or (
            bool(was.admitted_grounds) and set(was.admitted_grounds) < set(now.admitted_grounds)
        )
        is_narrower = not was.admitted_grounds or (
            bool(now.admitted_grounds) and set(now.admitted_grounds) < set(was.admitted_grounds)
        )
        listed = ", ".join(now.admitted_grounds)
        told = Label(
            f"Aanmelden mag onder: {listed or 'elke wet'}.", f"Admitted laws: {listed or 'any'}."
        )
        direction = direction_of(is_wider=is_wider, is_narrower=is_narrower)
        yield Change("toegelatenGrondslagen", direction, told)
    for path in sorted(set(now.required) ^ set(was.required)):
        is_new, label = path in now.required, label_of(path)
        told = Label(
            f"{'Voortaan' if is_new else 'Niet langer'} verplicht: {label.nl}.",
            f"Required {'from now on' if is_new else 'no longer'}: {label.en}.",
        )
        yield Change("verplicht", Direction.NARROWS if is_new else Direction.WIDENS, told)
    if was.secret_address_admitted != now.secret_address_admitted:
        goes = now.secret_address_admitted
        told = Label(
            f"Een geheim adres gaat {'voortaan' if goes else 'niet langer'} mee.",
            f"A secret address {'will go' if goes else 'no longer goes'} along.",
        )
        direction = Direction.WIDENS if goes else Direction.NARROWS
        yield Change("geheimAdresToegelaten", direction, told)


def exception_changes(was: Flow, now: Flow) -> Iterator[Change]:
    if was.protection != now.protection:
        yield _protection(was.protection, now.protection)
    if was.emergency == now.emergency:
        return
    if now.emergency is None:
        gone = Label("Noodverstrekking kan niet meer.", "Emergency release is gone.")
        yield Change("nood", Direction.NARROWS, gone)
        return
    yield _emergency(was.emergency, now.emergency)


def _protection(was: ProtectedRule | None, now: ProtectedRule | None) -> Change:
    article = "" if now is None else f" ({now.article})"
    told = _PROTECTED[None if now is None else now.when]
    then, here = (0 if rule is None else _REACH[rule.when] for rule in (was, now))
    sentence = Label(f"{told.nl}{article}.", f"{told.en}{article}.")
    return Change("bescherming", more_is_wider(then, here), sentence)


_REACH = {Protection.PROFESSIONAL: 1, Protection.ALWAYS: 2}
_PROTECTED = {
    None: Label(
        "Buiten het huishouden om kan hier niets", "Nothing goes unknown to the household here"
    ),
    Protection.PROFESSIONAL: Label(
        "Een professional kan vragen dat een bericht buiten het huishouden om gaat",
        "A professional can ask that a message goes unknown to the household",
    ),
    Protection.ALWAYS: Label(
        "Elk bericht gaat buiten het huishouden om", "Every message goes unknown to the household"
    ),
}


def _emergency(was: EmergencyRule | None, now: EmergencyRule) -> Change:
    paths = [label_of(path) for path in now.fields]
    steps = ", ".join(map(str, now.steps))
    sentence = Label(
        f"Noodverstrekking kan bij stap {steps} van de meldcode, ten hoogste {now.hours} uur, met:"
        f" {', '.join(path.nl for path in paths)}; beoordeling binnen {now.review_days} dagen"
        f" ({now.article}).",
        f"Emergency release at step {steps} of the meldcode, at most {now.hours} hours, with:"
        f" {', '.join(path.en for path in paths)}; review within {now.review_days} days"
        f" ({now.article}).",
    )
    direction = direction_of(
        is_wider=was is None or _has_more(now, was),
        is_narrower=was is not None and _has_more(was, now),
    )
    return Change("nood", direction, sentence)


def _has_more(one: EmergencyRule, other: EmergencyRule) -> bool:
    return bool(
        set(one.fields) - set(other.fields)
        or set(one.steps) - set(other.steps)
        or one.hours > other.hours
        or one.review_days > other.review_days
    )


def paper_changes(was: Flow, now: Flow, old: Protocol, new: Protocol) -> Iterator[Change]:
    """What a flow rests on and is called: its papers rather than its data."""
    plain: list[tuple[str, Label, Callable[[Flow], str | None]]] = [
        ("id", Label("De naam van de stroom", "The flow's name"), lambda flow: flow.id),
        ("doel", Label("Het doel", "The purpose"), lambda flow: flow.purpose),
        (
            "verwerkingsverantwoordelijke",
            Label("De verwerkingsverantwoordelijke", "The controller"),
            lambda flow: flow.controller,
        ),
        ("verwerker", Label("De verwerker", "The processor"), lambda flow: flow.processor),
        (
            "verwerkersovereenkomst",
            Label("De verwerkersovereenkomst", "The processor's agreement"),
            lambda flow: flow.processor_agreement,
        ),
        ("overeenkomst", Label("De overeenkomst", "The covenant"), lambda flow: flow.covenant),
        (
            "verwerkingsactiviteit",
            Label("De verwerkingsactiviteit", "The processing activity"),
            lambda flow: flow.processing_activity,
        ),
        (
            "koppelgroep",
            Label("De koppelgroep van pseudoniemen", "The linkage group of pseudonyms"),
            lambda flow: flow.linkage_group,
        ),
        (
            "eersteContactDagen",
            Label("Eerste contact binnen (dagen)", "First contact within (days)"),
            lambda flow: None if flow.first_contact_days is None else str(flow.first_contact_days),
        ),
    ]
    for topic, label, read in plain:
        before, after = read(was), read(now)
        if before != after:
            # Whoever processes for a party gets to see what it gets.
            is_wider = topic == "verwerker" and before is None
            is_narrower = topic == "verwerker" and after is None
            direction = direction_of(is_wider=is_wider, is_narrower=is_narrower)
            yield replaced(topic, label, _or_none(before), _or_none(after), direction)
    if was.purpose != now.purpose and now.locks.agreement.required:
        told = Label(
            "Instemming met het oude doel telt niet voor het nieuwe.",
            "Agreement to the old purpose does not count for the new one.",
        )
        yield Change("sloten.instemming", Direction.NARROWS, told)
    then, here = old.purposes[was.purpose], new.purposes[now.purpose]
    if then.description != here.description:
        yield replaced(
            "doel.omschrijving",
            Label("De omschrijving van het doel", "The purpose's description"),
            Label(then.description, then.description),
            Label(here.description, here.description),
        )
    for name in now.agreements:
        signed, before_it = new.covenants[name], old.covenants.get(name)
        if before_it is not None and before_it != signed:
            dates = f"{signed.starts} tot en met {signed.ends}"
            told = Label(
                f"{signed.title} loopt van {dates}, tussen {', '.join(signed.parties)}.",
                f"{signed.title} runs {signed.starts} to {signed.ends}, between"
                f" {', '.join(signed.parties)}.",
            )
            is_wider = signed.ends > before_it.ends or signed.starts < before_it.starts
            is_narrower = signed.ends < before_it.ends or signed.starts > before_it.starts
            direction = direction_of(is_wider=is_wider, is_narrower=is_narrower)
            yield Change("overeenkomst", direction, told)


def _or_none(text: str | None) -> Label:
    return Label("geen", "none") if text is None else Label(text, text)
