"""Why a mail waits, what became of it, or why a call left it as it is, in the reader's language.

The database gives a reason from the closed list of `sespan.mail_reasons()` and its facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from django_sespan._internal.words import FAILURES, word

SENTENCES: dict[str, Promise] = {
    # It waits.
    "next": _("It is the next to be sent."),
    "behind": _("It waits behind %(mails)s."),
    "scheduled": _("It is scheduled for %(due_at)s."),
    "due": _("It is due since %(due_at)s and waits for a worker."),
    "announced": _("It was announced to %(broker)s %(ago)s s ago, not yet claimed."),
    "sending": _("It is being sent now; the worker’s lease ends at %(leased_until)s."),
    "worker_lost": _(
        "The worker that had it vanished at %(leased_until)s; another one takes it back within"
        " seconds."
    ),
    "undecided": _(
        "It may have been sent (%(failure)s, %(tried_at)s). A person decides: “%(retry)s” or"
        " “%(cancel)s”."
    ),
    "paused": _("It is held by the pause of %(pause)s."),
    "pause_over": _("The pause of %(pause)s is over; it is let go within seconds."),
    "rate_limited": _("A rate limit holds it back until %(due_at)s."),
    "relay_failing": _(
        "Its mail server or domain fails at the moment, so it is not tried before %(due_at)s."
    ),
    "retry": _(
        "Try number %(try)s is due at %(due_at)s, because the last one failed: %(failure)s."
    ),
    "due_again": _("It is due again at %(due_at)s: %(failure)s."),
    "abandoned": _("Its worker vanished and no other took it back: is a worker running?"),
    "overdue": _("It is due and not sent: is a worker running, and does it keep up?"),
    # It is at its end.
    "sent": _("It was sent at %(finished_at)s."),
    "dead": _(
        "It was given up at %(finished_at)s after %(tries)s: %(failure)s. “%(retry)s”"
        " sends it again."
    ),
    "dead_wiped": _(
        "It was given up at %(finished_at)s after %(tries)s: %(failure)s. Its content was wiped"
        " then, so it can not be sent again."
    ),
    "dead_gone": _(
        "It was given up at %(finished_at)s after %(tries)s: %(failure)s. Its content is gone,"
        " so it can not be sent again."
    ),
    "expired": _("It was not sent before its time was over, %(expires_at)s."),
    "suppressed": _("It was not sent: %(failure)s."),
    "cancelled": _("It was cancelled at %(finished_at)s."),
    # A call left it as it is, or shows less of it.
    "unknown_id": _("No mail with this number is known."),
    "busy": _("It is changed by somebody else at this moment."),
    "waiting": _("It waits for a worker already."),
    "content_gone": _("Its content is gone: it is older than the retention."),
    "body_wiped": _(
        "Its content was wiped at %(wiped_at)s, as it may hold a secret; only the site can make it"
        " anew."
    ),
    "body_sealed": _("Its content is sealed: it holds a code, which only the recipient sees."),
    "past_expiry": _("Its time was over at %(expires_at)s."),
}
"""A sentence for each reason, with its facts as placeholders."""

ADDITIONS: dict[str, tuple[frozenset[str], Promise]] = {
    "paused": (frozenset({"actor", "since"}), _("%(actor)s set it at %(since)s.")),
    "sent": (frozenset({"relay", "reply"}), _("%(relay)s answered: %(reply)s.")),
    "cancelled": (frozenset({"actor"}), _("By %(actor)s.")),
}
"""A second sentence, where its facts are known."""

WITH_LAST_FAILURE = frozenset({"announced", "paused", "abandoned", "overdue"})
WITH_REPLY = frozenset({"rate_limited", "relay_failing", "cancelled"})
BROKERS = {"amqp": "RabbitMQ", "kafka": "Apache Kafka"}
TIMES = ("due_at", "leased_until", "tried_at", "since", "finished_at", "expires_at", "wiped_at")
MAX_AHEAD = 10_000
"""The database counts the mails before one no further."""


class _Values(dict[str, Any]):
    """What stands in the placeholders; a fact may be unknown."""

    def __missing__(self, key: str) -> str:
        return str(_("unknown"))


def sentence(reason: str | None, facts: Mapping[str, Any]) -> str:
    """Return a sentence in the reader's language, with times in the site's zone."""
    if not reason:
        return ""
    if reason not in SENTENCES:
        return reason  # of a newer database
    values = _values(facts)
    parts = [str(SENTENCES[reason]) % values]
    if reason in ADDITIONS and facts.keys() >= ADDITIONS[reason][0]:
        parts.append(str(ADDITIONS[reason][1]) % values)
    if reason in WITH_LAST_FAILURE and {"failure", "code", "reply"} & facts.keys():
        parts.append(str(_("The last try failed: %(failure)s.")) % values)
    if reason in WITH_REPLY and facts.get("reply"):
        parts.append(f"({facts['reply']})")
    if facts.get("workers") == 0:
        parts.append(str(_("No worker is running.")))
    return " ".join(parts)


def _values(facts: Mapping[str, Any]) -> _Values:
    values = _Values(facts)
    values |= {name: _local(facts[name]) for name in TIMES if name in facts}
    values["failure"] = _failure(facts)
    if "attempts" in facts:
        values["tries"] = tries(int(facts["attempts"]))
    values["broker"] = BROKERS.get(facts.get("dispatch", ""), _("a broker"))
    values["retry"], values["cancel"] = _("Send again"), _("Cancel")
    if values["pause"] == "all":
        values["pause"] = _("all mails")
    ahead = int(facts.get("ahead") or 0)
    others = ngettext("%(count)s other mail", "%(count)s other mails", ahead)
    many = ahead > MAX_AHEAD
    count = _("more than %(count)s") % {"count": MAX_AHEAD} if many else ahead
    values["mails"] = others % {"count": count}
    return values


def _failure(facts: Mapping[str, Any]) -> str:
    slug = str(facts.get("failure") or "")
    failure = word(slug, FAILURES) if slug else str(_("no reason is known"))
    answer = " ".join(str(facts[name]) for name in ("code", "reply") if facts.get(name))
    return f"{failure} ({answer})" if answer else failure


def tries(count: int) -> str:
    """Write how often it was tried."""
    return ngettext("%(count)d try", "%(count)d tries", count) % {"count": count}


def _local(moment: str) -> str:
    local = datetime.fromisoformat(moment).astimezone(timezone.get_current_timezone())
    return f"{local:%Y-%m-%d %H:%M:%S}"
