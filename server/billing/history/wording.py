"""The words of the payment history in English and Russian."""

from collections.abc import Mapping
from typing import NamedTuple

from ledger.history.row import GIVE_BACK, HistoryRow
from tollgate.v1 import common_pb2
from tollgate.v1 import history_pb2 as pb

TYPES: Mapping[str, pb.TransactionType.ValueType] = {
    "top_up": pb.TRANSACTION_TYPE_TOP_UP,
    "calls": pb.TRANSACTION_TYPE_CALLS,
    "analytics": pb.TRANSACTION_TYPE_ANALYTICS,
    "adjustment": pb.TRANSACTION_TYPE_ADJUSTMENT,
    "return": pb.TRANSACTION_TYPE_REFUND,
    "give_back": pb.TRANSACTION_TYPE_REFUND,
}
STATUSES: Mapping[str, pb.TransactionStatus.ValueType] = {
    "pending": pb.TRANSACTION_STATUS_PENDING,
    "succeeded": pb.TRANSACTION_STATUS_SUCCEEDED,
    "failed": pb.TRANSACTION_STATUS_FAILED,
    "refunded": pb.TRANSACTION_STATUS_REFUNDED,
    "disputed": pb.TRANSACTION_STATUS_DISPUTED,
}
PROVIDERS = {"stripe": "Stripe", "robokassa": "Robokassa"}


class Wording(NamedTuple):
    """How one language says it. `headings` are those of CSV columns, by the column's name."""

    types: Mapping[int, str]
    given_back: str
    statuses: Mapping[int, str]
    directions: Mapping[int, str]
    outcomes: Mapping[int, str]
    providers: Mapping[str, str]
    headings: Mapping[str, str]


ENGLISH = Wording(
    types={
        pb.TRANSACTION_TYPE_TOP_UP: "Top-up",
        pb.TRANSACTION_TYPE_CALLS: "Charge (calls)",
        pb.TRANSACTION_TYPE_ANALYTICS: "Charge (analytics)",
        pb.TRANSACTION_TYPE_ADJUSTMENT: "Adjustment",
        pb.TRANSACTION_TYPE_REFUND: "Refund",
    },
    given_back="Refund reversed",
    statuses={
        pb.TRANSACTION_STATUS_PENDING: "Pending",
        pb.TRANSACTION_STATUS_SUCCEEDED: "Succeeded",
        pb.TRANSACTION_STATUS_FAILED: "Failed",
        pb.TRANSACTION_STATUS_REFUNDED: "Refunded",
        pb.TRANSACTION_STATUS_DISPUTED: "Disputed",
    },
    directions={
        common_pb2.DIRECTION_INBOUND: "Inbound",
        common_pb2.DIRECTION_OUTBOUND: "Outbound",
    },
    outcomes={
        common_pb2.OUTCOME_COMPLETED: "Completed",
        common_pb2.OUTCOME_CUT: "Cut",
        common_pb2.OUTCOME_NO_ANSWER: "No answer",
        common_pb2.OUTCOME_BUSY: "Busy",
        common_pb2.OUTCOME_FAILED: "Failed",
        common_pb2.OUTCOME_INCOMPLETE: "Incomplete",
    },
    providers=PROVIDERS | {"manual": "Bank transfer"},
    headings={
        "number": "Number",
        "at": "Date and time",
        "day": "Day",
        "type": "Type",
        "description": "Description",
        "amount": "Amount",
        "currency": "Currency",
        "status": "Status",
        "calls": "Calls",
        "details": "Details",
        "call": "Call",
        "settled": "Settled",
        "started": "Started",
        "answered": "Answered",
        "ended": "Ended",
        "outcome": "Outcome",
        "direction": "Direction",
        "caller": "Caller",
        "callee": "Callee",
        "assistant": "Assistant",
        "model": "Model",
        "tariff": "Tariff version",
        "seconds": "Length, s",
        "input": "Input tokens",
        "cached": "Cached tokens",
        "output": "Output tokens",
        "heard": "Audio in, s",
        "spoken": "Audio out, s",
        "telephony": "Telephony, s",
        "reports": "Analytics reports",
        "other_usage": "Other usage",
        "cost_input": "Cost of input tokens",
        "cost_cached": "Cost of cached tokens",
        "cost_output": "Cost of output tokens",
        "cost_heard": "Cost of audio in",
        "cost_spoken": "Cost of audio out",
        "cost_telephony": "Cost of telephony",
        "cost_reports": "Cost of analytics",
        "cost_other": "Other cost",
        "cost": "Cost",
        "overrun": "Not covered",
        "charged": "Charged",
        "reason": "Reason",
    },
)

