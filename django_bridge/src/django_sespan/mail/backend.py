"""An e-mail backend that queues in the site's own transaction.

What is committed is delivered; what is rolled back was never sent. Each mail stands in
its own savepoint, so a refused one never breaks the transaction around it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import Error as DatabaseError
from django.db import connections, transaction

from django_sespan import errors, signals
from django_sespan.conf import get_settings
from django_sespan.mail.parameters import as_sql, parameters

logger = logging.getLogger(__name__)


class EmailBackend(BaseEmailBackend):
    """For `EMAIL_BACKEND` and, on Django 6.1, for `MAILERS` with OPTIONS.

    Options: `database` (alias, default SESPAN["DATABASE"]), `category` and `priority`
    (given to every mail), `fail_silently`. A queued message gets the attribute
    `sespan_id`, the id in `sespan.mail_message`.
    """

    def __init__(
        self,
        fail_silently: bool = False,
        *,
        alias: str | None = None,
        database: str | None = None,
        category: str | None = None,
        priority: int | None = None,
        **kwargs: Any,
    ) -> None:
        if alias is None:
            # EMAIL_BACKEND: Django hands over what senders pass for SMTP, such as auth_user.
            super().__init__()
        else:
            super().__init__(alias=alias, **kwargs)
        self.alias = alias
        self.fail_silently = fail_silently
        self.database = database
        self._defaults = {
            name: value
            for name, value in (("category", category), ("priority", priority))
            if value is not None
        }

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Queue the messages; give how many were. A refused one stops here unless silent."""
        return sum(self._send(message) for message in email_messages or ())

    def _send(self, message: EmailMessage) -> bool:
        if not message.recipients():
            return False
        try:
            message.sespan_id = self._enqueue(message)  # type: ignore[attr-defined]
        except (DatabaseError, ValueError) as exc:
            error = exc
        else:
            return True
        refused = errors.MailNotQueued(_first_line(error))
        signals.mail_failed.send_robust(sender=type(self), message=message, error=refused)
        if not self.fail_silently:
            if isinstance(error, DatabaseError):
                raise refused from error
            raise error
        logger.warning("A mail was not queued: %s", refused)
        return False

    def _enqueue(self, message: EmailMessage) -> int:
        sql, values = as_sql(parameters(message) | self._defaults)
        using = self.database or get_settings().database
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute(sql, values)
            (message_id,) = cursor.fetchone()
        return int(message_id)


def _first_line(error: Exception) -> str:
    # Later lines of a database error may quote the statement's values.
    return (str(error).splitlines() or [type(error).__name__])[0]
