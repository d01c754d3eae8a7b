"""A page that shows every component once, for tests and for looking; it exists in tests only."""

import datetime as dt
from enum import nonmember

from django import forms
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import include, path
from django.utils import timezone

from anonportal.ui import states
from anonportal.ui.shell import Group, Item, Place, Shell
from anonportal.ui.toasts import toast


class BatchState(models.TextChoices):
    """Choices whose class name says the kind."""

    PROCESSING = "processing", "Processing"
    ATTENTION = "attention", "Attention"


class Fate(models.TextChoices):
    """Choices that say their kind themselves."""

    kind = nonmember("instance")
    HELD = "held", "Held"


class GalleryForm(forms.Form):
    """One field of each sort."""

    name = forms.CharField(label="Name", help_text="As it shall be shown")
    priority = forms.ChoiceField(
        label="Priority",
        choices=[("STAT", "STAT"), ("HIGH", "HIGH"), ("ROUTINE", "ROUTINE")],
        widget=forms.RadioSelect,
    )


def shell(request: HttpRequest) -> Shell:
    """Return a frame with everything in it."""
    here = request.path
    return Shell(
        places=(
            Place("1", "Example General Hospital", "coordinator", current=True),
            Place("2", "Sample Coast Clinic", "auditor"),
        ),
        switch_url="/switch/",
        main=(
            Item("Home", "/gallery/", "home", current=here == "/gallery/"),
            Item("New batch", "/gallery/new/", "plus"),
            Item("Batches", "/gallery/batches/", "batches"),
            Item("Review", "/gallery/review/", "eye", badge=11),
        ),
        groups=(
            Group(
                "Set-up",
                (
                    Item("Profiles", "/gallery/profiles/", "sliders"),
                    Item("Destinations", "/gallery/destinations/", "plug"),
                ),
            ),
        ),
        search_url="/gallery/",
        search_label="Batch or cloud id",
        home_url="/gallery/",
    )


def gallery(request: HttpRequest) -> HttpResponse:
    """Show the components."""
    now = timezone.now()
    if "toast" in request.GET:
        toast(request, "Referral letter excluded.", icon="minus", family="idle", undo="/undo/")
    form = GalleryForm({"priority": "odd"} if "wrong" in request.GET else None)
    hours = [(f"{hour % 24:02}:00", 90 + (hour * 397) % 2600) for hour in range(9, 33)]
    return render(
        request,
        "gallery/gallery.html",
        {
            "done": 100 if "still" in request.GET else 0,
            "next": "/gallery/progress/?done=30",
            "kinds": states.kinds(),
            "member": BatchState.PROCESSING,
            "fate": Fate.HELD,
            "form": form,
            "now": now,
            "earlier": now - dt.timedelta(minutes=25),
            "old": now - dt.timedelta(days=3),
            "hours": hours,
            "reasons": [("Text in the picture", 583), ("Text not certain", 194), ("Two ids", 31)],
            "labels": ["Mon", "Tue", "Wed", "Thu", "Fri"],
            "series": [
                ("STAT", "moving", [14, 12, None, 18, 11]),
                ("ROUTINE", "idle", [40, 55, 38, 61, 47]),
            ],
            "parts": [
                ("clean, waiting for release", 783, "moving"),
                ("held", 12, "held"),
                ("excluded", 1, "idle"),
                ("in work", 488, "rest"),
            ],
            "wrong_parts": [("delivered", 3, "done")],
        },
    )


def progress(request: HttpRequest) -> HttpResponse:
    """Answer a poll."""
    done = int(request.GET["done"])
    context = {"done": done, "next": f"/gallery/progress/?done={done + 30}"}
    return render(request, "gallery/_progress.html", context)


def confirm(request: HttpRequest) -> HttpResponse:
    """Ask before an act that cannot be undone."""
    if request.method == "POST":
        return redirect("/gallery/?still=1&cancelled=1")
    return render(
        request,
        "confirm.html",
        {
            "heading": "Cancel batch 3f9c21aa",
            "consequence": "Nothing more leaves. 783 clean images are not sent.",
            "verb": "Cancel batch",
            "risk": True,
            "back": "/gallery/",
        },
    )


urlpatterns = [
    path("gallery/", gallery, name="gallery"),
    path("gallery/progress/", progress),
    path("gallery/confirm/", confirm),
    path("account/", include("anonportal.accounts.urls")),
]
