from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.http import HttpResponse
from django.urls import include, path

from site_project import orders


def home(request):
    return HttpResponse(f"hello {request.user.get_username()}")


urlpatterns = [
    path("account/", include("django_sespan.urls")),
    path("admin/", admin.site.urls),
    path("home/", home),
    path("login/", LoginView.as_view(template_name="admin/login.html")),
    path("checkout/<str:order_ref>/", orders.page),
]
