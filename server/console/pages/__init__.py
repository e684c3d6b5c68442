"""The pages, in the order of their tabs: this is where a page is registered."""

from collections.abc import Sequence

from server.console.page import Page
from server.console.pages import (
    history,
    keys,
    limits,
    organisations,
    overview,
    state,
    tariffs,
    tenants,
    top_up,
)

PAGES: Sequence[Page] = (
    overview.PAGE,
    history.PAGE,
    top_up.PAGE,
    limits.PAGE,
    organisations.PAGE,
    tariffs.PAGE,
    tenants.PAGE,
    keys.PAGE,
    state.PAGE,
)
