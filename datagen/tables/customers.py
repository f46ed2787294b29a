"""Customers: who buys. The parents of orders."""

import unicodedata
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from datagen import arrays, periods, streams
from datagen.span import Span

COLUMNS = (
    ("customer_id", pa.int64()),
    ("first_name", pa.string()),
    ("last_name", pa.string()),
    ("email", pa.string()),
    ("phone", pa.string()),
    ("street", pa.string()),
    ("city", pa.string()),
    ("country", pa.string()),
    ("born_on", pa.date32()),
    ("registered_at", arrays.INSTANT),
    ("credit_limit", arrays.MONEY),
    ("newsletter", pa.bool_()),
)
DEFECTS = ("malformed-email",)
NULLABLE = ("phone",)

# Reserved by RFC 2606: mail to a generated address reaches nobody.
_DOMAINS = ("@example.com", "@example.org", "@example.net", "@mail.example")
_HOUSES = tuple(f"{number} " for number in range(1, 1025))
_ADULT_YEARS = (18, 80)


def columns(span: Span) -> dict[str, pa.Array]:
    """Return the columns of these customers. Emails are unique and match the names."""
    words = span.dataset.vocabulary
    limits = streams.lookup(span.words("credit_limit"), _credit_limits())
    return {
        "customer_id": pa.array(span.ids),
        "first_name": span.pick("first_name", words.first_names),
        "last_name": span.pick("last_name", words.last_names),
        "email": _emails(span),
        "phone": span.nullable("phone", arrays.digits(streams.below(span.words("phone"), 10**9), "+###-###-###")),
        "street": _streets(span),
        "city": span.pick("city", words.cities),
        "country": span.pick("country", words.countries),
        "born_on": arrays.dates(_birthdays(span)),
        "registered_at": arrays.instants(periods.REGISTRATIONS.spread(span.words("registered_at"))),
        "credit_limit": arrays.money(limits),
        "newsletter": pa.array(streams.chance(span.words("newsletter"), 0.4)),
    }


def _emails(span: Span) -> pa.Array:
    words = span.dataset.vocabulary
    # The streams of the names, read again: the same indices give the names that the row has.
    good = arrays.joined(
        span.pick("first_name", _mail_names(words.first_names, ".")),
        span.pick("last_name", _mail_names(words.last_names, ".")),
        arrays.strings(span.ids),
        span.pick("email", _DOMAINS),
    )
    malformed = span.defect("malformed-email")
    if not malformed.any():
        return good
    return pc.if_else(pa.array(malformed), pc.replace_substring(good, "@", " at "), good)


@lru_cache(maxsize=16)
def _mail_names(names: tuple[str, ...], end: str) -> tuple[str, ...]:
    """Return the names as an address may carry them: plain lower-case letters; 'x' for a name that has none."""
    plain = (unicodedata.normalize("NFKD", name).lower() for name in names)
    return tuple(("".join(c for c in name if "a" <= c <= "z") or "x") + end for name in plain)


def _streets(span: Span) -> pa.Array:
    random, names = span.words("street"), span.dataset.vocabulary.streets
    return arrays.joined(
        arrays.pick(_HOUSES, streams.index(random, len(_HOUSES))),
        arrays.pick(names, streams.index(random, len(names), lane=1)),
    )


def _birthdays(span: Span) -> streams.Integers:
    youngest, oldest = _ADULT_YEARS
    first_registration = periods.REGISTRATIONS.first_day
    return first_registration - streams.between(span.words("born_on"), youngest * 366, oldest * 365)


@lru_cache(maxsize=1)
def _credit_limits() -> streams.Integers:
    """Hundredths, but of whole hundreds: 2000.00 is the median."""
    return streams.lognormal(median=20, sigma=0.8) * 100_00
