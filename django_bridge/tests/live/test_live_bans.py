"""Who may be activated, in any order of what visitors and staff do, on the real stack.

Each walk has one address. A model of its account, four values, goes along with the site, the
service and their database; after each step both must agree.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, replace

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from django_sespan import errors
from django_sespan._internal.flows.pending_code import SESSION_KEY
from django_sespan._internal.registrations import Registrations
from django_sespan.client import get_client
from live.test_live import CODE_URL, PASSWORD, code_in
from live.test_live_unfinished_registrations import OTHER, passwords

REGISTER_URL, LOGIN_URL = "/account/register/", "/sespan-login/"
numbers = itertools.count(1)

ONCE_WRONG = (
    "waits for approval, register, register anew, register, newest code",
    "waits for approval as staff, register, register anew, register, newest code",
    "register, approve by save, ban by save, older code, register anew, newest code",
    "register, approve by update, log in, ban by update, newest code",
    "register, approve by update, register anew, ban by update, newest code, older code",
    "register, newest code, ban by save, register anew, newest code",
    "register, revoke, newest code, register anew, newest code",
    "register, save as it is, register anew, older code, newest code",
    "register, delete, older code, register, newest code",
)
"""Walks that ended in an activation that nobody had allowed, and their siblings."""


@dataclass
class Account:
    """The model: what is so, and whether it could be seen that somebody else activated it."""

    there: bool = False
    active: bool = False
    right: str = "none"
    barred: bool = False  # banned, or never allowed: no code may activate it any more

    def see(self):
        """Do what every call does that finds the account."""
        if self.active and self.right == "live":
            self.right, self.barred = "ended", True


class Walk:
    def __init__(self, stack, *, watched):
        self.stack, self.sink, self.watched = stack, stack.sink, watched
        self.name = f"walker{next(numbers)}"
        self.address = f"{self.name}@example.com"
        self.model, self.codes, self.done, self.activated = Account(), [], [], 0

    def go(self, steps):
        for step in steps:
            self.done.append(step)
            self.stack.rows("TRUNCATE sespan.budget")
            self.stack.rows(
                "UPDATE sespan.otp_challenge SET sent_at = sent_at - interval '61 seconds'"
            )
            STEPS[step](self)
            user = self.user()
            found = Account(
                there=user is not None,
                active=bool(user and user.is_active),
                right="none" if user is None else Registrations().right(user),
                barred=self.model.barred,
            )
            assert found == self.model, self.done

    def user(self):
        return User.objects.filter(email=self.address).first()

    def change(self, **fields):
        self.model = replace(self.model, **fields)

    # --- the visitor

    def register(self, password=PASSWORD):
        browser = Client()
        form = {"username": self.name, "email": self.address, **passwords(password)}
        if not self.model.there:
            self.change(there=True, right="live", barred=False)
        elif self.model.active or self.model.right != "live":
            form["username"] += "x"  # it is somebody else's: taken
        self.model.see()
        page = browser.post(REGISTER_URL, form)
        assert page.headers.get("Location") == CODE_URL, (self.done, page.text)
        if code := self.newest_mail():
            self.codes.append((browser.session[SESSION_KEY]["challenge_id"], code))

    def newest_mail(self):
        """The code of the newest mail; None for a notice, or where none was sent."""
        query = "SELECT count(*) FROM sespan.mail_message WHERE %s = ANY (to_addresses)"
        sent = self.stack.rows(query, [self.address])[0][0]
        if not sent:
            return None
        newest = self.sink.wait(self.address, sent)
        return None if "account" in newest.message["Subject"] else code_in(newest)

    def enter(self, which):
        if len(self.codes) < -which:
            return
        challenge, code = self.codes[which]
        before = replace(self.model)
        try:
            get_client().otp_verify(challenge, code)
        except errors.ActivationRefused:
            assert not before.active, self.done
            assert before.right != "live", self.done
        except errors.SespanError:
            self.model.see()
        else:
            assert before.active or before.right == "live", self.done
            assert before.active or not before.barred, self.done
            self.activated += not before.active
            right = "ended" if before.right == "live" else before.right
            self.change(active=True, right=right)

    def log_in(self):
        """With whichever password is the account's."""
        for password in (PASSWORD, OTHER):
            Client().post(LOGIN_URL, {"username": self.name, "password": password})
        self.model.see()

    # --- the staff

    def wait_for_approval(self, *, staff=False):
        if not self.model.there:
            User.objects.create_user(
                self.name, self.address, PASSWORD, is_active=False, is_staff=staff
            )
            self.change(there=True, right="none", barred=True)

    def save(self, active):
        if user := self.user():
            user.is_active = active
            user.save()
            self.change(active=active)
            self.model.see()

    def save_as_it_is(self):
        if user := self.user():
            user.first_name += "x"
            user.save()
            self.model.see()

    def update(self, active):
        User.objects.filter(email=self.address).update(is_active=active)
        if self.model.there:
            self.change(active=active)
            if self.watched:
                self.model.see()

    def revoke(self):
        if user := self.user():
            with connection.cursor() as cursor:
                cursor.execute("SELECT sespan.otp_revoke(%s)", [user.pk])
            self.change(right="ended", barred=True)

    def delete(self):
        User.objects.filter(email=self.address).delete()
        self.model = Account()


STEPS = {
    "register": Walk.register,
    "register anew": lambda walk: walk.register(OTHER),
    "newest code": lambda walk: walk.enter(-1),
    "older code": lambda walk: walk.enter(-2),
    "log in": Walk.log_in,
    "waits for approval": Walk.wait_for_approval,
    "waits for approval as staff": lambda walk: walk.wait_for_approval(staff=True),
    "approve by save": lambda walk: walk.save(active=True),
    "approve by update": lambda walk: walk.update(active=True),
    "ban by save": lambda walk: walk.save(active=False),
    "ban by update": lambda walk: walk.update(active=False),
    "save as it is": Walk.save_as_it_is,
    "revoke": Walk.revoke,
    "delete": Walk.delete,
}


@pytest.fixture(params=[False, True], ids=["not watched", "watched"])
def watched(request, stack):
    """With and without the trigger of `bind-customers --watch`."""
    if not request.param:
        yield False
        return
    (statement,) = stack.rows("SELECT sespan.otp_watch_bind()")[0]
    stack.rows(statement)
    yield True
    stack.rows("SELECT sespan.otp_watch_drop()")


def test_walks_that_were_once_wrong(stack, watched):
    for steps in ONCE_WRONG:
        Walk(stack, watched=watched).go(steps.split(", "))


def test_any_walk(stack, watched):
    chance, activated = random.Random(12), 0
    for _ in range(6):
        walk = Walk(stack, watched=watched)
        walk.go(["register", *chance.choices(list(STEPS), k=9)])
        activated += walk.activated
    assert activated, "walks in which nobody is activated show nothing"