RUSSIAN = Wording(
    types={
        pb.TRANSACTION_TYPE_TOP_UP: "Пополнение",
        pb.TRANSACTION_TYPE_CALLS: "Списание (Звонки)",
        pb.TRANSACTION_TYPE_ANALYTICS: "Списание (Аналитика)",
        pb.TRANSACTION_TYPE_ADJUSTMENT: "Корректировка",
        pb.TRANSACTION_TYPE_REFUND: "Возврат",
    },
    given_back="Отмена возврата",
    statuses={
        pb.TRANSACTION_STATUS_PENDING: "В обработке",
        pb.TRANSACTION_STATUS_SUCCEEDED: "Выполнено",
        pb.TRANSACTION_STATUS_FAILED: "Не прошло",
        pb.TRANSACTION_STATUS_REFUNDED: "Возвращено",
        pb.TRANSACTION_STATUS_DISPUTED: "Оспорено",
    },
    directions={
        common_pb2.DIRECTION_INBOUND: "Входящий",
        common_pb2.DIRECTION_OUTBOUND: "Исходящий",
    },
    outcomes={
        common_pb2.OUTCOME_COMPLETED: "Завершён",
        common_pb2.OUTCOME_CUT: "Прерван",
        common_pb2.OUTCOME_NO_ANSWER: "Нет ответа",
        common_pb2.OUTCOME_BUSY: "Занято",
        common_pb2.OUTCOME_FAILED: "Сбой",
        common_pb2.OUTCOME_INCOMPLETE: "Не закрыт шлюзом",
    },
    providers=PROVIDERS | {"manual": "Банковский перевод"},
    headings={
        "number": "Номер",
        "at": "Дата и время",
        "day": "День",
        "type": "Тип",
        "description": "Описание",
        "amount": "Сумма",
        "currency": "Валюта",
        "status": "Статус",
        "calls": "Звонков",
        "details": "Подробности",
        "call": "Звонок",
        "settled": "Закрыт",
        "started": "Начало",
        "answered": "Ответ",
        "ended": "Конец",
        "outcome": "Итог",
        "direction": "Направление",
        "caller": "Кто звонил",
        "callee": "Кому звонили",
        "assistant": "Ассистент",
        "model": "Модель",
        "tariff": "Версия тарифа",
        "seconds": "Длительность, с",
        "input": "Входные токены",
        "cached": "Токены из кэша",
        "output": "Выходные токены",
        "heard": "Входящее аудио, с",
        "spoken": "Исходящее аудио, с",
        "telephony": "Телефония, с",
        "reports": "Отчёты аналитики",
        "other_usage": "Прочее использование",
        "cost_input": "Стоимость входных токенов",
        "cost_cached": "Стоимость токенов из кэша",
        "cost_output": "Стоимость выходных токенов",
        "cost_heard": "Стоимость входящего аудио",
        "cost_spoken": "Стоимость исходящего аудио",
        "cost_telephony": "Стоимость телефонии",
        "cost_reports": "Стоимость аналитики",
        "cost_other": "Прочая стоимость",
        "cost": "Стоимость",
        "overrun": "Не покрыто",
        "charged": "Списано",
        "reason": "Причина",
    },
)

WORDINGS: Mapping[int, Wording] = {
    pb.LANGUAGE_UNSPECIFIED: ENGLISH,
    pb.LANGUAGE_ENGLISH: ENGLISH,
    pb.LANGUAGE_RUSSIAN: RUSSIAN,
}


def type_of(row: HistoryRow) -> pb.TransactionType.ValueType:
    """The contract's type; a kind of posting that has no row of its own is an adjustment."""
    return TYPES.get(row.kind, pb.TRANSACTION_TYPE_ADJUSTMENT)


def description(row: HistoryRow, wording: Wording) -> str:
    """The type in words, with the provider or the reason where there is one."""
    text = wording.given_back if row.kind == GIVE_BACK else wording.types[type_of(row)]
    if row.provider:
        return f"{text} ({wording.providers.get(row.provider, row.provider)})"
    told = row.note and type_of(row) == pb.TRANSACTION_TYPE_ADJUSTMENT
    return f"{text}: {row.note}" if told else text
