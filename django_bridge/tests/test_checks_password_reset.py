"""Which pages that mail a link for a new password have a limit."""

from __future__ import annotations

from django_sespan.checks import check_password_reset


def test_the_check_names_resets_without_a_limit(settings):
    assert check_password_reset() == []
    settings.ROOT_URLCONF = "resets"
    (found,) = check_password_reset()
    assert (found.id, "unlimited" in found.msg) == ("sespan.W023", True)
