"""Everything that the bridge raises, as one tree under SespanError.

SespanError
├── SespanUnavailable      down, slow, busy, or an answer that makes no sense
│   ├── SespanDisabled     SESPAN["ENABLED"] is False
│   ├── CustomerUpdateRefused      the site's own triggers or policies
│   ├── TooManyExports, ReportTooLarge     downloads and summaries
│   └── SespanInvalidResponse      an answer that is not Sespan's
├── SespanMisconfigured    wrong key or missing right (401, 403)
│   └── CustomerTableMismatch      Sespan is bound to another table than this site's users
├── SespanRefused          a value was refused (400, 404, 409, 413, 422)
│   ├── OTPError           OTPIncorrect, OTPExpired, OTPUsed, OTPLocked, OTPTooSoon, …
│   ├── OrderConflict, TokenMismatch
│   └── UnknownTransaction, UnknownKey, TooManyBuckets
├── SiteRuleViolated       a rule of the site's own database refused a customer
└── MailNotQueued          the database refused a mail: trying again ends alike
    └── MailQueueUnavailable       not now: also an smtplib.SMTPException, and so an OSError

InsideTransaction stands apart: a call from inside an open transaction is a programming error.
"""

from __future__ import annotations

import smtplib
from collections.abc import Mapping
from typing import Any


class SespanError(Exception):
    """Base of all errors; `detail` is for the log, `response_id` finds the API log row."""

    slug = ""

    def __init__(
        self,
        detail: str = "",
        *,
        status: int | None = None,
        response_id: str = "",
        retry_after: int | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail or self.slug or type(self).__name__)
        self.detail = detail
        self.status = status
        self.response_id = response_id
        self.retry_after = retry_after
        """Seconds until a new try makes sense, None when unknown."""
        self.members: Mapping[str, Any] = members or {}
        self.date = ""
        """The answer's `Date`, unparsed: the clock of the service."""


class SespanUnavailable(SespanError):
    """No answer in time, a busy service, or one that cannot reach its database."""

    slug = "unavailable"


class SespanDisabled(SespanUnavailable):
    """`SESPAN["ENABLED"]` is False."""


class SespanInvalidResponse(SespanUnavailable):
    """What answered was not Sespan: not JSON, or fields are missing."""


class SespanMisconfigured(SespanError):
    """The service key is wrong, revoked or lacks the right."""

    slug = "unauthorized"


class CustomerTableMismatch(SespanMisconfigured):
    """Sespan is bound to another table than that of this site's users; nothing was done."""

    slug = "customer-table-mismatch"

    def explain(self, detail: str) -> None:
        """Say it in the site's own names."""
        self.detail = detail
        self.args = (detail,)


class CustomerUpdateRefused(SespanUnavailable):
    """A trigger, rule or policy of the site refused the activation; `detail` names it.

    The code was right and is not used up.
    """

    slug = "customer-update-refused"


class SespanRefused(SespanError):
    """A value in the call was refused; `members["errors"]` names the fields."""

    slug = "invalid"


class OTPError(SespanRefused):
    """Base of the errors of a code."""


class OTPIncorrect(OTPError):
    """Wrong code."""

    slug = "otp-incorrect"

    @property
    def attempts_left(self) -> int | None:
        """Guesses left on this challenge."""
        left = self.members.get("attempts_left")
        return left if isinstance(left, int) else None


class OTPExpired(OTPError):
    """The code has expired."""

    slug = "otp-expired"


class OTPUsed(OTPError):
    """The challenge was verified before."""

    slug = "otp-used"

    @property
    def correct(self) -> bool:
        """Whether it was verified a moment ago, with these digits: the form was sent twice."""
        return self.members.get("correct") is True


class OTPLocked(OTPError):
    """Too many guesses; `retry_after` is the wait until the next try."""

    slug = "otp-locked"


class OTPTooSoon(OTPError):
    """Another code was asked for too soon; see `retry_after`."""

    slug = "otp-too-soon"


class ActivationRefused(OTPError):
    """Correct code, but this customer may not be activated by it. The code is used up."""

    slug = "activation-refused"


class RegistrationReplaced(OTPError):
    """The account has another password by now: a newer registration, or a reset. Local."""

    slug = "registration-replaced"


class UnknownChallenge(OTPError):
    """No such challenge."""

    slug = "unknown-challenge"


class UnknownCustomer(OTPError):
    """The bound table has no such customer."""

    slug = "unknown-customer"


class OrderConflict(SespanRefused):
    """This order was drawn with another amount."""

    slug = "order-conflict"


class TokenMismatch(SespanRefused):
    """The body of a draw differs from its token."""

    slug = "token-mismatch"


class UnknownTransaction(SespanRefused):
    """No such transaction."""

    slug = "unknown-transaction"


class UnknownKey(SespanRefused):
    """No such service key, or somebody else's."""

    slug = "unknown-key"


class TooManyBuckets(SespanRefused):
    """The range has too many steps; `detail` names the step that fits."""

    slug = "too-many-buckets"


class TooManyExports(SespanUnavailable):
    """Other downloads are under way; see `retry_after`."""

    slug = "too-many-exports"


class ReportTooLarge(SespanUnavailable):
    """The summary took too long; a shorter range is needed."""

    slug = "report-too-large"


class InsideTransaction(RuntimeError):
    """A call was about to be made while a database transaction is open: a fault of the site's code.

    It is no SespanError, so that code which forgives an outage does not hide it.

    The service would not see the site's uncommitted rows, and a row lock that the
    site holds while it waits is a deadlock that PostgreSQL cannot detect.
    """


class SiteRuleViolated(SespanError):
    """A rule of the site's own database refused a customer; `detail` names it, and no value.

    Not a value that is taken, which the form says: a CHECK, NOT NULL, a key, or a `save_user` that
    adds the same row twice.
    """


class MailNotQueued(SespanError):
    """The database refused to queue a mail; the same mail is refused again."""


class MailQueueUnavailable(MailNotQueued, smtplib.SMTPException):
    """The database could not take a mail now: it is away, busy, or the transaction is broken.

    Whoever sorts the errors of Django's SMTP backend takes an OSError, and an SMTPException is
    one, for passing and tries again; everything else is final.
    """


BY_SLUG: dict[str, type[SespanError]] = {
    cls.slug: cls
    for cls in (
        OTPIncorrect,
        OTPExpired,
        OTPUsed,
        OTPLocked,
        OTPTooSoon,
        ActivationRefused,
        UnknownChallenge,
        UnknownCustomer,
        OrderConflict,
        TokenMismatch,
        UnknownTransaction,
        UnknownKey,
        TooManyBuckets,
        TooManyExports,
        ReportTooLarge,
        CustomerTableMismatch,
        CustomerUpdateRefused,
    )
}
"""Slug of a problem document → the error it is raised as."""
