"""Клиенты: all tenants, found and created; of each what administrators decide about it."""

from server.console.page import Action, Page
from server.console.pages.tenants.card import card
from server.console.pages.tenants.changing import adjust, change, suspend
from server.console.pages.tenants.creating import create, draft
from server.console.pages.tenants.listing import show

PAGE = Page(
    "tenants",
    needs="ListTenants",
    actions=(
        Action("GET", "", show),
        Action("GET", "/new", draft),
        Action("POST", "/new", create),
        Action("GET", "/card/{tenant_id}", card),
        Action("POST", "/card/{tenant_id}", change),
        Action("POST", "/card/{tenant_id}/suspension", suspend),
        Action("POST", "/card/{tenant_id}/balance", adjust),
    ),
    of_tenant=False,
)
