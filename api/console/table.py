"""The table of screens, noun by noun."""

from __future__ import annotations

from .cases import CASES
from .entrance import ENTRANCE
from .events import EVENTS
from .files import FILES
from .home import HOME
from .links import LINKS
from .lists import LISTS
from .many import MANY
from .pictures import PICTURES
from .screens import Screen

SCREENS: tuple[Screen, ...] = (
    *HOME, *LISTS, *MANY, *CASES, *EVENTS, *PICTURES, *LINKS, *ENTRANCE, *FILES,
)  # fmt: skip

MENU = tuple((screen.name, screen.menu, screen.permission == "operator") for screen in SCREENS if screen.menu)
