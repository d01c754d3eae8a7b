"""What the frame around every page needs to know, and who says it.

The page kit knows no organization: `settings.SHELL` names a callable (request) -> Shell. Without
it, or for nobody, the frame is plain.
"""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.module_loading import import_string

Text = str | Promise


@dataclass(frozen=True)
class Item:
    """One link of the navigation; `badge` counts what waits there."""

    label: Text
    url: str
    icon: str
    current: bool = False
    badge: int = 0
    family: str = "held"


@dataclass(frozen=True)
class Group:
    """Links under a heading; on a phone they stand behind "More"."""

    heading: Text
    items: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Place:
    """An organization that the person works in, with the role held there."""

    id: str
    name: str
    role: Text
    current: bool = False

    @property
    def initials(self) -> str:
        """Return up to two letters for the square beside the name."""
        words = [word for word in self.name.split() if word[:1].isalnum()]
        return "".join(word[0] for word in words[:2]).upper()


@dataclass(frozen=True)
class Shell:
    """The frame: where the person is, what they may go to.

    `main` has up to four items (the phone's bottom bar shows exactly these), the rest goes into
    `groups`. The switcher posts `organization=<place id>` to `switch_url`.
    """

    places: tuple[Place, ...] = ()
    switch_url: str = ""
    main: tuple[Item, ...] = ()
    groups: tuple[Group, ...] = ()
    search_url: str = ""
    search_label: Text = ""
    home_url: str = "/"

    @property
    def place(self) -> Place | None:
        """Return the organization the person works in now."""
        return next((place for place in self.places if place.current), None)


def shell_for(request: HttpRequest) -> Shell:
    """Return the frame for this request: the host's, or a plain one for nobody."""
    user = getattr(request, "user", None)
    named = getattr(settings, "SHELL", "")
    if not named or user is None or not user.is_authenticated:
        return Shell()
    made = import_string(named)(request)
    if not isinstance(made, Shell):
        raise TypeError(f"settings.SHELL must return a Shell, not {type(made).__name__}")
    return made
