"""A tenant's changes and its time zones, without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ledger.errors import LimitOutOfRange, TimeZoneUnknown
from ledger.tenant import Limits, Tenant, TenantChanges
from ledger.time_zone import next_midnight, zone

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)

ACME = Tenant(
    id="acme",
    name="Acme",
    currency="USD",
    tariff="standard",
    time_zone="Europe/Berlin",
    next_time_zone=None,
    zone_starts_at=None,
    limits=Limits(daily_cap_micros=5, credit_limit_micros=7),
    suspended=False,
    version=4,
    profile_version=2,
    created_at=NOW,
)


def test_only_what_is_given_changes() -> None:
    changed = ACME.changed(TenantChanges(suspended=True), NOW)
    assert changed == replace(ACME, suspended=True, version=5)


def test_a_limit_that_is_none_is_removed_and_others_are_kept() -> None:
    changed = ACME.changed(TenantChanges(limits={"daily_cap_micros": None}), NOW)
    assert changed.limits == Limits(credit_limit_micros=7)
    changed = ACME.changed(TenantChanges(limits={"credit_limit_micros": None}), NOW)
    assert changed.limits == Limits(daily_cap_micros=5)


@pytest.mark.parametrize("value", [-1, 10**12 + 1, True, 1.5])
def test_a_limit_out_of_range_is_refused(value: int) -> None:
    with pytest.raises(LimitOutOfRange):
        ACME.changed(TenantChanges(limits={"call_cost_limit_micros": value}), NOW)


def test_a_new_tariff_changes_the_profile() -> None:
    assert ACME.changed(TenantChanges(tariff="gold"), NOW).profile_version == 5


def test_a_new_zone_waits_for_midnight_and_changes_the_profile() -> None:
    changed = ACME.changed(TenantChanges(time_zone="Asia/Tokyo"), NOW)
    midnight = datetime(2026, 6, 1, 22, tzinfo=UTC)
    assert (changed.next_time_zone, changed.zone_starts_at) == ("Asia/Tokyo", midnight)
    assert changed.profile_version == 5
    assert changed.zone_at(midnight - timedelta(microseconds=1)) == "Europe/Berlin"
    assert changed.zone_at(midnight) == "Asia/Tokyo"


def test_going_back_before_midnight_cancels_the_new_zone() -> None:
    changed = ACME.changed(TenantChanges(time_zone="Asia/Tokyo"), NOW)
    back = changed.changed(TenantChanges(time_zone="Europe/Berlin"), NOW)
    assert (back.time_zone, back.next_time_zone, back.zone_starts_at) == (
        "Europe/Berlin",
        None,
        None,
    )
    assert back.profile_version == 6


def test_a_zone_that_has_started_counts_as_the_old_one_of_the_next_change() -> None:
    changed = ACME.changed(TenantChanges(time_zone="Asia/Tokyo"), NOW)
    later = changed.changed(TenantChanges(time_zone="UTC"), NOW + timedelta(days=1))
    assert later.time_zone == "Asia/Tokyo"
    assert later.zone_starts_at == datetime(2026, 6, 2, 15, tzinfo=UTC)


def test_a_tenant_survives_the_way_there_and_back() -> None:
    changed = ACME.changed(TenantChanges(time_zone="Asia/Tokyo"), NOW)
    for tenant in (ACME, changed):
        assert Tenant.from_document(tenant.to_document()) == tenant


@pytest.mark.parametrize(
    "name",
    ["", "Mars", "europe/berlin", "/etc/localtime", "../UTC", "localtime", "posixrules", "a\0b",
     "right/UTC", "posix/UTC"],
)  # fmt: skip
def test_what_is_no_iana_name_is_no_zone(name: str) -> None:
    with pytest.raises(TimeZoneUnknown):
        zone(name)


@pytest.mark.parametrize(
    ("name", "at", "midnight"),
    [
        ("UTC", "2026-06-01T00:00:00+00:00", "2026-06-02T00:00:00+00:00"),
        ("UTC", "2026-06-01T23:59:59.999999+00:00", "2026-06-02T00:00:00+00:00"),
        ("Asia/Kolkata", "2026-06-01T18:29:59+00:00", "2026-06-01T18:30:00+00:00"),
        # Days of 23 and 25 hours.
        ("Europe/Berlin", "2026-03-28T23:00:00+00:00", "2026-03-29T22:00:00+00:00"),
        ("Europe/Berlin", "2026-10-24T22:00:00+00:00", "2026-10-25T23:00:00+00:00"),
        # Clocks went forward at midnight: the day began at 01:00.
        ("America/Sao_Paulo", "2018-11-03T12:00:00+00:00", "2018-11-04T03:00:00+00:00"),
        # Clocks went back at midnight, to 23:00 of the same day.
        ("America/Sao_Paulo", "2018-02-17T12:00:00+00:00", "2018-02-18T03:00:00+00:00"),
        # Clocks go back at 01:00, so that midnight comes twice; the first begins the day.
        ("America/Havana", "2026-10-31T12:00:00+00:00", "2026-11-01T04:00:00+00:00"),
        # The 30th was left out.
        ("Pacific/Apia", "2011-12-30T00:00:00+00:00", "2011-12-30T10:00:00+00:00"),
    ],
)
def test_a_day_ends_where_the_next_begins(name: str, at: str, midnight: str) -> None:
    assert next_midnight(name, datetime.fromisoformat(at)) == datetime.fromisoformat(midnight)
