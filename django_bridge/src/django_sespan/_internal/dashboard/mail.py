"""What became of the mails, and how the queue stands."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from django_sespan._internal.dashboard import numbers, words
from django_sespan._internal.dashboard.frame import (
    Cell,
    Chart,
    Column,
    Panel,
    Series,
    StepTable,
    Table,
)
from django_sespan._internal.dashboard.steps import Steps, steps
from django_sespan._internal.stats import MailStats
from django_sespan._internal.words import MAIL_STATES, word
from django_sespan.mail import queue_admin

logger = logging.getLogger(__name__)


def panel(answer: MailStats) -> Panel:
    """Show the mails by their end."""
    by = steps(answer, [bucket.at for bucket in answer.buckets])
    total, buckets = answer.total, answer.buckets
    withheld = [b.expired + b.suppressed + b.cancelled for b in buckets]
    sent = [b.sent for b in buckets]
    series = [
        Series(_("Sent"), "blue", sent, numbers.count(total.sent)),
        Series(
            _("Not sent on purpose"),
            "grey",
            withheld,
            numbers.count(total.expired + total.suppressed + total.cancelled),
        ),
        Series(_("Given up"), "rose", [b.dead for b in buckets], numbers.count(total.dead)),
    ]
    retries = Series(
        _("Tries again"), "amber", [b.retried for b in buckets], numbers.count(total.retried)
    )
    per_step = {"per_step": words.per_step(answer.step)}
    title = _("Mails %(per_step)s") % per_step
    sentence = words.peak(_("Mails sent"), numbers.count(total.sent), by, sent)
    again = words.peak(_("Tries again"), retries.sum, by, retries.values)
    return Panel(
        "mail",
        _("Mails"),
        [
            Chart("mail", title, "bars", sentence, series),
            Chart(
                "mail-retries", _("Tries again %(per_step)s") % per_step, "bars", again, [retries]
            ),
        ],
        _table(answer, by, title),
    )


def _table(answer: MailStats, by: Steps, title: str) -> StepTable:
    columns = [
        words.step_column(answer.step),
        Column("sent", _("Sent")),
        Column("dead", _("Given up")),
        Column("expired", _("Too late")),
        Column("suppressed", _("Suppressed")),
        Column("cancelled", _("Cancelled")),
        Column("retried", _("Tries again")),
    ]
    rows: list[list[Cell]] = [
        [name, *(getattr(bucket, column.name) for column in columns[1:])]
        for name, bucket in zip(by.names, answer.buckets, strict=True)
    ]
    return StepTable("mail", words.table(title), columns, rows, steps=by)


def queue_panel(using: str) -> tuple[Panel, str]:
    """Show how the queue stands, from the functions of the admin's page; and say it in words."""
    title = _("Mail queue")
    try:
        with queue_admin.translated_errors():
            states = queue_admin.status(using)
            pauses = queue_admin.pauses(using)
            stuck = queue_admin.stuck_kinds(using)
    except (queue_admin.SchemaMissing, queue_admin.RoleMissing, DatabaseError) as exc:
        logger.warning("No mail queue for the dashboard: %s", exc)
        error = _("The queue cannot be read; the site’s log has the reason.")
        return Panel("mail-queue", title, error=error), "warn"
    sentence, tone = _health(states, pauses, stuck)
    table = Table(
        "mail-queue",
        sentence,
        [
            Column("state", _("State"), "text"),
            Column("mails", _("Mails")),
            Column("oldest", _("Oldest"), "text"),
            Column("paused", _("Of these paused")),
        ],
        [
            [
                word(row["state"], MAIL_STATES),
                row["mails"],
                timesince(row["oldest"]) if row["mails"] and row["oldest"] else None,
                row["paused"],
            ]
            for row in states
        ],
    )
    return Panel("mail-queue", title, sums=[table]), tone


def _health(
    states: list[dict[str, Any]], pauses: list[dict[str, Any]], stuck: dict[str, int]
) -> tuple[str, str]:
    waiting = sum(row["mails"] for row in states if row["state"] != "dead")
    dead = sum(row["mails"] for row in states if row["state"] == "dead")
    if pauses:
        names = ", ".join(str(row["what"]) for row in pauses)
        return _("Sending is paused: %(what)s.") % {"what": names}, "warn"
    if stuck:
        mails = numbers.count(sum(stuck.values()))
        return _("Mails that need a look: %(mails)s. The admin’s page “Mail queue” has them.") % {
            "mails": mails
        }, "bad"
    if waiting:
        return _("Mails on their way: %(mails)s.") % {"mails": numbers.count(waiting)}, "good"
    if dead:
        return _("No mail waits. Given up, and waiting for a person: %(mails)s.") % {
            "mails": numbers.count(dead)
        }, "warn"
    return _("No mail waits: everything is sent."), "good"
