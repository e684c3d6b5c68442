"""Обзор: the balance and the running calls, live, and a month in figures."""

from server.console.page import Action, Page
from server.console.pages.overview.calls import export, hang_up
from server.console.pages.overview.live import live
from server.console.pages.overview.show import show

PAGE = Page(
    "overview",
    needs="GetMonthSummary",
    actions=(
        Action("GET", "", show),
        Action("GET", "/live", live),
        Action("GET", "/calls.csv", export),
        Action("POST", "/calls/{call_id}/hang-up", hang_up),
    ),
)
