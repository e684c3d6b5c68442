"""What all pages of the console share."""

from collections.abc import Sequence
from typing import NamedTuple

from ledger.console_access import ConsoleAccess
from server.console.access.attempts import Attempts
from server.console.access.cookies import CookieJar
from server.console.access.session import Sessions
from server.console.asking import Services
from server.console.live import LiveStreams
from server.console.look.templates import Templates
from server.console.page import Page
from server.interceptors.key_ring import KeyRing


class ConsoleParts(NamedTuple):
    """Given to every visit."""

    services: Services
    ring: KeyRing
    sessions: Sessions
    access: ConsoleAccess
    attempts: Attempts
    cookies: CookieJar
    templates: Templates
    streams: LiveStreams
    pages: Sequence[Page]
    deadline_s: float
