"""Before the recipe, whose block the test puts at the end."""

from django.http import HttpResponse
from django.urls import include, path

urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("account/", include("django_sespan.urls")),
    path("home/", lambda request: HttpResponse(f"hello {request.user.get_username()}")),
]
