"""The generated stubs are the ones that go with the protos.

`make check` generates them anew and compares; this looks at what is committed.
"""

from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from tollgate.v1 import (
    billing_pb2,
    call_authorization_pb2,
    common_pb2,
    console_pb2,
    history_pb2,
    notifications_pb2,
    organisations_pb2,
    payments_pb2,
    quotes_pb2,
    state_pb2,
)

PROTOS = Path(__file__).parent.parent / "protos"
PROTO_STUBS = (
    billing_pb2,
    call_authorization_pb2,
    common_pb2,
    console_pb2,
    history_pb2,
    notifications_pb2,
    organisations_pb2,
    payments_pb2,
    quotes_pb2,
    state_pb2,
)
FILES = {file.DESCRIPTOR.name: file for file in PROTO_STUBS}


def test_every_proto_has_its_stubs() -> None:
    sources = sorted((PROTOS / "tollgate").rglob("*.proto"))
    assert {path.relative_to(PROTOS).as_posix() for path in sources} == set(FILES)
    for source in sources:
        for ending in ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi"):
            assert source.with_name(source.stem + ending).exists()


@pytest.mark.parametrize("name", FILES)
def test_the_stubs_hold_what_the_proto_declares(name: str) -> None:
    found = descriptor_pb2.FileDescriptorProto()
    FILES[name].DESCRIPTOR.CopyToProto(found)
    text = (PROTOS / name).read_text()
    for message in found.message_type:
        assert f"message {message.name} {{" in text
        for field in message.field:
            assert f" {field.name} = {field.number}" in text
    for service in found.service:
        for method in service.method:
            assert f"rpc {method.name}(" in text


def test_the_client_ships_the_same_stubs() -> None:
    """Two different generated copies of one proto cannot be in one process."""
    shipped = sorted((PROTOS.parent / "clients/python/src/tollgate/v1").glob("*_pb2*"))
    assert {path.name.split("_pb2")[0] for path in shipped} == {"common", "call_authorization"}
    assert len(shipped) == 8
    for path in shipped:
        assert path.read_bytes() == (PROTOS / "tollgate" / "v1" / path.name).read_bytes()
