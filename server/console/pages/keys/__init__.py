"""Ключи: the API keys, made with a secret that is shown once, and revoked."""

from server.console.page import Action, Page
from server.console.pages.keys.changing import create, revoke
from server.console.pages.keys.show import show

PAGE = Page(
    "keys",
    needs="ListApiKeys",
    actions=(
        Action("GET", "", show),
        Action("POST", "", create),
        Action("POST", "/{key_id}/revoke", revoke),
    ),
    of_tenant=False,
)
