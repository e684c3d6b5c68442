"""История: what was paid and charged, down to the calls and their cost, and who was refused."""

from server.console.page import Action, Page
from server.console.pages.history.calls import show_call, show_calls
from server.console.pages.history.export import export
from server.console.pages.history.refusals import show_refusals
from server.console.pages.history.transactions import show

PAGE = Page(
    "history",
    needs="ListTransactions",
    actions=(
        Action("GET", "", show),
        Action("GET", "/export.csv", export),
        Action("GET", "/refusals", show_refusals),
        Action("GET", "/rows/{number}", show_calls),
        Action("GET", "/calls/{call_id}", show_call),
    ),
)
