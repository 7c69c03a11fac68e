"""How a dossier speaks: in one language, to the person or to whom asks for them."""

from __future__ import annotations

from datetime import date, datetime

from consent.labels import Label, Language, category_label, field_label
from gateway.reports.dossier.authority import Capacity
from gateway.reports.dossier.contents import Dossier, Value
from gateway.reports.dossier.page import InDutch
from gateway.reports.dossier.values import HIDDEN
from gateway.reports.dossier.words import BSN, CODE, OWN, VALUES, day_told, moment_told

_CODED = (
    "aanmelding.grondslag",
    "aanmelding.wijkteam",
    "statusbericht.status",
    "statusbericht.afsluitreden",
    "verantwoording.status",
    "verantwoording.afsluitreden",
)
"""Fields whose values are codes, which read as words without their hyphens."""
_CHILD = (Capacity.PARENT, Capacity.GUARDIAN)


class Voice:
    """Says things in a language, with the names of the parties and of whom it is about."""

    def __init__(self, dossier: Dossier, language: Language) -> None:
        self.language = language
        self._names = dossier.parties
        capacity = dossier.capacity
        if capacity is Capacity.SELF:
            self.who, self.self_ = self._two("u", "you"), self._two("u zelf", "yourself")
            self.whose, self.of = self._two("uw gegevens", "your data"), ""
        else:
            is_child = capacity in _CHILD
            self.who = self._two("het kind", "the child") if is_child else self._person()
            self.self_ = self.who + self._two(" zelf", "")
            self.of = self._two(f" van {self.who}", f" of {self.who}")
            self.whose = self._two(f"de gegevens van {self.who}", f"the data of {self.who}")

    @property
    def is_dutch(self) -> bool:
        return self.language is Language.DUTCH

    def say(self, nl: str, en: str) -> str:
        """A sentence, with `{who}` and `{whose}` filled in."""
        return self._two(nl, en).replace("{who}", self.who).replace("{whose}", self.whose)

    def told(self, label: Label, **named: str) -> str:
        """A label, with names filled in."""
        text = label.told(self.language)
        for name, value in named.items():
            text = text.replace(f"{{{name}}}", value)
        return text[:1].upper() + text[1:] if text.startswith(tuple(named.values())) else text

    def dutch(self, text: str) -> str:
        """A text that is there in Dutch alone: the protocol's own."""
        return text if self.is_dutch else InDutch(text)

    def party(self, id_: str | None) -> str:
        """What a party is called."""
        if id_ is None:
            return self._two("niemand", "nobody")
        if id_ == "sluis":
            return self._two("de gegevenspoort", "the gateway")
        return self._names.get(id_, id_)

    def field(self, path: str) -> str:
        """What a field of the person is called."""
        own = OWN.get(path)
        return field_label(path, self.language) if own is None else self.told(own)

    def category(self, category: str) -> str:
        """What a category is called."""
        if category == "*":
            return self._two("alles", "everything")
        return category_label(category) if self.is_dutch else category

    def value(self, value: Value) -> str:
        """A value as people read it."""
        if value.value == HIDDEN:
            return self.told(CODE)
        if value.value.startswith(HIDDEN):
            return self.told(BSN, digits=value.value.removeprefix(HIDDEN))
        if value.value in VALUES:
            return self.told(VALUES[value.value])
        if value.path in _CODED:
            return value.value.replace("-", " ")
        try:
            return self.day(date.fromisoformat(value.value))
        except ValueError:
            return value.value

    def day(self, day: date) -> str:
        """A day."""
        return day_told(day, self.language)

    def moment(self, moment: datetime) -> str:
        """A moment, in Amsterdam."""
        return moment_told(moment, self.language)

    def _person(self) -> str:
        return self._two("deze persoon", "this person")

    def _two(self, nl: str, en: str) -> str:
        return nl if self.is_dutch else en


def capital(text: str) -> str:
    """The text with a capital."""
    return text[:1].upper() + text[1:]
