"""Oscar's pages, and Sespan's."""

from django.apps import apps
from django.http import HttpResponse
from django.urls import include, path

urlpatterns = [
    path("account/", include("django_sespan.urls")),
    path("home/", lambda request: HttpResponse(f"hello {request.user.email}")),
    path("", include(apps.get_app_config("oscar").urls[0])),
]
