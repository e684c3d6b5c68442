"""`tollgate topup` and `tollgate rate` against a real server, as a newcomer meets them."""

from tests.acceptance.test_command_line import Terminal, server, terminal

__all__ = ["server", "terminal"]


def test_a_newcomer_tops_up_by_hand_and_sees_the_balance_rise(terminal: Terminal) -> None:
    terminal.run("tenant", "create", "newcomer")
    options = terminal.run("topup", "options", "newcomer", "25").out
    assert "manual" in options
    assert "$25.00" in options
    begun = terminal.run("topup", "create", "newcomer", "25")
    assert "pay $25.00, get $25.00" in begun.out
    hint = begun.out.splitlines()[-1].split()
    assert hint[:3] == ["tollgate", "topup", "confirm"]
    top_up_id = hint[-1]
    assert "newcomer has $25.00 now" in terminal.run(*hint[1:]).out
    again = terminal.run(*hint[1:])
    assert (again.code, "WRONG_STATE" in again.err) == (1, True)

    assert "$5.00 of $25.00 goes back" in terminal.run(
        "topup", "refund", "newcomer", top_up_id, "--amount", "5"
    ).out  # fmt: skip
    shown = terminal.run("topup", "show", "newcomer", top_up_id)
    assert (shown.fact("state"), shown.fact("taken back")) == ("succeeded", "$5.00")
    listed = terminal.run("topup", "list", "newcomer").out
    assert top_up_id in listed
    assert "manual" in listed
    assert "top_up_id" in terminal.run("topup", "show", "newcomer", top_up_id, "--json").out


def test_what_cannot_be_is_told_in_plain_words(terminal: Terminal) -> None:
    terminal.run("tenant", "create", "wondering")
    assert "no top-ups yet" in terminal.run("topup", "list", "wondering").out
    refused = terminal.run("topup", "create", "wondering", "25", "--provider", "stripe")
    assert refused.code == 1
    assert "TOLLGATE_STRIPE_SECRET_KEY" in refused.err
    wrong = terminal.run("topup", "create", "wondering", "25", "--provider", "paypal")
    assert "must be one of manual, stripe, robokassa" in wrong.err
    unknown = terminal.run("topup", "show", "wondering", "tu_none")
    assert "UNKNOWN_TOP_UP" in unknown.err


def test_rates_are_set_and_listed(terminal: Terminal) -> None:
    said = terminal.run("rate", "set", "USD", "RUB", "92.4567", "--day", "2026-03-01")
    assert "From 2026-03-01 on USD 1 costs RUB 92.4567." in said.out
    assert "92.4567" in terminal.run("rate", "list").out
    wrong = terminal.run("rate", "set", "USD", "RUB", "0")
    assert "must be a decimal above zero" in wrong.err
