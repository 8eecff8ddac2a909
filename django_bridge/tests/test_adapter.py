"""What a site may decide with an adapter, a form or a view of its own."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from django_sespan import signals
from django_sespan.adapter import Adapter
from django_sespan.forms import RegisterForm
from django_sespan.views import CodeView, RegisterView
from registrants import CODE_URL, REGISTER_URL, form

pytestmark = pytest.mark.django_db(transaction=True)


class Strict(Adapter):
    """Nobody goes on with a registration."""

    def may_resume(self, request, user):
        return False


class Closed(Adapter):
    def is_open_for_registration(self, request):
        return "invited" in request.GET


class Shop(Adapter):
    seen = []

    def new_user(self, request, form):
        user = super().new_user(request, form)
        user.last_name = "of the shop"
        return user

    def save_user(self, request, form, user):
        super().save_user(request, form, user)
        user.groups.set([Group.objects.get_or_create(name="customers")[0]])

    def on_verified(self, request, user, purpose):
        self.seen.append((user.username, user.is_active, purpose, request.user.is_authenticated))
        raise RuntimeError("is the site's own")

    def success_url(self, request, user):
        return f"/welcome/{user.username}/"


class First(Adapter):
    code_first = True


class ShopForm(RegisterForm):
    """With a field of the model and one that is none."""

    class Meta(RegisterForm.Meta):
        fields = ["username", "email", "first_name"]


@pytest.fixture
def adapter(memory, settings):
    def use(name):
        settings.SESPAN = {**settings.SESPAN, "ADAPTER": f"test_adapter.{name}"}
        return memory

    return use


def test_closed(adapter, client):
    adapter("Closed")
    for answer in (client.get(REGISTER_URL), client.post(REGISTER_URL, form())):
        assert answer.status_code == 403
        assert "Registration is closed" in answer.text
    assert not User.objects.exists()
    assert client.get(f"{REGISTER_URL}?invited").status_code == 200


def test_hooks_of_the_whole_path(adapter, client):
    sespan = adapter("Shop")
    client.post(REGISTER_URL, form())
    user = User.objects.get()
    assert (user.last_name, user.groups.get().name) == ("of the shop", "customers")
    Client().post(REGISTER_URL, form("again", password="another horse 8"))
    user.refresh_from_db()
    assert (user.username, user.last_name) == ("again", "of the shop")
    client.post(REGISTER_URL, form())
    sespan.advance(61)
    client.post("/account/code/resend/")
    answer = client.post(CODE_URL, {"code": sespan.code()})
    assert answer["Location"] == "/welcome/budi/"
    assert Shop.seen == [("budi", True, "registration", False)]


def test_the_adapter_chooses_the_order(adapter, client):
    sespan = adapter("First")
    client.post(REGISTER_URL, form())
    assert not User.objects.exists()
    assert client.post(CODE_URL, {"code": sespan.code()})["Location"] == "/home/"
    assert User.objects.get().is_active


def test_a_view_overrules_the_adapter(adapter, rf):
    view = RegisterView(code_first=False)
    assert view.code_first is False


def test_a_form_of_the_shop_replaces_all_its_fields(memory, rf, client):
    def post(**fields):
        bound = ShopForm(form(**fields))
        assert bound.is_valid(), bound.errors
        return bound

    from django_sespan._internal.flows.register import register

    for name, password in (("Budi", "correct horse 9"), ("", "another horse 8")):
        request = rf.post("/")
        request.session = client.session
        register(request, post(first_name=name, password=password))
        user = User.objects.get()
        assert (user.first_name, user.check_password(password)) == (name, True)


def test_success_url_of_the_view():
    assert CodeView(success_url="/thanks/").destination() == "/thanks/"
    assert CodeView(success_url="/thanks/").destination("/cart/") == "/cart/"


def test_the_signals_have_the_arguments_that_are_documented(memory, client):
    seen = {}

    def keep(name):
        def receiver(sender, **arguments):
            arguments.pop("signal")
            seen[name] = set(arguments)

        return receiver

    names = ("customer_registered", "code_sent", "email_verified")
    receivers = {name: keep(name) for name in names}
    for name, receiver in receivers.items():
        getattr(signals, name).connect(receiver)
    client.post(REGISTER_URL, form())
    client.post(CODE_URL, {"code": memory.code()})
    for name, receiver in receivers.items():
        getattr(signals, name).disconnect(receiver)
    assert seen == {
        "customer_registered": {"request", "user", "replaced"},
        "code_sent": {"request", "customer_id", "purpose", "challenge_id"},
        "email_verified": {"request", "customer_id", "user", "purpose"},
    }
    for name, arguments in seen.items():
        line = signals.__doc__[signals.__doc__.index(name) :]
        listed = line[line.index("(") : line.index(")")]
        assert all(argument in listed for argument in arguments), name
