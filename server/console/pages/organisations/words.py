"""What keeps a draft from being complete, in the reader's words."""

from server.console.failing import violations_in_words
from server.console.visit import Visit
from server.errors import Violation
from tollgate.v1 import organisations_pb2 as pb


def faults_in_words(visit: Visit, organisation: pb.Organisation) -> dict[str, str]:
    """What is wrong, by field."""
    faults = [Violation(each.field, each.description, each.reason) for each in organisation.faults]
    return violations_in_words(visit, faults)
