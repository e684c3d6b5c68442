"""How a gateway carries one call: authorize, report, obey, settle until it is posted."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from server.simulator.clock import Clock
from server.simulator.exchange import Away, Exchange, Wrong
from server.simulator.plan import CallPlan
from server.simulator.speech import Conversation
from server.simulator.tally import Tally, TenantTally
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.0
# How long a caller waits for an answer, and how long a settlement is repeated; in real time.
AUTHORIZE_PATIENCE_S = 10.0
SETTLE_PATIENCE_S = 120.0


class Gateway:
    """Carries calls through an exchange and counts what happens to them."""

    def __init__(
        self,
        exchange: Exchange,
        clock: Clock,
        tally: Tally,
        *,
        report_ms: int,
        stop: asyncio.Event | None = None,
    ) -> None:
        self.exchange, self.clock, self.tally = exchange, clock, tally
        self.report_ms = report_ms
        self.stop = stop or asyncio.Event()

    async def carry(self, plan: CallPlan) -> None:
        """One call from its first question to its posting. A call that went wrong is counted."""
        counts = self.tally.tenants[plan.tenant_id]
        counts.begun += 1
        try:
            await _Carried(self, plan, counts).run()
        except Wrong as error:
            self.tally.wrong.append(f"{plan.call_id}: {error}")


class _Carried:
    """One call in progress. Moments are in ms of the gateway's clock."""

    def __init__(self, gateway: Gateway, plan: CallPlan, counts: TenantTally) -> None:
        self._exchange, self._clock = gateway.exchange, gateway.clock
        self._tally, self._stop = gateway.tally, gateway.stop
        self._report_ms = gateway.report_ms
        self._plan, self._counts = plan, counts
        self._conversation = Conversation(plan.model, plan.seed)
        self._begun_ms = self._clock.now_ms()
        self._answered_ms: int | None = None
        self._valid_until = 0
        self._ends_at = 0
        self._finishing = False
        self._reserved = 0
        self._charged = 0
        self._tariff_version = ""

    async def run(self) -> None:
        """The whole life of the call."""
        started = await self._authorize()
        if started is None:
            return
        if not started:
            await self._settle(common_pb2.OUTCOME_FAILED)
            return
        self._counts.accepted += 1
        self._counts.active += 1
        try:
            outcome = await self._talk()
        finally:
            self._counts.active -= 1
        await self._settle(outcome)

    async def _authorize(self) -> bool | None:
        """Whether the call starts; None when it was refused, False when nobody told in time."""
        patience_ends = time.monotonic() + AUTHORIZE_PATIENCE_S
        pause_s = FIRST_PAUSE_S
        while time.monotonic() < patience_ends and not self._stop.is_set():
            sent = self._clock.now_ms()
            try:
                reply = await self._exchange.authorize(self._question())
            except Away:
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            if reply.decision != pb.DECISION_ACCEPTED:
                self._counts.refused[reason_name(reply.refusal.reason)] += 1
                return None
            self._tariff_version = reply.tariff_version
            self._take_grant(reply.grant, sent)
            return True
        self._counts.lost += 1
        return False

    async def _talk(self) -> common_pb2.Outcome.ValueType:
        """Rings, talks and reports until one of the parties or the money ends it."""
        ringing_ends = self._begun_ms + self._plan.ring_ms
        await self._clock.sleep_until(min(ringing_ends, self._valid_until))
        if not self._plan.answered or self._clock.now_ms() < ringing_ends:
            return common_pb2.OUTCOME_NO_ANSWER
        self._answered_ms = self._clock.now_ms()
        self._ends_at = self._answered_ms + self._plan.talk_ms
        report_at = self._answered_ms + self._report_ms
        while not self._stop.is_set():
            await self._clock.sleep_until(min(report_at, self._ends_at, self._valid_until))
            now = self._clock.now_ms()
            if now >= self._ends_at:
                break
            if now >= self._valid_until:
                self._counts.finished += self._finishing
                self._counts.lost += not self._finishing
                return common_pb2.OUTCOME_CUT
            report_at = now + self._report_ms
            if await self._report() == pb.DIRECTIVE_HANG_UP:
                self._counts.hung_up += 1
                return common_pb2.OUTCOME_CUT
        return common_pb2.OUTCOME_COMPLETED

    async def _report(self) -> pb.Directive.ValueType:
        """One report and what it told; while nobody answers the last grant holds."""
        sent = self._clock.now_ms()
        request = pb.ChargeRequest(
            tenant_id=self._plan.tenant_id,
            call_id=self._plan.call_id,
            usage=self._usage(sent),
            elapsed_ms=self._elapsed(sent),
        )
        try:
            reply = await self._exchange.charge(request)
            if reply.directive == pb.DIRECTIVE_REAUTHORIZE:
                return await self._reopen()
        except Away:
            return pb.DIRECTIVE_CONTINUE
        self._count_extension(reply)
        self._obey(reply.directive, reply.grant, sent)
        return reply.directive

    async def _reopen(self) -> pb.Directive.ValueType:
        """Nobody holds the call: asks again with the usage so far."""
        sent = self._clock.now_ms()
        request = self._question()
        request.usage.CopyFrom(self._usage(sent))
        request.elapsed_ms = self._elapsed(sent)
        reply = await self._exchange.authorize(request)
        self._counts.reopened += 1
        if reply.decision != pb.DECISION_ACCEPTED:
            self._counts.refused[reason_name(reply.refusal.reason)] += 1
            return pb.DIRECTIVE_HANG_UP
        self._reserved = reply.grant.reserved_micros
        self._obey(reply.directive, reply.grant, sent)
        return reply.directive

    def _obey(self, directive: pb.Directive.ValueType, grant: pb.Grant, sent: int) -> None:
        self._take_grant(grant, sent)
        self._finishing = directive == pb.DIRECTIVE_FINISH
        if self._finishing:
            last_moment = sent + grant.seconds_left * 1000
            self._valid_until = min(self._valid_until, last_moment)

    def _take_grant(self, grant: pb.Grant, sent: int) -> None:
        """The grant is valid from when the question was sent."""
        self._valid_until = sent + grant.valid_for_ms
        self._reserved = grant.reserved_micros

    def _count_extension(self, reply: pb.ChargeResponse) -> None:
        added = reply.grant.reserved_micros - self._reserved
        if added + reply.charged_micros - self._charged > 0:
            self._counts.extended += 1
        self._charged = reply.charged_micros

    async def _settle(self, outcome: common_pb2.Outcome.ValueType) -> None:
        """Repeats the same settlement until it is in the ledger."""
        request = self._settlement(outcome)
        patience_ends = time.monotonic() + SETTLE_PATIENCE_S
        pause_s, settled = FIRST_PAUSE_S, False
        while time.monotonic() < patience_ends:
            try:
                reply = await self._exchange.settle(request)
            except Away:
                pass
            else:
                self._counts.settled += not settled
                settled = True
                if reply.settlement == common_pb2.SETTLEMENT_POSTED:
                    self._count_posted(reply)
                    return
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        self._tally.not_posted.append(self._plan.call_id)

    def _count_posted(self, reply: pb.SettleResponse) -> None:
        self._counts.posted += 1
        self._counts.charged_micros += reply.charged_micros
        self._counts.overrun_micros += reply.overrun_micros
        self._tally.posted_calls.append((self._plan.tenant_id, self._plan.call_id))

    def _settlement(self, outcome: common_pb2.Outcome.ValueType) -> pb.SettleRequest:
        plan = self._plan
        now = ended = self._clock.now_ms()
        wall = datetime.now(UTC)
        if self._answered_ms is not None:
            # No later than the plan or the grant says, however late this machine notices.
            ended = min(ended, max(self._answered_ms, min(self._ends_at, self._valid_until)))
        request = pb.SettleRequest(
            tenant_id=plan.tenant_id,
            call_id=plan.call_id,
            started_at=_before(wall, now - self._begun_ms),
            ended_at=_before(wall, now - ended),
            outcome=outcome,
            model=plan.model.name,
            caller=plan.caller,
            callee=plan.callee,
            direction=plan.direction,
            analytics=plan.analytics,
            tariff_version=self._tariff_version,
        )
        if self._answered_ms is not None:
            request.usage.CopyFrom(self._usage(ended))
            request.elapsed_ms = self._elapsed(ended)
            request.answered_at.CopyFrom(_before(wall, now - self._answered_ms))
        return request

    def _question(self) -> pb.AuthorizeRequest:
        plan = self._plan
        return pb.AuthorizeRequest(
            tenant_id=plan.tenant_id,
            call_id=plan.call_id,
            model=plan.model.name,
            caller=plan.caller,
            callee=plan.callee,
            direction=plan.direction,
            analytics=plan.analytics,
        )

    def _usage(self, moment: int) -> common_pb2.Usage:
        return common_pb2.Usage(quantities=self._conversation.usage_at(self._elapsed(moment)))

    def _elapsed(self, moment: int) -> int:
        assert self._answered_ms is not None
        return moment - self._answered_ms


def reason_name(reason: pb.RefusalReason.ValueType) -> str:
    """The reason as people read it in documents and logs: INSUFFICIENT_BALANCE."""
    return pb.RefusalReason.Name(reason).removeprefix("REFUSAL_REASON_")


def _before(wall: datetime, milliseconds: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(wall - timedelta(milliseconds=milliseconds))
    return stamp
