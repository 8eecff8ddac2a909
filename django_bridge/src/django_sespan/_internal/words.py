"""The service's closed lists of words, as a person reads them: one place for all pages."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = Mapping[str, Promise]

MAIL_STATES: Words = {
    "queued": _("Waiting"),
    "scheduled": _("For later"),
    "sending": _("Being sent"),
    "retry": _("To be tried again"),
    "unknown": _("Unclear whether sent"),
    "sent": _("Sent"),
    "dead": _("Given up"),
    "expired": _("Too late"),
    "suppressed": _("Suppressed"),
    "cancelled": _("Cancelled"),
}

FAILURES: Words = {
    "connect": _("the mail server could not be reached"),
    "greeting": _("the mail server did not greet"),
    "tls": _("no encrypted connection to the mail server came about"),
    "auth": _("the mail server did not accept the service’s login"),
    "mail_from": _("the mail server refused the sender"),
    "rcpt_to": _("the mail server refused the recipient"),
    "data": _("the mail server refused the content"),
    "closed": _("the connection to the mail server broke off"),
    "timeout": _("the mail server did not answer in time"),
    "composed": _("no valid mail could be made of it"),
    "content": _("its content is gone or cannot be read"),
    "sealed": _("no key of the service opens its content"),
    "lapsed": _("the workers that had it vanished"),
    "expired": _("its time was over"),
    "panic": _("the service failed while it sent it"),
    "signing": _("it could not be signed"),
    "other": _("an unexpected error"),
    "restored": _("the database was restored from a backup"),
    "suppressed": _("the address is not written to"),
    "bounce": _("mails to this address came back"),
    "complaint": _("the recipient reported a mail as unwanted"),
    "unsubscribe": _("the recipient wants no such mails"),
    "manual": _("somebody of the staff said so"),
}
"""What a try ended with, or why an address is not written to, in the middle of a sentence."""

REQUEST_TYPES: Words = {
    "OTP": _("Codes"),
    "Login": _("Logins"),
    "Transaction": _("Draws"),
    "Report": _("Reports"),
    "Admin": _("Administration"),
}

OUTCOMES: Words = {"success": _("successful"), "failure": _("failed")}

PURPOSES: Words = {"registration": _("Registration"), "login": _("Login")}

CODE_STATUSES: Words = {
    "pending": _("Not entered yet"),
    "verified": _("Entered correctly"),
    "expired": _("Expired"),
    "superseded": _("Replaced by a newer one"),
    "locked": _("Locked after wrong tries"),
}

LIMITS: Words = {
    "budget_amount": _("The tier’s budget was used up."),
    "budget_uses": _("The tier’s number of discounts was used up."),
    "per_customer_uses": _("This customer had all discounts of the tier already."),
    "per_customer_draws": _("This customer had all draws of that day already."),
}
"""Which limit of a tier turned a win into a loss."""

WAYS: Words = {
    "admin": _("this administration"),
    "http": _("a program"),
    "cli": _("a command"),
    "sql": _("the database"),
    "service": _("the service itself"),
}

ACTIONS: Words = {
    "insert": _("added"),
    "update": _("changed"),
    "delete": _("deleted"),
    "read": _("looked at"),
    "export": _("exported"),
    "retry": _("sent again"),
    "cancel": _("cancelled"),
    "pause": _("paused"),
    "resume": _("resumed"),
    "preview": _("read"),
    "suppress": _("blocked"),
    "unsuppress": _("unblocked"),
    "grant": _("given"),
    "revoke": _("taken away"),
    "found": _("found changed"),
    "erase": _("erased"),
    "reset": _("budgets given back"),
    "send": _("sent"),
}

SUBJECTS: Words = {
    "tier": _("Discount tier"),
    "key": _("Key"),
    "role": _("Role"),
    "user": _("Person"),
    "mail": _("Mail"),
    "pause": _("Pause of mails"),
    "address": _("Address"),
    "setting": _("Setting"),
    "activation": _("Right to become active"),
    "api_log": _("API log"),
    "transaction": _("Draw"),
    "customer": _("Customer"),
    "code": _("Code"),
}


def word(value: str, words: Words) -> str:
    """Return the word of a value; one without a word, of a newer database, is its own."""
    return str(words.get(value, value))
