"""A price book in a file."""

from pathlib import Path

from server.billing.tariff_text import DOCUMENT, tariff_of
from server.cli.problems import Problem
from server.errors import InvalidFields
from tollgate.v1 import billing_pb2 as pb


def read_tariff(file: Path) -> pb.Tariff:
    """The tariff in a file. Raises Problem that names the file and what is wrong there."""
    try:
        return tariff_of(file.read_text("utf-8"))
    except UnicodeDecodeError:
        raise Problem(f"{file} is not UTF-8 text") from None
    except OSError as error:
        raise Problem(f"{file} cannot be read: {error.strerror}") from None
    except InvalidFields as error:
        (wrong,) = error.violations
        if wrong.field == DOCUMENT:
            raise Problem(f"{file} {wrong.description}") from None
        raise Problem(f"{wrong.field}: {wrong.description}") from None
