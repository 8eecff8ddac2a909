# ruff: noqa: PT009
"""Oscar's own registration and checkout, with the recipes in its two forked apps."""

from decimal import Decimal

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.management import call_command
from django.test import Client, TestCase
from oscar.apps.order.models import Order
from oscar.test.factories import create_product

from django_sespan import checkout, errors
from django_sespan.testing import SespanTestMixin

User = get_user_model()
REGISTER, LOG_IN, CODE = "/accounts/register/", "/accounts/login/", "/account/code/"
PREVIEW, TOKEN = "/checkout/preview/", "/account/checkout-token/"
EMAIL, PASSWORD = "sari@example.com", "correct horse 9"
FORM = {"email": EMAIL, "password1": PASSWORD, "password2": PASSWORD}


class RegistrationTest(SespanTestMixin, TestCase):
    """Both pages of Oscar that register."""

    def register(self, client=None, **more):
        """Fill in the form of the page that only registers."""
        answer = (client or self.client).post(REGISTER, FORM | more)
        self.assertRedirects(answer, CODE, fetch_redirect_response=False)

    def test_the_site_is_well(self):
        call_command("check", tag=["sespan"], fail_level="WARNING")

    def test_the_page_that_registers(self):
        self.register(redirect_url="/basket/")
        self.assertFalse(User.objects.exists())
        answer = self.client.post(CODE, {"code": self.sespan.code()})
        self.assertRedirects(answer, "/basket/", fetch_redirect_response=False)
        user = User.objects.get()
        self.assertEqual(len(user.username), 30)  # Oscar's own
        self.assertTrue(user.is_active and user.check_password(PASSWORD))
        self.assertEqual(self.client.get("/home/").text, f"hello {EMAIL}")
        login = {"login-username": EMAIL, "login-password": PASSWORD, "login_submit": "x"}
        self.assertEqual(Client().post(LOG_IN, login).status_code, 302)

    def test_the_page_that_logs_in_and_registers(self):
        typed = {f"registration-{name}": value for name, value in FORM.items()}
        answer = self.client.post(LOG_IN, typed | {"registration_submit": "x"})
        self.assertRedirects(answer, CODE, fetch_redirect_response=False)
        self.client.post(CODE, {"code": self.sespan.code()})
        self.assertTrue(User.objects.get().check_password(PASSWORD))

    def test_a_known_address_is_not_told(self):
        """Oscar's form says it; `begin` does not."""
        User.objects.create_user("old", EMAIL, PASSWORD)
        self.register()
        self.assertContains(self.client.post(CODE, {"code": "000000"}), "4 tries")
        self.assertEqual([notice.email for notice in self.sespan.notices], [EMAIL])
        self.assertEqual(User.objects.count(), 1)

    def test_oscars_own_errors(self):
        answer = self.client.post(REGISTER, FORM | {"password2": "another horse 8"})
        self.assertContains(answer, "The two password fields")
        typed = {"registration-email": "x", "registration_submit": "x"}
        self.assertContains(self.client.post(LOG_IN, typed), "valid email")
        self.assertEqual(self.sespan.outbox, [])

    def test_while_sespan_is_away(self):
        with self.sespan.failing(errors.SespanUnavailable):
            self.assertContains(self.client.post(REGISTER, FORM), "nothing was kept")
        self.register()

    def test_a_login_by_code(self):
        User.objects.create_user("old", EMAIL, PASSWORD)
        self.client.post("/account/login-code/", {"email": EMAIL})
        self.client.post(CODE, {"code": self.sespan.code()})
        self.assertEqual(self.client.get("/home/").text, f"hello {EMAIL}")

    def test_a_new_password_within_the_budgets(self):
        """Nobody is mailed whose address is unknown, whatever the form does to hide that."""
        User.objects.create_user("old", EMAIL, PASSWORD)
        reset = "/password-reset/"
        for address in (EMAIL, "nobody@example.com"):
            self.assertEqual(self.client.post(reset, {"email": address}).status_code, 302)
        self.assertEqual([message.to for message in mail.outbox], [[EMAIL]])
        self.sespan.budgets.refuse(60)
        self.client.post(reset, {"email": EMAIL})
        self.assertEqual(len(mail.outbox), 1)


