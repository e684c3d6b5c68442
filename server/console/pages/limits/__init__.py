"""Лимиты: what calls may cost, what guards them, and who is told of what."""

from server.console.page import Action, Page
from server.console.pages.limits.messages import live, retry, rotate, test
from server.console.pages.limits.save import save, show

PAGE = Page(
    "limits",
    needs="UpdateNotificationSettings",
    actions=(
        Action("GET", "", show),
        Action("POST", "", save),
        Action("GET", "/live", live),
        Action("POST", "/test", test),
        Action("POST", "/secret", rotate),
        Action("POST", "/messages/{notification_id}/retry", retry),
    ),
)
