"""The figures on top, each with its change against the period before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from django_sespan._internal.dashboard import numbers
from django_sespan._internal.flows.dashboard import Answers
from django_sespan._internal.stats import ApiHits, CodeGrowth, MailStats, TransactionStats

Periods = tuple[int | Decimal, int | Decimal, int | Decimal]
"""This period, the one before, and since counting began."""

GROWTH, LOSS, NEUTRAL = 1, -1, 0
"""Whether more is better, worse or neither."""


@dataclass(frozen=True)
class Card:
    """One figure. `change` is written; `tone` says whether it is good or bad, or neither."""

    slug: str
    title: str
    figure: str
    arrow: str
    change: str
    tone: str
    before: str
    note: str

    def plain(self) -> dict[str, str]:
        """Return the texts that a refresh replaces."""
        return asdict(self)


def cards(answers: Answers) -> list[Card]:
    """Return the cards of what was answered."""
    return [
        *_of_hits(answers.get("api_hits")),
        *_of_codes(answers.get("codes")),
        *_of_transactions(answers.get("transactions")),
        *_of_mail(answers.get("mail")),
    ]


def _of_hits(answer: Any) -> Iterator[Card]:
    if isinstance(answer, ApiHits):
        now, before = answer.total, answer.previous
        ever = _since_ever(numbers.count(answer.ever.calls))
        yield _counted(
            "api-hits", _("API hits"), (now.calls, before.calls, answer.ever.calls), NEUTRAL, ever
        )
        rate = numbers.percent(numbers.share(now.failure, now.calls))
        note = _("%(rate)s of the hits") % {"rate": rate} if now.calls else ""
        yield _counted(
            "failures", _("Failed"), (now.failure, before.failure, answer.ever.failure), LOSS, note
        )


def _of_codes(answer: Any) -> Iterator[Card]:
    if isinstance(answer, CodeGrowth):
        now, before = answer.total, answer.previous
        ever = _since_ever(numbers.count(answer.ever.issued))
        yield _counted(
            "issued",
            _("Codes issued"),
            (now.issued, before.issued, answer.ever.issued),
            NEUTRAL,
            ever,
        )
        ever = _since_ever(numbers.count(answer.ever.verified))
        yield _counted(
            "verified",
            _("Codes verified"),
            (now.verified, before.verified, answer.ever.verified),
            GROWTH,
            ever,
        )


def _of_transactions(answer: Any) -> Iterator[Card]:
    if isinstance(answer, TransactionStats):
        now, before = answer.total, answer.previous
        ever = _since_ever(numbers.count(answer.ever.draws))
        yield _counted(
            "draws", _("Transactions"), (now.draws, before.draws, answer.ever.draws), GROWTH, ever
        )
        given = _("%(rate)s of the amount %(amount)s") % {
            "rate": numbers.percent(numbers.share(now.discount, now.amount)),
            "amount": numbers.money(now.amount),
        }
        given = given if now.amount else ""
        yield _counted(
            "discounts",
            _("Discounts given"),
            (now.discount, before.discount, answer.ever.discount),
            NEUTRAL,
            given,
        )


def _of_mail(answer: Any) -> Iterator[Card]:
    if isinstance(answer, MailStats):
        now, before = answer.total, answer.previous
        ever = _since_ever(numbers.count(answer.ever.sent))
        yield _counted(
            "mails", _("Mails sent"), (now.sent, before.sent, answer.ever.sent), NEUTRAL, ever
        )
        again = _("tries again: %(mails)s") % {"mails": numbers.count(now.retried)}
        yield _counted(
            "dead", _("Mails given up"), (now.dead, before.dead, answer.ever.dead), LOSS, again
        )


def _counted(slug: str, title: str, periods: Periods, better: int, note: str) -> Card:
    now, before, ever = periods
    arrow, change, direction = _change(now, before)
    earlier = _("%(number)s before") % {"number": numbers.written(before)}
    if 0 < before == ever - now:  # counting began in the period before: it is no whole one
        arrow, change, direction = "", "", 0
        earlier = _("%(number)s before, since counting began") % {"number": numbers.written(before)}
    tone = {1: "good", -1: "bad", 0: ""}[direction * better if before > 0 else 0]
    return Card(slug, title, numbers.written(now), arrow, change, tone, earlier, note)


def _change(now: int | Decimal, before: int | Decimal) -> tuple[str, str, int]:
    """Return an arrow, the change in words, and its direction."""
    if now == before:
        return "", _("unchanged"), 0
    direction = 1 if now > before else -1
    arrow = "▲" if direction == 1 else "▼"
    if before <= 0:
        return arrow, _("new"), direction
    ratio = abs(Decimal(now) - Decimal(before)) / Decimal(before)
    amount = numbers.percent(ratio, 0 if ratio >= Decimal("0.995") else 1)
    return (
        arrow,
        (_("%(rate)s more") if direction == 1 else _("%(rate)s less")) % {"rate": amount},
        direction,
    )


def _since_ever(number: str) -> str:
    return _("%(number)s since counting began") % {"number": number}