class CheckoutTest(SespanTestMixin, TestCase):
    """From the basket to the order, by Oscar's pages."""

    @classmethod
    def setUpTestData(cls):
        """Two products that are not shipped, and somebody who buys."""
        cls.book, cls.pencil = (
            create_product(price=Decimal(price), num_in_stock=100) for price in ("100.00", "1.50")
        )
        for product in (cls.book, cls.pencil):
            kind = product.product_class
            kind.requires_shipping = False
            kind.save()
        cls.user = User.objects.create_user("sari", EMAIL, PASSWORD)

    def setUp(self):
        """Log in, and put the book into the basket."""
        super().setUp()
        self.client.force_login(self.user)
        self.add(self.book)

    def add(self, product, client=None):
        """Use Oscar's form."""
        url = f"/basket/add/{product.pk}/"
        self.assertEqual((client or self.client).post(url, {"quantity": 1}).status_code, 302)

    def preview(self, client=None):
        """Walk to the last page before the order."""
        page = (client or self.client).get("/checkout/shipping-address/", follow=True)
        self.assertEqual(page.request["PATH_INFO"], "/checkout/payment-details/")
        page = (client or self.client).get(PREVIEW)
        self.assertEqual(page.status_code, 200)
        return page

    def place(self, client=None):
        """Press the button; give the order."""
        answer = (client or self.client).post(PREVIEW, {"action": "place_order"})
        self.assertRedirects(answer, "/checkout/thank-you/", fetch_redirect_response=False)
        return Order.objects.latest("pk")

    def draws(self):
        """The references that were drawn."""
        return [call.body["order_ref"] for call in self.sespan.calls if "order_ref" in call.body]

    def test_a_win_is_paid_and_booked(self):
        self.sespan.win("0.1")
        self.preview()
        order = self.place()
        self.assertEqual((order.total_incl_tax, order.total_excl_tax), (Decimal(90), Decimal(90)))
        (discount,) = order.discounts.all()
        self.assertEqual((discount.amount, discount.offer_name), (Decimal(10), "Sespan"))
        self.assertEqual(self.draws(), [f"basket-{order.basket_id}-100.00"])
        cancelled = checkout.cancel(int(discount.message))
        self.assertEqual(cancelled.order_ref, self.draws()[0])
        thanks = self.client.get("/checkout/thank-you/")
        self.assertContains(thanks, "90.00")

    def test_a_loss_is_the_full_price(self):
        self.preview()
        order = self.place()
        self.assertEqual(order.total_incl_tax, Decimal(100))
        self.assertFalse(order.discounts.exists())

    def test_the_box_shows_what_is_charged(self):
        self.sespan.win("0.1")
        page = self.preview()
        ref = page.context["sespan_ref"]
        self.assertContains(page, f'data-order-ref="{ref}"')
        answer = self.client.post(TOKEN, {"order_ref": ref})
        self.assertEqual(
            (answer.json()["order_ref"], answer.json()["transaction_amount"]), (ref, "100.00")
        )
        self.assertEqual(self.place().total_incl_tax, Decimal(90))
        self.assertEqual(self.draws(), [ref])

    def test_the_box_of_a_basket_that_was_changed_meanwhile(self):
        ref = self.preview().context["sespan_ref"]
        self.add(self.pencil)
        self.assertEqual(self.client.post(TOKEN, {"order_ref": ref}).status_code, 404)

    def test_a_basket_that_is_changed_there_and_back(self):
        """Another total is another draw, and the old total has its old one."""
        refs = [self.preview().context["sespan_ref"]]
        self.add(self.pencil)
        refs.append(self.preview().context["sespan_ref"])
        self.assertNotEqual(*refs)
        self.client.post(
            "/basket/",
            {
                "form-TOTAL_FORMS": 2,
                "form-INITIAL_FORMS": 2,
                **self.line(0, self.book, 1),
                **self.line(1, self.pencil, 0),
            },
        )
        self.assertEqual(self.preview().context["sespan_ref"], refs[0])

    def line(self, number, product, quantity):
        """A row of the form of the basket."""
        line = apps.get_model("basket", "Line").objects.get(product=product)
        return {f"form-{number}-id": line.pk, f"form-{number}-quantity": quantity}

    def test_while_sespan_is_away_the_order_goes_through(self):
        self.preview()
        for error in (errors.SespanUnavailable, errors.SespanMisconfigured, errors.SespanRefused):
            with self.subTest(error=error), self.sespan.failing(error):
                order = self.place()
                self.assertEqual(order.total_incl_tax, Decimal(100))
                self.assertFalse(order.discounts.exists())
            self.add(self.book)
            self.preview()

    def test_what_it_would_have_cost_is_told_later(self):
        self.sespan.win("0.1")
        self.preview()
        with self.sespan.failing(errors.SespanUnavailable):
            order = self.place()
        ref = f"basket-{order.basket_id}-{order.total_incl_tax}"
        draw = checkout.price(order.user_id, ref, order.total_incl_tax)
        self.assertEqual(draw.discounted_amount, Decimal(90))

    def test_a_guest_pays_the_full_price(self):
        self.sespan.win("0.1")
        guest = Client()
        self.add(self.book, guest)
        guest.get("/checkout/")
        answer = guest.post("/checkout/", {"username": "guest@example.com", "options": "anonymous"})
        self.assertEqual(answer.status_code, 302)
        page = self.preview(guest)
        self.assertNotContains(page, "data-sespan-checkout")
        order = self.place(guest)
        self.assertEqual((order.user, order.total_incl_tax), (None, Decimal(100)))
        self.assertEqual(self.draws(), [])
