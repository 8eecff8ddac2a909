"""Forms of the cart and the checkout."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from catalogue.models import Product
from orders.cart import MOST_OF_ONE
from orders.models import Order, Payment


class QuantityForm(forms.Form):
    """How many of one product."""

    quantity = forms.IntegerField(label=_("Quantity"), min_value=1, max_value=MOST_OF_ONE)

    def __init__(self, *args: Any, product: Product, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        most = max(1, min(product.stock, MOST_OF_ONE))
        self.fields["quantity"].widget = forms.NumberInput(
            attrs={"min": 1, "max": most, "inputmode": "numeric"}
        )


class DeliveryForm(forms.ModelForm):
    """Where an order goes and how it is paid. There is no price in it: the server knows it."""

    payment = forms.ChoiceField(
        label=_("Payment"), choices=Payment.choices, widget=forms.RadioSelect
    )

    class Meta:
        model = Order
        fields = ("recipient", "phone_number", "street", "city", "postal_code", "payment")
        widgets = {
            "recipient": forms.TextInput(attrs={"autocomplete": "name"}),
            "phone_number": forms.TextInput(
                attrs={"autocomplete": "tel", "inputmode": "tel", "type": "tel"}
            ),
            "street": forms.TextInput(attrs={"autocomplete": "street-address"}),
            "city": forms.TextInput(attrs={"autocomplete": "address-level2"}),
            "postal_code": forms.TextInput(
                attrs={"autocomplete": "postal-code", "inputmode": "numeric"}
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.required = True
