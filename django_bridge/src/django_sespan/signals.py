"""Signals of the bridge. Every receiver runs in the request, after the commit.

code_sent         (sender, request, customer_id, purpose, challenge_id): a code was asked for
                  and accepted.
email_verified    (sender, request, customer_id, user, purpose): the right code was entered; the
                  customer is active. `user` is the user object.
transaction_drawn (sender, customer_id, order_ref, draw): `checkout.price` got its answer
                  (again for a repeated call of the same order).
mail_failed       (sender, message, error): the database refused to queue a mail.

Login reports need no code: `user_logged_in` and `user_login_failed` are listened to.
"""

from __future__ import annotations

from django.dispatch import Signal

code_sent = Signal()
email_verified = Signal()
transaction_drawn = Signal()
mail_failed = Signal()
