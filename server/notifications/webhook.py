"""Posts events to tenants' webhooks: signed, bounded in time, answered by a status alone."""

import asyncio
import json
import ssl

import httpx

from ledger.notifications.queue import Delivery
from server.notifications.outcome import Failed, Outcome, Sent
from server.notifications.signature import HEADER, sign
from server.notifications.targets import Forbidden, Target, Unresolved, target_of

TIMEOUT_S = 10.0
GONE = 410


class Webhook:
    """The channel of HTTP posts."""

    def __init__(
        self,
        *,
        allow_http: bool = False,
        allow_private: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls` trusts other authorities than the usual ones."""
        self._allow_http, self._allow_private = allow_http, allow_private
        # No proxy, which would resolve names by itself, no redirects, and no connection that is
        # used for another name at the same address.
        self._client = httpx.AsyncClient(
            timeout=TIMEOUT_S,
            trust_env=False,
            verify=tls or True,
            follow_redirects=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def send(self, delivery: Delivery, sent_at: int) -> Outcome:
        """Posts the event, signed with the time `sent_at` in unix seconds; any 2xx takes it."""
        if delivery.target.startswith("http:") and not self._allow_http:
            return Failed("plain http is not allowed here", final=True)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                target = await target_of(delivery.target, allow_private=self._allow_private)
                return _outcome(await self._post(target, delivery, sent_at))
        except Forbidden:
            return Failed("the webhook's address is not public", final=True)
        except Unresolved:
            return Failed("the webhook's host name does not resolve")
        except (TimeoutError, httpx.TimeoutException):
            return Failed(f"the webhook did not answer within {TIMEOUT_S:.0f} seconds")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Failed(f"the webhook could not be reached: {type(error).__name__}")

    async def _post(self, target: Target, delivery: Delivery, sent_at: int) -> int:
        body = body_of(delivery)
        headers = {
            "Host": target.host,
            "Content-Type": "application/json",
            "User-Agent": "Tollgate",
            "Tollgate-Event-Id": delivery.event,
            HEADER: sign(delivery.secrets, sent_at, body),
        }
        async with self._client.stream(
            "POST",
            target.url,
            content=body,
            headers=headers,
            extensions={"sni_hostname": target.server_name},
        ) as reply:
            return reply.status_code  # what it says beside is not read

    async def close(self) -> None:
        """Closes what is open."""
        await self._client.aclose()


def body_of(delivery: Delivery) -> bytes:
    """The event as JSON; the same bytes at every attempt."""
    event = {
        "id": delivery.event,
        "type": str(delivery.kind),
        "tenant_id": delivery.tenant,
        "happened_at": delivery.at.isoformat(),
        "data": {"currency": delivery.currency, **delivery.details},
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _outcome(status: int) -> Outcome:
    if 200 <= status < 300:
        return Sent()
    return Failed(f"the webhook answered {status}", final=status == GONE)
