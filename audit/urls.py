"""Pages of the trail; the host includes them under a prefix of its own."""

from django.urls import path

from audit import views

app_name = "audit"

urlpatterns = [
    path("", views.home, name="home"),
    path("<slug:chain>/", views.timeline, name="timeline"),
    path("<slug:chain>/events/<int:pk>/", views.event, name="event"),
    path("<slug:chain>/subjects/<path:subject>/", views.subject, name="subject"),
    path("<slug:chain>/people/<path:actor>/", views.person, name="person"),
    path("<slug:chain>/unusual/", views.unusual_activity, name="unusual"),
    path("<slug:chain>/proof/", views.proof, name="proof"),
    path("<slug:chain>/verify/", views.verify, name="verify"),
    path("<slug:chain>/verifier.py", views.verifier, name="verifier"),
    path("<slug:chain>/export/", views.export, name="export"),
    path("<slug:chain>/exports/", views.export_list, name="exports"),
    path("<slug:chain>/exports/<uuid:pk>/file/", views.export_file, name="export-file"),
]
