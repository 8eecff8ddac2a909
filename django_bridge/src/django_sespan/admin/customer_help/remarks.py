"""What Sespan knows of a customer, as sentences for a person at the telephone.

The gravest cause comes first: the account, what holds mails back, the code and its mail, the
address. A sentence says what is so, and no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from django_sespan._internal import messages, mistyped
from django_sespan._internal.accounts import with_email
from django_sespan._internal.address import key
from django_sespan._internal.customer_help import Budget, Code, Facts, Suppression
from django_sespan._internal.user_rows import has_logged_in
from django_sespan.mail.reasons import sentence

GOOD, WARN, BAD, CALM = "sent", "retry", "dead", "queued"
"""Tones, named as the states of mails are that have the same colour."""


class Remark(NamedTuple):
    """A sentence for the clerk at the telephone, and its tone: how grave it is."""

    tone: str
    text: str
    message_id: int | None = None

    @property
    def word(self) -> str:
        """The tone as a word: nobody has to tell colours apart."""
        words = {BAD: _("Cause"), WARN: _("Perhaps"), CALM: _("To know"), GOOD: _("In order")}
        return words[self.tone]


def remarks(user: Any, email: str, facts: Facts) -> list[Remark]:
    """Return all that is known, the gravest first.

    `sespan customer why` says the same; `internal/cli/testdata/customer_help_vectors.json` holds
    both to it.
    """
    found = [
        *_account(user, facts),
        *_address(user, email),
        *map(_suppression, facts.suppressions),
        *_budgets(facts),
        *_codes(facts),
    ]
    order = {BAD: 0, WARN: 1, CALM: 2, GOOD: 3}
    return sorted(found, key=lambda one: order[one.tone])


def _account(user: Any, facts: Facts) -> Iterator[Remark]:
    if user.is_active:
        text = _("The account is active: it needs no code, and the customer can log in.")
        yield Remark(GOOD, text)
    elif facts.right == "live" and not has_logged_in(user):
        yield Remark(CALM, _("The account waits for its first code."))
    elif facts.right == "none":
        text = _("The account is inactive and was never to be opened by a code: no code is sent.")
        yield Remark(BAD, text)
    else:
        text = _("The account was closed, or opened and closed again: no code is sent.")
        yield Remark(BAD, text)


def _address(user: Any, email: str) -> Iterator[Remark]:
    if not email:
        yield Remark(BAD, _("The account has no e-mail address."))
        return
    try:
        key(email)
    except ValueError:
        yield Remark(BAD, _("%(address)s is no e-mail address.") % {"address": email})
        return
    if mistyped.leads_nowhere(email):
        text = _("No mail can go to %(domain)s: there is no such domain.")
        yield Remark(BAD, text % {"domain": email.rpartition("@")[2]})
    elif better := mistyped.suggestion(email):
        text = _("The address looks mistyped. Ask whether %(address)s is meant.")
        yield Remark(WARN, text % {"address": better})
    if with_email(email, hidden=True).exclude(pk=user.pk).exists():
        text = _("Another account has this address, too.")
        yield Remark(WARN, text)


def _suppression(found: Suppression) -> Remark:
    reasons = {
        "bounce": _("a mail came back for good"),
        "complaint": _("the customer complained of a mail"),
        "unsubscribe": _("the customer unsubscribed"),
        "manual": _("somebody of the staff stopped it"),
    }
    why = reasons.get(found.reason, found.reason)
    if found.detail:
        why += f" ({found.detail})"
    values = {"why": why, "since": when(found.since)}
    match found.scope:
        case "all":
            text = _("Nothing is sent to this address since %(since)s: %(why)s.") % values
        case "except_codes":
            text = _("Only codes are sent to this address since %(since)s: %(why)s.") % values
        case _:
            text = _("No newsletters are sent to this address since %(since)s: %(why)s.") % values
    if found.until is not None:
        text += " " + _("It ends at %(until)s.") % {"until": when(found.until)}
    return Remark(BAD if found.scope == "all" else CALM, text)


def _budgets(facts: Facts) -> Iterator[Remark]:
    for budget in facts.budgets:
        if budget.free_at is not None and budget.free_at > facts.at:
            yield _used_up(budget, facts.at)
    if facts.site_used_up:
        text = _("The whole site has sent as many mails today as strangers may cause.")
        yield Remark(BAD, text)


def _used_up(budget: Budget, at: datetime) -> Remark:
    free_at = budget.free_at or at
    values = {
        "used": budget.used,
        "period": _length(budget.seconds),
        "wait": messages.wait(_seconds(free_at - at)),
        "until": when(free_at),
    }
    match budget.scope:
        case "mails_address":
            text = _(
                "The address has had %(used)s mails in %(period)s, as many as it may: the next one "
                "in %(wait)s, at %(until)s."
            )
        case "mails_browser":
            text = _(
                "The customer’s own browser has had %(used)s mails in %(period)s, as many as it "
                "may: the next one in %(wait)s, at %(until)s."
            )
        case "codes_address" | "codes_browser":
            text = _(
                "%(used)s wrong codes were tried in %(period)s: none is looked at before %(until)s,"
                " in %(wait)s."
            )
        case _:
            text = _(
                "%(used)s passwords were tried in %(period)s: none is looked at before %(until)s, "
                "in %(wait)s."
            )
    # A minute's pause is no fault: it is over before the call is.
    tone = CALM if budget.seconds <= messages.MINUTE else BAD
    return Remark(tone, text % values)


def _codes(facts: Facts) -> Iterator[Remark]:
    if not facts.codes:
        yield Remark(CALM, _("No code was asked for in the last days."))
        return
    newest = facts.codes[0]
    yield Remark(CALM, _code(newest, facts.at))
    mailed = next((c for c in facts.codes if c.message_id is not None), None)
    if mailed is None or mailed.mail_reason is None:
        if newest.decoy:
            text = _("No mail went out: no code would have opened the account.")
            yield Remark(WARN, text)
        return
    tones = {"sent": GOOD, "dead": BAD, "unknown": WARN, "retry": WARN, "suppressed": BAD}
    said = sentence(mailed.mail_reason, mailed.mail_facts)
    text = _("The mail with an earlier code: %(sentence)s")
    if mailed is newest:
        text = _("The mail with the newest code: %(sentence)s")
    tone = tones.get(mailed.mail_state or "", CALM)
    yield Remark(tone, text % {"sentence": said}, mailed.message_id)
    if not mailed.same_address:
        yield Remark(
            WARN, _("The newest mail with a code went to the address that the account had before.")
        )
    elif mailed.mail_state == "sent":
        text = _(
            "The mail server of the customer’s provider has the mail: let the customer look for it "
            "among unwanted mail."
        )
        yield Remark(CALM, text)


def _code(code: Code, at: datetime) -> str:
    values = {"made": when(code.created_at), "until": when(code.valid_until)}
    match code.status:
        case "pending":
            text = _("A code was made at %(made)s and is valid until %(until)s.")
        case "verified":
            text = _("The code of %(made)s was entered, and was right.")
        case "locked":
            text = _("The code of %(made)s is locked: too many wrong ones were entered.")
        case "superseded":
            text = _("The code of %(made)s was replaced by a newer wish, or ended by the staff.")
        case _:
            text = _("The code of %(made)s was valid until %(until)s.")
    return text % values


def when(moment: datetime) -> str:
    """Write a time of the site's zone, with its day where that is another one than today."""
    zone = timezone.get_default_timezone()
    local = moment.astimezone(zone)
    clock = formats.date_format(local, "H:i")
    if local.date() == datetime.now(zone).date():
        return clock
    return f"{formats.date_format(local, 'SHORT_DATE_FORMAT')} {clock}"


def _seconds(wait: timedelta) -> int:
    return max(1, round(wait.total_seconds()))


def _length(seconds: int) -> str:
    names = {60: _("a minute"), 900: _("a quarter of an hour"), 3600: _("an hour")}
    return names.get(seconds) or (_("a day") if seconds == 86400 else messages.wait(seconds))  # noqa: PLR2004
