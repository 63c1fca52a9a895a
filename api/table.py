"""The table of routes, noun by noun."""

from __future__ import annotations

from .alerts import ALERTS
from .batches import BATCHES
from .calendars import CALENDARS
from .cases import CASES
from .definitions import DEFINITIONS
from .delegations import DELEGATIONS
from .description import DESCRIPTION
from .documents import DOCUMENTS
from .door_pages import DOOR_PAGES
from .doors import DOORS
from .emergency import EMERGENCY
from .exports import EXPORTS
from .feeds import FEEDS
from .filters import FILTERS
from .happenings import HAPPENINGS
from .health import HEALTH
from .imports import IMPORTS
from .inbox import INBOX
from .invitations import INVITATIONS
from .ledgers import LEDGERS
from .letters import LETTERS
from .migrate import MIGRATIONS
from .packs import PACKS
from .parties import PARTIES
from .presence import PRESENCE
from .receptions import RECEPTIONS
from .reports import REPORTS
from .routes import Route
from .rules import RULES
from .statistics import STATISTICS
from .subscriptions import SUBSCRIPTIONS
from .tokens import TOKENS
from .views import VIEWS

ROUTES: tuple[Route, ...] = (
    *CASES, *VIEWS, *FILTERS, *BATCHES, *DOCUMENTS, *LETTERS, *PACKS, *LEDGERS, *IMPORTS,
    *INVITATIONS, *HAPPENINGS, *SUBSCRIPTIONS, *FEEDS, *INBOX, *STATISTICS, *REPORTS, *EXPORTS, *DEFINITIONS, *MIGRATIONS,
    *RULES, *CALENDARS, *PARTIES, *RECEPTIONS, *DOORS, *DOOR_PAGES,
    *TOKENS, *PRESENCE, *DELEGATIONS, *EMERGENCY, *ALERTS, *HEALTH, *DESCRIPTION,
)  # fmt: skip
