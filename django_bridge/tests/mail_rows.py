"""What the tests of the e-mail backend look at: the rows in the queue."""

from __future__ import annotations

import json

from django.db import connection

from django_sespan.mail import EmailBackend


def row(message_id):
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM sespan.mail_message WHERE message_id = %s", [message_id])
        names = [c.name for c in cursor.description]
        found = dict(zip(names, cursor.fetchone(), strict=True))
        cursor.execute(
            "SELECT recipient FROM sespan.mail_queue WHERE message_id = %s ORDER BY queue_id",
            [message_id],
        )
        found["envelope"] = [r[0] for r in cursor.fetchall()]
    for name in ("headers", "attachments"):
        if isinstance(found[name], str):
            found[name] = json.loads(found[name])
    return found


def send(message):
    assert EmailBackend().send_messages([message]) == 1
    return row(message.sespan_id)


def count():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sespan.mail_queue")
        return cursor.fetchone()[0]
