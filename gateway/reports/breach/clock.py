"""The 72 hours of GDPR article 33(1): from becoming aware of a breach, and they never pause.

Nights, weekends and holidays count; Regulation 1182/71 may give a few hours more, and nobody should
plan on those. A notification may be made in parts (article 33(4)), so that what is not known yet is
no reason to wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

TERM = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Clock:
    """When a breach was discovered, and what is left at a moment."""

    discovered_at: datetime
    now: datetime

    @property
    def until(self) -> datetime:
        """The last moment to notify without having to explain why it was late."""
        return self.discovered_at + TERM

    @property
    def is_over(self) -> bool:
        return self.now > self.until

    @property
    def told(self) -> str:
        """What is left, in Dutch."""
        hours, minutes = self._left
        span = f"{hours} uur en {minutes} minuten"
        return f"{span} te laat" if self.is_over else f"nog {span}"

    @property
    def told_in_english(self) -> str:
        """What is left, as the command says it."""
        hours, minutes = self._left
        return f"{hours} h {minutes} min {'late' if self.is_over else 'left'}"

    @property
    def _left(self) -> tuple[int, int]:
        """Hours and minutes until the end, or since."""
        return divmod(abs(int((self.until - self.now).total_seconds())) // 60, 60)
