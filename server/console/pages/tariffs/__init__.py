"""Тарифы: the price book of a tenant, what a call costs by it; for administrators all of them."""

from server.console.page import Action, Page
from server.console.pages.tariffs.calculator import quote
from server.console.pages.tariffs.importing import draft, put
from server.console.pages.tariffs.setting_rates import set_rate
from server.console.pages.tariffs.show import show

PAGE = Page(
    "tariffs",
    needs="ListTariffs",
    actions=(
        Action("GET", "", show),
        Action("GET", "/quote", quote),
        Action("GET", "/new", draft),
        Action("POST", "/new", put),
        Action("POST", "/rates", set_rate),
    ),
)
