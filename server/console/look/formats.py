"""Money, numbers, days and moments as people of a language write them, in a tenant's zone."""

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from google.protobuf.timestamp_pb2 import Timestamp

from ledger.payments.rate import minor_digits

MICROS = Decimal(1_000_000)
CENT = 10_000


class Formats:
    """How figures are written."""

    def __init__(self, language: str, time_zone: str, currency: str) -> None:
        self.locale = Locale.parse({"en": "en_US", "ru": "ru_RU"}[language])
        self.zone, self.currency = ZoneInfo(time_zone), currency

    def money(self, micros: int, currency: str = "") -> str:
        """An amount in the currency's own decimals, halves away from zero: "$142.50"."""
        return self._money(_rounded(micros), currency, "¤#,##0.00", "#,##0.00\xa0¤")

    def fine_money(self, micros: int, currency: str = "") -> str:
        """An amount with up to six decimals, no more than it needs: "$0.0452"."""
        return self._money(micros, currency, "¤#,##0.00####", "#,##0.00####\xa0¤")

    def small_money(self, micros: int, currency: str = "") -> str:
        """An amount with four decimals, for what costs cents: "$0.0452"."""
        return self._money(micros, currency, "¤#,##0.0000", "#,##0.0000\xa0¤")

    def paid(self, minor: int, currency: str) -> str:
        """An amount of a currency's minor units in its own decimals: "¥1,000", "₽12.50"."""
        digits = minor_digits(currency)
        number = "#,##0" + ("." + "0" * digits if digits else "")
        return self._money(minor * 10 ** (6 - digits), currency, f"¤{number}", f"{number}\xa0¤")

    def exact(self, decimal: str) -> str:
        """A decimal with all its digits: "92.4567"."""
        return numbers.format_decimal(
            Decimal(decimal), "#,##0.#########", self.locale, decimal_quantization=False
        )

    def exact_money(self, micros: int, currency: str = "") -> str:
        """An amount with all six decimals: "$0.045200"."""
        return self._money(micros, currency, "¤#,##0.000000", "#,##0.000000\xa0¤")

    def short_money(self, micros: int, currency: str = "") -> str:
        """An amount without needless decimals, for axes: "$20", "$0.5"."""
        return self._money(micros, currency, "¤#,##0.######", "#,##0.######\xa0¤")

    def signed_money(self, micros: int, currency: str = "") -> str:
        """What an amount does to a balance: "+$100.00", "−$0.50"."""
        sign = "+" if micros > 0 else "−" if micros < 0 else ""
        return sign + self.money(abs(micros), currency)

    def roubles(self, micros: int, rate: str) -> str:
        """About how much an amount is at so many roubles a unit: kopecks only of little."""
        exact = abs(Decimal(micros) / MICROS * Decimal(rate))
        step = Decimal("0.01") if exact < 100 else Decimal(1)
        amount = exact.quantize(step, ROUND_HALF_UP)
        pattern = "#,##0.00" if exact < 100 else "#,##0"
        return numbers.format_decimal(amount, pattern, self.locale) + "\xa0₽"

    def kopecks(self, kopecks: int) -> str:
        """A sum of a document: "15,000.00 ₽"."""
        amount = Decimal(kopecks) / 100
        return numbers.format_decimal(amount, "#,##0.00", self.locale) + "\xa0₽"

    def rate(self, decimal: str, currency: str = "") -> str:
        """A rate with all its decimals: "$0.00005"."""
        fine = f"#,##0.00{'#' * 10}"
        return self._amount(Decimal(decimal), currency, f"¤{fine}", f"{fine}\xa0¤")

    def _money(self, micros: int, currency: str, before: str, after: str) -> str:
        return self._amount(Decimal(micros) / MICROS, currency, before, after)

    def _amount(self, amount: Decimal, currency: str, before: str, after: str) -> str:
        currency = currency or self.currency
        if numbers.get_currency_symbol(currency, self.locale).isalpha():
            before = before.replace("¤", "¤\xa0")  # a word stands apart
        pattern = after if self.locale.language == "ru" else before
        pattern = f"{pattern};-{pattern}" if pattern.startswith("¤") else pattern
        return numbers.format_currency(
            amount, currency, pattern, self.locale, currency_digits=False
        )

    def number(self, number: int) -> str:
        """A number with its groups: "12,480"."""
        return numbers.format_decimal(number, locale=self.locale)

    def amount(self, micros: int) -> str:
        """An amount whose currency nobody tells: "142.50"."""
        return numbers.format_decimal(Decimal(micros) / MICROS, "#,##0.00####", locale=self.locale)

    def hundredths(self, hundredths: int) -> str:
        """A number of hundredths: "1.25"."""
        return numbers.format_decimal(Decimal(hundredths) / 100, "#,##0.##", locale=self.locale)

    def minutes(self, milliseconds: int) -> str:
        """A length in minutes: "1.5"."""
        return numbers.format_decimal(
            Decimal(milliseconds) / 60_000, "#,##0.###", locale=self.locale
        )

    def percent(self, part: int, whole: int) -> str:
        """A share in whole percents."""
        return numbers.format_percent(Decimal(part) / Decimal(whole or 1), locale=self.locale)

    def moment_day(self, stamp: Timestamp | datetime) -> date:
        """The day of a moment, in the zone."""
        return self._here(stamp).date()

    def day(self, day: date | str) -> str:
        """A day: "12 March 2026"."""
        return dates.format_date(_date(day), "long", self.locale)

    def short_day(self, day: date | str) -> str:
        """A day of a year that is known: "12 Mar"."""
        return dates.format_skeleton("MMMd", _date(day), locale=self.locale)

    def date(self, day: date | str) -> str:
        """A day in few characters, for tables: "12 Mar 2026", "12.03.2026"."""
        russian = self.locale.language == "ru"
        return dates.format_date(_date(day), "dd.MM.y" if russian else "d MMM y", self.locale)

    def month(self, month: str) -> str:
        """A month given as YYYY-MM: "March 2026"."""
        name = dates.format_date(_date(f"{month}-01"), "LLLL y", self.locale)
        return name[:1].upper() + name[1:]

    def moment(self, stamp: Timestamp | datetime) -> str:
        """A moment: "12 Mar 2026, 14:05"."""
        return dates.format_datetime(self._here(stamp), "medium", None, self.locale)

    def exact_moment(self, stamp: Timestamp | datetime) -> str:
        """A moment to the second: "12 Mar 2026, 14:05:09"."""
        here = self._here(stamp)
        return f"{self.date(here.date())}, {dates.format_time(here, 'HH:mm:ss', None, self.locale)}"

    def seconds(self, milliseconds: int) -> str:
        """Seconds with a decimal at most: "4.5"."""
        tenths = (milliseconds + 50) // 100
        return numbers.format_decimal(Decimal(tenths) / 10, "#,##0.#", self.locale)

    def time(self, stamp: Timestamp | datetime) -> str:
        """A time of day: "14:05"."""
        return dates.format_time(self._here(stamp), "short", None, self.locale)

    def clock(self, seconds: int) -> str:
        """A length: "4:05", "1:00:09"."""
        minutes, rest = divmod(max(0, seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"

    def _here(self, stamp: Timestamp | datetime) -> datetime:
        moment = stamp if isinstance(stamp, datetime) else stamp.ToDatetime(UTC)
        return moment.astimezone(self.zone)


def _rounded(micros: int) -> int:
    """To whole cents, halves away from zero."""
    cents = (abs(micros) + CENT // 2) // CENT
    return cents * CENT if micros >= 0 else -cents * CENT


def _date(day: date | str) -> date:
    return date.fromisoformat(day) if isinstance(day, str) else day
