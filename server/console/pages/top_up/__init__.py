"""Пополнение: choose an amount and a way to pay, then watch the payment come."""

from server.console.page import Action, Page
from server.console.pages.top_up.begin import begin, quote, show
from server.console.pages.top_up.desk import confirm, refund
from server.console.pages.top_up.follow import live, one

PAGE = Page(
    "top-up",
    needs="CreateTopUp",
    actions=(
        Action("GET", "", show),
        Action("POST", "", begin),
        Action("POST", "/quote", quote),
        Action("GET", "/{top_up_id}", one),
        Action("GET", "/{top_up_id}/live", live),
        Action("POST", "/{top_up_id}/confirm", confirm),
        Action("POST", "/{top_up_id}/refund", refund),
    ),
)
