"""What other programs print, read into figures."""

import os

import pytest

from benchmarks.profiling import read
from benchmarks.questions.saturation import whole
from benchmarks.rig import h2load, messages
from benchmarks.rig.children import ChildFailed
from benchmarks.rig.processor import Stopwatch, cpu_s
from benchmarks.rig.service import count_ok
from tollgate.v1 import call_authorization_pb2 as pb

H2LOAD = """
finished in 3.96s, 2525.62 req/s, 118.91KB/s
requests: 10000 total, 10000 started, 10000 done, 9998 succeeded, 2 failed, 0 errored, 0 timeout
status codes: 9998 2xx, 0 3xx, 2 4xx, 0 5xx
traffic: 470.82KB (482116) total, 160.90KB (164764) headers (space savings 89.1%), 292.97KB (300000) data
"""  # noqa: E501
METRICS = """
rpc_server_call_duration_seconds_bucket{le="0.1",rpc_method="a.B/C",rpc_response_status_code="OK"} 3.0
rpc_server_call_duration_seconds_count{rpc_method="a.B/C",rpc_response_status_code="OK"} 5.0
rpc_server_call_duration_seconds_count{rpc_method="a.B/C",rpc_response_status_code="INTERNAL"} 7.0
rpc_server_call_duration_seconds_count{rpc_method="a.B/D",rpc_response_status_code="OK"} 9.0
"""  # noqa: E501
FOLDED = """\
thread (0x1): MainThread;run (loop.py:3);0x7f1 (a/cygrpc.x.so);0x7f2 (cygrpc.x.so) 4
thread (0x1): MainThread;run (loop.py:5);send (chan.py:7);write (libc.so.6) 2
thread (0x1): MainThread;run (loop.py:3);epoll_wait (libc.so.6) 50
thread (0x2): Thread-1;follow (worker.py:66) 50
"""


def test_h2load_tells_what_succeeded_how_fast_and_the_bodies() -> None:
    assert h2load.parse(H2LOAD) == h2load.Load(9998, 2525.62, 300_000)


def test_what_h2load_never_said_before_is_an_error() -> None:
    with pytest.raises(ChildFailed):
        h2load.parse("h2load: no such option")


def test_only_ok_replies_of_the_method_are_counted() -> None:
    assert count_ok(METRICS, "a.B/C") == 5
    assert count_ok(METRICS, "a.B/E") == 0


def test_a_framed_message_is_what_grpc_sends() -> None:
    request = messages.charge("tenant", "call", 3)
    framed = messages.framed(request)
    assert framed[0] == 0
    assert int.from_bytes(framed[1:5], "big") == len(framed) - 5
    assert pb.ChargeRequest.FromString(framed[5:]) == request


def test_requests_are_shared_evenly_by_the_connections() -> None:
    assert [whole(requests, 4) for requests in (0, 1, 10_001.4)] == [4, 4, 10_000]


def test_a_profile_counts_the_busy_loop_only_and_joins_what_is_alike() -> None:
    profile = read(FOLDED.replace("", ""))
    assert profile.samples == 6
    assert profile.own() == {"[cygrpc]": 4, "[libc write]": 2}
    assert profile.within()["run (loop.py)"] == 6
    assert "66.7%  [cygrpc]" in profile.table()


def test_processor_time_of_a_process_only_rises() -> None:
    before = cpu_s(os.getpid())
    figures = Stopwatch({"own": [os.getpid()]}).figures(10)
    assert figures["own_cpu_us"] >= 0
    assert cpu_s(os.getpid()) >= before
