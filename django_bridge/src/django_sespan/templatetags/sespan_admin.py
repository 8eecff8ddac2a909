"""`{% load sespan_admin %}`: the service's words on the staff's pages."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.translation import gettext as _

from django_sespan._internal.words import MAIL_STATES, word

register = template.Library()


@register.filter
def mail_state_word(state: str) -> str:
    """Return what a state of mails is called."""
    return word(state, MAIL_STATES)


@register.filter
def mail_state(state: str) -> str:
    """Show a state of a mail in its colour."""
    text = word(state, MAIL_STATES)
    return format_html('<span class="sespan-state sespan-{}">{}</span>', state, text)


@register.filter
def paused_what(what: str) -> str:
    """Say what a pause holds: all, category:x or domain:x."""
    scope, _colon, name = what.partition(":")
    if scope == "category":
        return _("The category %(name)s") % {"name": name}
    if scope == "domain":
        return _("The domain %(name)s") % {"name": name}
    return _("All mails") if scope == "all" else what
