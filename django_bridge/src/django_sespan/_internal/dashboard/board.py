"""The whole board: cards, panels and states out of the answers; as texts, JSON and CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _

from django_sespan import errors
from django_sespan._internal.dashboard import api, codes, mail, transactions
from django_sespan._internal.dashboard.cards import Card, cards
from django_sespan._internal.dashboard.frame import Panel, Table
from django_sespan._internal.dashboard.steps import zone_of
from django_sespan._internal.flows.dashboard import Answers, failed

PANELS: Mapping[str, Callable[[Any], Panel]] = {
    "api_hits": api.hits_panel,
    "outcomes": api.outcomes_panel,
    "codes": codes.panel,
    "transactions": transactions.panel,
    "mail": mail.panel,
}
"""What is asked for → what makes its panel, in the order of the page."""

ASKED_FOR: Mapping[str, str] = {
    "api-hits": "api_hits",
    "api-hits-types": "api_hits",
    "outcomes": "outcomes",
    "outcomes-types": "outcomes",
    "codes": "codes",
    "codes-purposes": "codes",
    "transactions": "transactions",
    "tiers": "transactions",
    "mail": "mail",
}
"""Table → what must be asked for it."""


@dataclass(frozen=True)
class Board:
    """Everything on the page."""

    cards: list[Card]
    panels: list[Panel]
    queue: Panel
    queue_tone: str
    away: str
    nothing_yet: bool
    time_zone: str
    written_at: str

    @property
    def tables(self) -> dict[str, Table]:
        """Return the tables by their slugs."""
        return {t.slug: t for panel in (*self.panels, self.queue) for t in panel.tables}

    def charts(self) -> dict[str, Any]:
        """Return what the script draws."""
        answered = [panel for panel in self.panels if panel.steps]
        by = answered[0].steps.steps if answered and answered[0].steps else None
        return {
            "names": by.names if by else [],
            "ticks": by.ticks if by else [],
            "majors": by.majors if by else [],
            "charts": {c.slug: c.plain() for panel in answered for c in panel.charts},
            "bars": {t.slug: t.bar_values for t in self.tables.values() if t.bars},
        }

    def plain(self) -> dict[str, Any]:
        """Return what an automatic refresh replaces on the page."""
        tables = {
            slug: {"rows": table.written, "caption": table.caption}
            for slug, table in self.tables.items()
        }
        return {
            **self.charts(),
            "cards": [card.plain() for card in self.cards],
            "tables": tables,
            "sums": {c.slug: [s.sum for s in c.series] for p in self.panels for c in p.charts},
            "errors": {panel.slug: panel.error for panel in (*self.panels, self.queue)},
            "queue_tone": self.queue_tone,
            "updated": self.written_at,
        }


def board(answers: Answers, using: str, now: datetime) -> Board:
    """Make the board of the answers; a failed call is said in its panel."""
    given = {name: answers[name] for name in PANELS if name in answers}
    good = [a for a in given.values() if not isinstance(a, errors.SespanError)]
    queue, tone = mail.queue_panel(using)
    zone = zone_of(good[0]) if good else timezone.get_default_timezone()
    nothing_yet = bool(good) and not any(_ever(answer) for answer in good)
    shown = {} if nothing_yet or not good else given
    return Board(
        cards=cards(shown),
        panels=[_panel(name, answer) for name, answer in shown.items()],
        queue=queue,
        queue_tone=tone,
        away=reason(failed(answers)[0]) if answers and not good else "",
        nothing_yet=nothing_yet,
        time_zone=good[0].time_zone if good else str(zone),
        written_at=format_date(now.astimezone(zone), "j M Y, H:i"),
    )


def table_of(name: str, answer: Any, slug: str) -> Table:
    """Return one table of an answer."""
    return next(table for table in PANELS[name](answer).tables if table.slug == slug)


def reason(error: errors.SespanError) -> str:
    """Say why a part of the board is missing, and what to do."""
    if isinstance(error, errors.SespanDisabled):
        return _('Sespan is switched off on this site: SESPAN["ENABLED"] is False.')
    if isinstance(error, errors.SespanInvalidResponse):
        return _("What answered was not what this site expects of Sespan. Are both of one version?")
    if isinstance(error, errors.SespanMisconfigured):
        return _("Sespan refused this site’s token: it must know the site’s key (SESPAN_JWKS).")
    if isinstance(error, errors.SespanUnavailable):
        return _("Sespan does not answer at the moment. It goes on counting when it is back.")
    return error.detail


def _panel(name: str, answer: Any) -> Panel:
    if not isinstance(answer, errors.SespanError):
        return PANELS[name](answer)
    slug = name.replace("_", "-")
    return Panel(slug, _titles()[name], error=reason(answer))


def _titles() -> dict[str, str]:
    return {
        "api_hits": _("API hits"),
        "outcomes": _("Successes and failures"),
        "codes": _("Growth of codes"),
        "transactions": _("Transactions and discounts"),
        "mail": _("Mails"),
    }


def _ever(answer: Any) -> bool:
    return any(vars(answer.ever).values())
