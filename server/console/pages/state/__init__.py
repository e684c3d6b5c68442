"""Состояние: stores, outboxes, queues and decisions, live; the audit, when it is asked for."""

from server.console.page import Action, Page
from server.console.pages.state.audit import run_audit
from server.console.pages.state.live import live
from server.console.pages.state.show import show

PAGE = Page(
    "state",
    needs="GetServiceState",
    actions=(
        Action("GET", "", show),
        Action("GET", "/live", live),
        Action("POST", "/audit", run_audit),
    ),
    of_tenant=False,
)
