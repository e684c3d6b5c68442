"""The three dates of a batch hold every zone's running day and, after midnight, the next."""

from datetime import UTC, datetime, timedelta

import pytest

from quota.shard_state import dates_around


def seconds(text: str) -> float:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("moment", "dates"),
    [
        ("2026-03-01 12:00", ("20260228", "20260301", "20260302")),
        ("2024-02-29 00:00", ("20240228", "20240229", "20240301")),
        ("2025-12-31 23:59:59.999", ("20251230", "20251231", "20260101")),
        ("2026-01-01 00:00", ("20251231", "20260101", "20260102")),
    ],
)
def test_the_dates_are_yesterday_today_and_tomorrow_in_utc(
    moment: str, dates: tuple[str, str, str]
) -> None:
    assert dates_around(seconds(moment)) == dates


@pytest.mark.parametrize("offset_hours", [-12, -8, 0, 5.75, 9, 14])
def test_every_zones_running_day_is_among_them_at_any_hour(offset_hours: float) -> None:
    for hour in range(48):
        now_s = seconds("2026-02-28 00:00") + hour * 3_600
        local = datetime.fromtimestamp(now_s, UTC) + timedelta(hours=offset_hours)
        assert f"{local:%Y%m%d}" in dates_around(now_s)
