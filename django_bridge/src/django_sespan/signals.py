"""Signals of the bridge. Every receiver but the last two's runs in the request, after the commit.

customer_registered (sender, request, user, replaced): a registration was saved and waits for
                    its code. `replaced` is True where an unverified one of the same address
                    got this one's data and password.
code_sent           (sender, request, customer_id, purpose, challenge_id): a code was asked for
                    and accepted. `customer_id` is None where the customer comes after the code.
email_verified      (sender, request, customer_id, user, purpose): the correct code was entered; the
                    customer is active. `user` is the user object.
transaction_drawn   (sender, customer_id, order_ref, draw): `checkout.price` got its answer
                    (again for a repeated call of the same order).
mail_failed         (sender, message, error): a mail could not be queued.
mail_sent           (sender, outcome): a mail server took a mail for one recipient.
mail_dead           (sender, outcome): it never will; `outcome.state` and `.reason` say why.

The last two come from `manage.py sespan_mail_signals`, in its process: the worker is another
program. Each comes at least once.

`request` may be None where a flow was called without one. Further arguments may come, so a
receiver takes `**kwargs`; those named here stay. What a receiver raises is logged.

Login reports need no code: `user_logged_in` and `user_login_failed` are listened to.
"""

from __future__ import annotations

import logging
from typing import Any

from django.dispatch import Signal

from django_sespan._internal.violations import without_rows

logger = logging.getLogger("django.dispatch")
"""Django's own of failed receivers, which it mails to ADMINS unless the site says otherwise."""


class _Signal(Signal):
    """One of the bridge's: what a receiver raises is logged without the row in it."""

    def _log_robust_failure(self, receiver: Any, err: Exception) -> None:
        without_rows(err)
        logger.error("A receiver of the bridge failed: %r", receiver, exc_info=err)


customer_registered = _Signal()
code_sent = _Signal()
email_verified = _Signal()
transaction_drawn = _Signal()
mail_failed = _Signal()
mail_sent = _Signal()
mail_dead = _Signal()


def send_signal(signal: Signal, *, sender: Any, **arguments: Any) -> None:
    """Send one; what a receiver raises is its own and is logged."""
    signal.send_robust(sender=sender, **arguments)
