"""The table of screens, noun by noun."""

from __future__ import annotations

from .areas import AREAS
from .board import BOARD
from .calendar import CALENDAR
from .cases import CASES
from .entrance import ENTRANCE
from .events import EVENTS
from .files import FILES
from .filters import FILTERS
from .found import FOUND
from .home import HOME
from .imports import IMPORTS
from .invites import INVITES
from .lending import LENDING
from .letters import LETTERS
from .lifecycles import LIFECYCLES
from .links import LINKS
from .lists import LISTS
from .mailing import MAILING
from .many import MANY
from .messages import MESSAGES
from .operation import OPERATION
from .overdue import OVERDUE
from .packs import PACKS
from .parties import REGISTER
from .pictures import PICTURES
from .presence import PRESENCE
from .screens import Screen
from .second import SECOND
from .setup import SETUP
from .sheets import SHEETS
from .stations import STATIONS
from .statistics import STATISTICS
from .tokens import TOKENS
from .wall import WALL

SCREENS: tuple[Screen, ...] = (
    *HOME,
    *LISTS,
    *OVERDUE,
    *FILTERS,
    *MANY,
    *BOARD,
    *CASES,
    *EVENTS,
    *PICTURES,
    *STATISTICS,
    *AREAS,
    *FOUND,
    *WALL,
    *LIFECYCLES,
    *LETTERS,
    *PACKS,
    *LINKS,
    *INVITES,
    *MAILING,
    *STATIONS,
    *REGISTER,
    *SHEETS,
    *LENDING,
    *IMPORTS,
    *MESSAGES,
    *CALENDAR,
    *OPERATION,
    *TOKENS,
    *SETUP,
    *ENTRANCE,
    *SECOND,
    *PRESENCE,
    *FILES,
)

MENU = tuple(screen for screen in SCREENS if screen.menu)
