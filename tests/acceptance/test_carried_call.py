"""`tollgate call carry`: a newcomer watches a call run out of money, and a top-up save it."""

import signal
from pathlib import Path

from tests.acceptance.processes import Server
from tests.acceptance.test_command_line import Terminal, server, terminal
from tests.acceptance.test_simulate import printing

__all__ = ["server", "terminal"]


def test_a_top_up_by_hand_extends_the_grant_of_a_running_call(
    terminal: Terminal, server: Server, tmp_path: Path
) -> None:
    terminal.run("tenant", "create", "nearly-dry")
    # Enough for 15 seconds of the generic assistant.
    terminal.run("tenant", "credit", "nearly-dry", "0.0036", "--reason", "the last of it")
    (tmp_path / "admin.key").write_bytes((server.state_dir / "admin.key").read_bytes())
    with printing(tmp_path, "call", "carry", "nearly-dry", server=server.address) as call:
        call.says(r"0:00  FINISH +charged \$0.00, \$0.0036 held, enough for 1\d s")
        begun = terminal.run("topup", "create", "nearly-dry", "5", "--provider", "manual")
        confirm = begun.out.splitlines()[-1].split()
        assert "Credited $5.00" in terminal.run(*confirm[1:]).out
        call.says(r"CONTINUE +charged \$0\.\d+, \$0\.\d+ held, enough for [56]\d s  ← extended", 5)
        call.process.send_signal(signal.SIGINT)
        assert call.end() == 0, call.err
        assert "Settled and posted: $0.0" in call.out
        assert call.err == ""
    audited = terminal.run("audit")
    assert audited.code == 0, audited.out


def test_a_call_is_cut_when_nobody_tops_up(
    terminal: Terminal, server: Server, tmp_path: Path
) -> None:
    terminal.run("tenant", "create", "dry-soon")
    terminal.run("tenant", "credit", "dry-soon", "0.003", "--reason", "the last of it")
    (tmp_path / "admin.key").write_bytes((server.state_dir / "admin.key").read_bytes())
    with printing(
        tmp_path, "call", "carry", "dry-soon", "last-words", server=server.address
    ) as call:
        call.says("hanging up|told to hang up")
        assert call.end() == 0, call.err
    assert "Settled and posted" in call.out
    assert terminal.run("call", "show", "dry-soon", "last-words").fact("outcome") == "cut"
    with printing(tmp_path, "call", "carry", "dry-soon", server=server.address) as refused:
        assert refused.end() == 1
    assert "INSUFFICIENT_BALANCE" in refused.err
    assert "generic" in terminal.run("call", "carry", "dry-soon", "--model", "gpt-9").err
