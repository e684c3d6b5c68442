"""The client library, which the simulator asks through; it is a package of its own."""

try:
    from tollgate_client.bill import Bill
    from tollgate_client.call import Call
    from tollgate_client.client import Tollgate
    from tollgate_client.errors import NotAnswered, OperationFailed, Refused, TollgateError
    from tollgate_client.session.place import Place
    from tollgate_client.session.questions import Questions
    from tollgate_client.words import Direction, Directive, Ending
except ModuleNotFoundError as error:
    if error.name != "tollgate_client":
        raise
    raise SystemExit(
        "tollgate: simulate, demo and call carry ask through the package tollgate-client, which "
        "is not installed: install it, in a checkout with `pip install -e clients/python`"
    ) from None

__all__ = [
    "Bill",
    "Call",
    "Direction",
    "Directive",
    "Ending",
    "NotAnswered",
    "OperationFailed",
    "Place",
    "Questions",
    "Refused",
    "Tollgate",
    "TollgateError",
]
