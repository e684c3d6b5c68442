"""The client library, which the simulator asks through; it is a package of its own."""

try:
    from tollgate_client.errors import NotAnswered, OperationFailed
    from tollgate_client.session.place import Place
    from tollgate_client.session.questions import Questions
except ModuleNotFoundError as error:
    if error.name != "tollgate_client":
        raise
    raise SystemExit(
        "tollgate: simulate and demo ask through the package tollgate-client, which is not "
        "installed: install it, in a checkout with `pip install -e clients/python`"
    ) from None

__all__ = ["NotAnswered", "OperationFailed", "Place", "Questions"]
