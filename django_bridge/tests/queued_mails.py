"""Mails in the states that staff meet, and what the tests of their pages look at."""

from __future__ import annotations

from django.contrib.auth.models import Permission, User
from django.core.mail import EmailMessage
from django.db import connection

from django_sespan.mail import EmailBackend

LIST = "/admin/sespan/mailmessage/"
QUEUE = "/admin/sespan/mailqueue/"


def execute(sql, values=()):
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return cursor.fetchall() if cursor.description else None


def queue(subject="Hello <b>", to=("a@example.com",), cls=EmailMessage, **options):
    made = cls(subject, "secret body", "shop@example.com", list(to))
    made.sespan = options
    EmailBackend().send_messages([made])
    return made.sespan_id


def finish(message_id, state="dead", reason="refused", reply="550 no such user"):
    """Let the first recipient of a mail end as a worker does."""
    execute(
        """WITH q AS (DELETE FROM sespan.mail_queue WHERE queue_id = %s RETURNING *)
           INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, state, attempts, code,
               recipient, reason, reply, relay)
           SELECT queue_id, message_id, created_at, %s, 2, 550, recipient, %s, %s, 'mx:25'
           FROM q""",
        [message_id * 1024, state, reason, reply],
    )
    execute(
        "UPDATE sespan.mail_message SET pending = pending - 1, dead = %s, sent = %s"
        " WHERE message_id = %s",
        [int(state == "dead"), int(state == "sent"), message_id],
    )


def state(message_id):
    sql = "SELECT state FROM sespan.mail_recipient WHERE message_id = %s ORDER BY queue_id"
    return [r[0] for r in execute(sql, [message_id])]


def audit():
    sql = "SELECT actor, action, ids FROM sespan.audit"
    sql += " WHERE subject IN ('mail', 'pause', 'address') AND action <> 'read' ORDER BY audit_id"
    return [tuple(r) for r in execute(sql)]


def message_texts(page):
    return [str(m) for m in page.context["messages"]]


def log_in(client, *rights):
    """Let the client be Anna of the staff, with these rights."""
    user = User.objects.create_user("anna", "anna@example.com", "x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    return client
