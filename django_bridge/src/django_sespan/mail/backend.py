"""An e-mail backend that queues in the site's own transaction.

What is committed is delivered; what is rolled back was never sent. Each call stands in
its own savepoint, so a refused mail never breaks the transaction around it.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, router
from django.db import Error as AnyDatabaseError

from django_sespan import errors, signals
from django_sespan._internal import trace_context
from django_sespan.conf import get_settings
from django_sespan.mail import category, last_resort
from django_sespan.mail.attachments import Attachments
from django_sespan.mail.batches import Mail, in_batches
from django_sespan.mail.enqueue import enqueue, refused_position
from django_sespan.mail.options import checked, options
from django_sespan.mail.parameters import parameters
from django_sespan.mail.passing import is_passing
from django_sespan.models import MailMessage

BACKEND_OPTIONS = ("category", "priority", "on_unknown", "retain_body")
"""Options of the backend, for the mails without their own."""

logger = logging.getLogger(__name__)
_logging_refusal: ContextVar[bool] = ContextVar("sespan_mail_logging_refusal", default=False)


class OutsideTransaction(RuntimeWarning):
    """A mail went to a database that has no part in the transaction that is open."""


class EmailBackend(BaseEmailBackend):
    """For `EMAIL_BACKEND` and, on Django 6.1, for `MAILERS` with OPTIONS.

    Options: `database` (alias; default SESPAN["DATABASE"], and where that is the default
    one, the routers' choice for writing MailMessage), `fail_silently`, and for all
    mails `category`, `priority`, `on_unknown`, `retain_body`, which a mail's own
    `message.sespan` (see `options`) overrides. A queued message has its number in
    `sespan.mail_message` as the attribute `sespan_id`.
    """

    def __init__(
        self,
        fail_silently: bool = False,
        *,
        alias: str | None = None,
        database: str | None = None,
        **kwargs: Any,
    ) -> None:
        given = {name: kwargs.pop(name) for name in BACKEND_OPTIONS if name in kwargs}
        if alias is None:
            # EMAIL_BACKEND: Django hands over what senders pass for SMTP, such as auth_user.
            super().__init__()
        else:
            super().__init__(alias=alias, **kwargs)
        self.alias = alias
        self.fail_silently = fail_silently
        self.database = database
        self._defaults = checked(given, "The option {!r} of the mail backend")

    def open(self) -> bool:
        """Open nothing: the connection is the site's own to the database."""
        return False

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Queue the messages, many with one statement; return how many were.

        A message without recipients is left out and not counted. One whose idempotency key
        is known counts: its mail is in the queue or was. The first that is refused stops
        the call with an error, those before it are queued; with `fail_silently` it is
        logged and the others go on. `mail_failed` is sent either way. Mails of the last
        resort (see `last_resort`) never raise.
        """
        if not last_resort.under_way():
            return sum(
                self._queue(batch) for batch in in_batches(self._prepared(email_messages or ()))
            )
        return sum(self._queue_last_resort(message) for message in email_messages or ())

    def _queue_last_resort(self, message: EmailMessage) -> int:
        """Queue a mail that tells of a failure; in vain it is said on stderr."""
        try:
            return self._queue([*self._prepared([message], lenient=True)])
        except Exception as exc:  # noqa: BLE001  # logger.error() must not raise
            return self._give_up([message], exc)
        finally:
            with suppress(Exception):
                last_resort.losses.settle(self._alias(message))

    def _prepared(
        self, messages: Iterable[EmailMessage], *, lenient: bool = False
    ) -> Iterator[Mail]:
        attachments = Attachments()
        parent = trace_context.own_traceparent()
        trace = {"traceparent": parent} if parent else {}
        for message in messages:
            if not message.recipients():
                continue
            using = self._alias(message)
            _warn_outside(using)
            try:
                chosen = self._defaults | category.under_way() | options(message)
                values = parameters(message, attachments, lenient=lenient)
                yield Mail(message, using, values | chosen | trace, last_resort=lenient)
            except ValueError as exc:
                yield Mail(message, using, {}, refused=exc, last_resort=lenient)

    def _alias(self, message: EmailMessage) -> str:
        if self.database:
            return self.database
        alias = get_settings().database
        if alias == DEFAULT_DB_ALIAS:
            return router.db_for_write(MailMessage, message=message)
        return alias

    def _queue(self, mails: Sequence[Mail]) -> int:
        """Queue them together or, when one is refused, its neighbours without it."""
        if not mails:
            return 0
        first = mails[0]
        try:
            if first.refused:
                raise first.refused
            numbers = enqueue(first.using, [mail.parameters for mail in mails])
        except (AnyDatabaseError, ValueError) as exc:
            if len(mails) == 1 or _connection_unusable(first.using, exc):
                return self._refuse(mails, exc)
            cut = refused_position(exc) if isinstance(exc, DatabaseError) else None
            if cut is None or cut >= len(mails):
                half = len(mails) // 2
                return self._queue(mails[:half]) + self._queue(mails[half:])
            before, bad, after = mails[:cut], mails[cut : cut + 1], mails[cut + 1 :]
            return self._queue(before) + self._queue(bad) + self._queue(after)
        for mail, number in zip(mails, numbers, strict=True):
            mail.message.sespan_id = number  # type: ignore[attr-defined]
        return len(mails)

    def _refuse(self, mails: Sequence[Mail], error: Exception) -> int:
        if mails[0].last_resort:
            return self._give_up([mail.message for mail in mails], error)
        refused = self._tell([mail.message for mail in mails], error)
        if not self.fail_silently and not _logging_refusal.get():
            if isinstance(error, AnyDatabaseError):
                raise refused from error
            raise error
        _log_refusal(len(mails), refused)
        return 0

    def _give_up(self, messages: Sequence[EmailMessage], error: Exception) -> int:
        last_resort.say(_first_line(error))
        last_resort.losses.add(len(messages))
        with suppress(Exception), last_resort.reporting() as first:
            if first:
                self._tell(messages, error)
        return 0

    def _tell(self, messages: Sequence[EmailMessage], error: Exception) -> errors.MailNotQueued:
        kind = errors.MailQueueUnavailable if is_passing(error) else errors.MailNotQueued
        refused = kind(_first_line(error))
        for message in messages:
            signals.mail_failed.send_robust(sender=type(self), message=message, error=refused)
        return refused


def _log_refusal(count: int, refused: Exception) -> None:
    if _logging_refusal.get():
        return  # the site mails its log, and that mail was refused: no endless loop
    token = _logging_refusal.set(True)
    try:
        logger.warning("%d mail(s) not queued: %s", count, refused)
    finally:
        _logging_refusal.reset(token)


def _connection_unusable(using: str, error: Exception) -> bool:
    """Whether the next mails would fail alike: a lost connection, a broken transaction."""
    connection = connections[using]
    if connection.needs_rollback or connection.closed_in_transaction:
        return True
    return isinstance(error, AnyDatabaseError) and not (
        connection.connection and connection.is_usable()
    )


def _warn_outside(using: str) -> None:
    """Warn when a roll-back of the open transaction would not undo the mail."""
    if connections[using].in_atomic_block:
        return
    for connection in connections.all(initialized_only=True):
        open_blocks = [
            b for b in connection.atomic_blocks if not getattr(b, "_from_testcase", False)
        ]
        if connection.alias != using and open_blocks:
            warnings.warn(
                f"A mail is queued in {using!r}, outside the transaction that is open in "
                f"{connection.alias!r}: it is sent even if that one is rolled back.",
                OutsideTransaction,
                stacklevel=2,
            )
            return


def _first_line(error: Exception) -> str:
    # Later lines of a database error may quote the statement's values.
    return (str(error).splitlines() or [type(error).__name__])[0]
