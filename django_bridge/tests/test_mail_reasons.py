"""Every reason of the database has a sentence in both languages."""

from __future__ import annotations

import pytest
from django.db import connection
from django.utils import translation

from django_sespan._internal.words import FAILURES, word
from django_sespan.mail.reasons import ADDITIONS, SENTENCES, sentence

pytestmark = pytest.mark.django_db
MOMENT = "2026-01-02T03:04:05+00:00"
SAMPLES = {
    "failure": "rcpt_to",
    "code": 451,
    "reply": "come back",
    "relay": "relay:25",
    "pause": "domain:slow.example",
    "actor": "anna",
    "attempts": 3,
    "try": 4,
    "ahead": 7,
    "ago": 5,
    "dispatch": "kafka",
    "workers": 0,
}
HIDDEN = {"abandoned": {"leased_until"}, "overdue": {"due_at"}}
"""Facts that stand beside the sentence."""


def reasons():
    with connection.cursor() as cursor:
        cursor.execute("SELECT reason, facts FROM sespan.mail_reasons()")
        return dict(cursor.fetchall())


def translated(reason, facts, language):
    with translation.override(language):
        return sentence(reason, facts)


def test_every_reason_has_its_sentence(settings):
    settings.TIME_ZONE = "UTC"
    known = reasons()
    assert known.keys() == SENTENCES.keys()
    for reason, names in known.items():
        facts = {name: SAMPLES.get(name, MOMENT) for name in names}
        english, indonesian = (translated(reason, facts, language) for language in ("en", "id"))
        assert english != indonesian, reason
        for language, text in (("en", english), ("id", indonesian)):
            assert "%(" not in text
            for name in set(names) - HIDDEN.get(reason, set()) - {"workers"}:
                shown = SAMPLES.get(name, "2026-01-02 03:04:05")
                shown = "Apache Kafka" if name == "dispatch" else shown
                if name == "failure":  # in words, not as the sender's slug
                    with translation.override(language):
                        shown = word("rcpt_to", FAILURES)
                assert str(shown) in text, (reason, name, text)
        assert ("No worker is running." in english) == ("workers" in names)
        assert "unknown" not in english


def test_facts_may_be_missing():
    for reason in SENTENCES:
        for language in ("en", "id"):
            assert translated(reason, {}, language)
    assert ADDITIONS.keys() <= SENTENCES.keys()


def test_what_is_not_known_here():
    assert sentence(None, {}) == ""
    assert sentence("later", {}) == "later"
    assert "more than 10000" in sentence("behind", {"ahead": 10_001})
    assert "all mails" in sentence("paused", {"pause": "all"})
