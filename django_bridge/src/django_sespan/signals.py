"""Signals of the bridge. Every receiver runs in the request, after the commit.

customer_registered (sender, request, user, replaced): a registration was saved and waits for
                    its code. `replaced` is True where an unverified one of the same address
                    got this one's data and password.
code_sent           (sender, request, customer_id, purpose, challenge_id): a code was asked for
                    and accepted. `customer_id` is None where the customer comes after the code.
email_verified      (sender, request, customer_id, user, purpose): the right code was entered; the
                    customer is active. `user` is the user object.
transaction_drawn   (sender, customer_id, order_ref, draw): `checkout.price` got its answer
                    (again for a repeated call of the same order).
mail_failed         (sender, message, error): the database refused to queue a mail.

`request` may be None where a flow was called without one. Further arguments may come, so a
receiver takes `**kwargs`; those named here stay. What a receiver raises is logged.

Login reports need no code: `user_logged_in` and `user_login_failed` are listened to.
"""

from __future__ import annotations

from django.dispatch import Signal

customer_registered = Signal()
code_sent = Signal()
email_verified = Signal()
transaction_drawn = Signal()
mail_failed = Signal()
