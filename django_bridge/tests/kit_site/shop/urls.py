from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.db import transaction
from django.http import HttpResponse
from django.urls import include, path

from django_sespan import checkout


def home(request):
    return HttpResponse(f"hello {request.user.get_username()}")


@transaction.non_atomic_requests
def pay(request, order_ref):
    return HttpResponse(checkout.price(request.user.pk, order_ref, "200.00").discounted_amount)


urlpatterns = [
    path("account/", include("django_sespan.urls")),
    path("admin/", admin.site.urls),
    path("home/", home),
    path("login/", LoginView.as_view(template_name="admin/login.html")),
    path("pay/<str:order_ref>/", pay),
]
