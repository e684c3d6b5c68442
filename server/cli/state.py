"""`tollgate state`: how the installation is doing."""

import typer

from server.cli import printing
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.options import JsonOption
from tollgate.v1 import state_pb2 as pb


def state(json: JsonOption = False, server: ServerOption = DEFAULT_SERVER) -> None:
    """Tell how the installation is doing; exit code 1 when a store does not answer."""
    with Connection(server) as connection:
        found = connection.ask(connection.billing.GetServiceState, pb.GetServiceStateRequest())
    if json:
        printing.as_json(found)
    else:
        _tell(found)
    if not all(each.answers for each in found.stores):
        raise typer.Exit(1)


def _tell(found: pb.GetServiceStateResponse) -> None:
    commit = f", commit {found.commit}" if found.commit else ""
    decisions = found.decisions
    printing.facts(
        [
            ("version", f"{found.version}{commit}"),
            ("since", printing.moment(found, "started_at")),
            ("workers", str(found.workers)),
            *[(each.store, "answers" if each.answers else "AWAY") for each in found.stores],
            ("calls", f"{decisions.accepted:,} accepted, {decisions.refused:,} refused"),
            *[_shard(each) for each in found.shards],
            *[_channel(each) for each in found.channels],
        ]
    )


def _shard(shard: pb.ShardState) -> tuple[str, str]:
    epoch = f"epoch {shard.epoch}" if shard.epoch else "not in use"
    return (
        f"shard {shard.shard}",
        f"{epoch}, {shard.outbox_depth:,} of {shard.last_n:,} to be posted",
    )


def _channel(channel: pb.ChannelState) -> tuple[str, str]:
    return channel.channel, f"{channel.waiting:,} waiting, {channel.dead:,} given up"
