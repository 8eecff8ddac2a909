"""Customers in every state that a registration may meet, with Sespan in memory."""

from __future__ import annotations

import re
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from django_sespan._internal.runtime import runtime

REGISTER_URL = "/account/register/"
CODE_URL = "/account/code/"
RESEND_URL = "/account/code/resend/"
RESUME_URL = "/account/code/resume/"
LOGIN_URL = "/sespan-login/"
LOGIN_CODE_URL = "/account/login-code/"
EMAIL = "budi@example.com"
PASSWORD = "correct horse 9"
OTHER = "another horse 8"

STATES = ["unknown", "unverified", "verified", "banned", "inactive", "twice"]


def form(username="budi", email=EMAIL, password=PASSWORD, **more):
    return {
        "username": username,
        "email": email,
        "password1": password,
        "password2": password,
        **more,
    }


def registrations():
    return runtime.registrations


def prepare(state, email=EMAIL, password="old password 7"):
    """Put the address into a state; gives its account, if it has one."""
    if state == "unknown":
        return None
    joined = timezone.now() - timedelta(days=3)
    with transaction.atomic():
        user = User.objects.create_user("old", email, password, is_active=False)
        if state in {"unverified", "banned"}:
            assert registrations().register(user) == "granted"
    match state:
        case "verified":
            User.objects.filter(pk=user.pk).update(is_active=True, last_login=joined)
        case "banned":
            User.objects.filter(pk=user.pk).update(is_active=True, last_login=joined)
            user.refresh_from_db()
            registrations().supersede(user)  # active: its right has ended
            User.objects.filter(pk=user.pk).update(is_active=False, last_login=None)
        case "twice":
            User.objects.update(is_active=True)
            User.objects.create_user("older", email.upper(), password)
    if state != "unverified":
        User.objects.filter(pk=user.pk).update(date_joined=joined)
    user.refresh_from_db()
    return user


def bare(page):
    """A page without what differs from request to request: tokens and the time of day."""
    text = re.sub(r'value="[\w-]{16,}"', "", page.text)
    text = re.sub(r"valid for \d+ (minute|second)s?\.", "valid for a while.", text)
    text = re.sub(r'data-seconds="\d+"|data-sespan-seconds>\d+', "N", text)
    return re.sub(r"\d+ seconds?", "N seconds", text)
