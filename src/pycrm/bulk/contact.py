"""May we contact each of many customers now? Consent, contact policies and suppression lists over columns.

The same answers as `pycrm.model.consent.may_contact` one by one, with every reason there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.bulk.permission import consent_columns
from pycrm.bulk.times import utc_time, utc_times
from pycrm.errors import InvalidDataError, MissingColumnError
from pycrm.model.contact import channel_code
from pycrm.model.contact_policy import CapPeriod, ContactPolicy, Suppression, purposes_above
from pycrm.model.customer import Processing

__all__ = ["Permissions", "permission_columns"]

_REASONS = (
    "restricted",
    "erased",
    "deceased",
    "unreachable",
    "suppressed",
    "paused",
    "quiet_hours",
    "frequency_cap",
    "not_preferred",
    "no_consent",
)
_LONGEST = timedelta(days=33)  # a calendar month, wherever its clocks stand


@frozen(kw_only=True, eq=False)
class Permissions:
    """The answers, one per customer, and all that speaks against each.

    Parameters
    ----------
    allowed : ndarray of bool
        Whether he may be contacted.
    against : mapping of str to ndarray of bool
        Per reason, whom it speaks against: the codes of `may_contact`, all that the consent ledger can say as ``no_consent``.
    """

    allowed: NDArray[np.bool_]
    against: Mapping[str, NDArray[np.bool_]]

    def __len__(self) -> int:
        return len(self.allowed)

    @property
    def reason(self) -> NDArray[np.str_]:
        """The weightiest reason against each; "" where he may be contacted."""
        found = np.full(len(self), "", dtype="U16")
        for code in reversed(_REASONS):
            found[self.against[code]] = code
        return found

    def counts(self) -> Mapping[str, int]:
        """Return how many are refused for each reason, by the weightiest; "allowed" are the others."""
        codes, counts = np.unique(self.reason, return_counts=True)
        return {str(code) or "allowed": int(count) for code, count in zip(codes, counts, strict=True)}


def permission_columns(
    people: Mapping[str, ArrayLike],
    channel: str,
    purpose: str,
    at: Any,
    ledger: Mapping[str, ArrayLike],
    *,
    policies: Iterable[ContactPolicy] = (),
    made: Mapping[str, ArrayLike] | None = None,
    suppressions: Mapping[str, ArrayLike] | None = None,
    brand: str | None = None,
    double_opt_in: bool = False,
    interests: frozenset[str] = frozenset(),
) -> Permissions:
    """Decide for every customer whether he may be contacted over a channel, for a purpose, at a time.

    Parameters
    ----------
    people : mapping of str to array_like
        Columns `customer`, each once, and `address`, where the channel reaches him (`Customer.reachable_by`; "" or None where
        it does not); and, where known, `zone`, `deceased` and `processing`.
    channel, purpose : str
        Over what, and what for.
    at : datetime64 or text
        When, in UTC.
    ledger : mapping of str to array_like
        The consent ledger, as for `consent_columns`.
    policies : iterable of ContactPolicy
        Rules of contact. Personal ones speak of the `customer` whose text is that of their `customer_id`.
    made : mapping of str to array_like, optional
        Contacts made, for the caps: columns `customer`, `channel`, `at`, and `purpose` where known.
    suppressions : mapping of str to array_like, optional
        Columns `address` or `customer` ("" or None where it is the other), `since`; and, where there is one, `until`, `channel`.
    brand, double_opt_in, interests
        As in `pycrm.model.consent.may_contact`.

    Raises
    ------
    MissingColumnError
        If a column that is needed is not there.
    InvalidDataError
        Naming column, row and value: a customer who comes twice, an unknown zone, columns that differ in length.

    Examples
    --------
    >>> people = {"customer": [1, 2, 3], "address": ["ana@example.com", "bea@example.com", ""]}
    >>> ledger = {
    ...     "customer": [1, 2],
    ...     "purpose": ["marketing", "marketing"],
    ...     "status": ["granted", "granted"],
    ...     "captured_at": ["2026-01-01", "2026-01-01"],
    ... }
    >>> never = {"address": ["bea@example.com"], "since": ["2026-01-01"]}
    >>> permission_columns(
    ...     people, "email", "marketing", "2026-03-01T12:00Z", ledger, suppressions=never
    ... ).reason.tolist()
    ['', 'suppressed', 'unreachable']
    """
    channel, now = channel_code(channel), utc_time("at", at)
    asked = _People.of(people)
    against = {code: np.zeros(len(asked.customers), dtype=bool) for code in _REASONS}
    for code in (Processing.RESTRICTED, Processing.ERASED):
        against[str(code)] = np.asarray([value == code for value in asked.processing], dtype=bool)
    against["deceased"] = asked.deceased
    against["unreachable"] = np.asarray([not address for address in asked.addresses], dtype=bool)
    if suppressions is not None:
        against["suppressed"] = _suppressed(asked, suppressions, channel, now)
    rules = [policy for policy in policies if policy.purpose is None or policy.purpose in purposes_above(purpose)]
    if rules:
        _judge(against, asked, rules, _Made.of(made, asked, now), channel, now)
    consent = consent_columns(
        np.asarray(people["customer"]),
        channel,
        purpose,
        now,
        ledger,
        brand=brand,
        double_opt_in=double_opt_in,
        interests=interests,
    )
    against["no_consent"] = ~consent
    refused = np.zeros(len(asked.customers), dtype=bool)
    for each in against.values():
        refused |= each
    return Permissions(allowed=~refused, against=against)


def _listed(columns: Mapping[str, ArrayLike], name: str, rows: int | None = None, missing: Any = None) -> list[Any]:
    """Return a column as a list, or `missing` in every row where there is none."""
    if name not in columns:
        if rows is None:
            raise MissingColumnError(name, tuple(columns))
        return [missing] * rows
    held: Any = columns[name]
    values: list[Any] = held.tolist() if hasattr(held, "tolist") else list(held)
    if rows is not None and len(values) != rows:
        raise InvalidDataError(name, None, len(values), f"give {rows} values, one per row")
    return values


@frozen(eq=False)
class _People:
    """Whom the questions are about; `zones` are numbers of `zone_names`, of which the first is the unknown one."""

    customers: list[Any]
    rows: dict[Any, int]
    addresses: list[Any]
    processing: list[Any]
    deceased: NDArray[np.bool_]
    zones: NDArray[np.int64]
    zone_names: list[str]

    @classmethod
    def of(cls, people: Mapping[str, ArrayLike]) -> _People:
        customers = _listed(people, "customer")
        rows = {customer: row for row, customer in enumerate(customers)}
        if len(rows) < len(customers):
            again = next(row for row, customer in enumerate(customers) if rows[customer] != row)
            raise InvalidDataError("customer", rows[customers[again]], customers[again], "give each customer once")
        if "address" not in people:
            raise MissingColumnError("address", tuple(people))
        many = len(customers)
        numbers = {"": 0}
        zones = [numbers.setdefault(zone or "", len(numbers)) for zone in _listed(people, "zone", many, "")]
        for name, number in numbers.items():
            if name:
                try:
                    ZoneInfo(name)
                except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                    raise InvalidDataError("zone", zones.index(number), name, "give an IANA zone, or none") from error
        deceased = np.asarray([bool(value) for value in _listed(people, "deceased", many, False)], dtype=bool)
        return cls(
            customers=customers,
            rows=rows,
            addresses=_listed(people, "address", many),
            processing=_listed(people, "processing", many, Processing.ALLOWED),
            deceased=deceased,
            zones=np.asarray(zones, dtype=np.int64),
            zone_names=list(numbers),
        )

    def clocks(self, policy: ContactPolicy) -> list[str]:
        """Return the zone of each number, where the unknown one is that of the policy."""
        return [policy.zone, *self.zone_names[1:]]


def _suppressed(
    asked: _People, suppressions: Mapping[str, ArrayLike], channel: str, now: np.datetime64
) -> NDArray[np.bool_]:
    since = utc_times("since", _listed(suppressions, "since"))
    many = len(since)
    until = utc_times("until", _listed(suppressions, "until", many))
    channels = _listed(suppressions, "channel", many)
    holds = (since <= now) & (np.isnat(until) | (now < until))
    addresses, customers = set(), set()
    for row, (address, customer, over) in enumerate(
        zip(_listed(suppressions, "address", many), _listed(suppressions, "customer", many), channels, strict=True)
    ):
        if holds[row] and over in {None, "", channel}:
            if address:
                addresses.add(address)
            else:
                customers.add(customer)
    found = np.asarray([address in addresses for address in asked.addresses], dtype=bool)
    if any(address.startswith("sha256:") for address in addresses):
        found |= np.asarray(
            [bool(address) and Suppression.digest_of(address) in addresses for address in asked.addresses], dtype=bool
        )
    if customers:
        found |= np.asarray([customer in customers for customer in asked.customers], dtype=bool)
    return found


@frozen(eq=False)
class _Made:
    """The contacts made that a calendar month may hold, ordered by whom."""

    row: NDArray[np.int64]
    channel: NDArray[np.str_]
    at: NDArray[np.int64]
    purpose: NDArray[np.str_]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, made: Mapping[str, ArrayLike] | None, asked: _People, now: np.datetime64) -> _Made:
        held: Mapping[str, ArrayLike] = {"customer": [], "channel": [], "at": []} if made is None else made
        row = np.asarray([asked.rows.get(who, -1) for who in _listed(held, "customer")], dtype=np.int64)
        if "at" not in held or "channel" not in held:
            raise MissingColumnError("channel" if "at" in held else "at", tuple(held))
        when = utc_times("at", held["at"])
        if len(when) != len(row):
            raise InvalidDataError("at", None, len(when), f"give {len(row)} values, one per row")
        if np.isnat(when).any():
            raise InvalidDataError("at", int(np.flatnonzero(np.isnat(when))[0]), None, "give the time of the contact")
        channel = np.asarray([str(value) for value in _listed(held, "channel", len(row))], dtype=np.str_)
        purpose = np.asarray([value or "" for value in _listed(held, "purpose", len(row), "")], dtype=np.str_)
        known = np.flatnonzero((row >= 0) & (when <= now) & (when >= now - np.timedelta64(_LONGEST)))
        order = known[np.argsort(row[known], kind="stable")]
        starts = np.searchsorted(row[order], np.arange(len(asked.customers) + 1))
        return cls(row[order], channel[order], when[order].astype(np.int64), purpose[order], starts)

    def of_rows(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the places of the contacts made with these people."""
        counts = self.starts[rows + 1] - self.starts[rows]
        before = np.cumsum(counts) - counts
        return np.asarray(np.repeat(self.starts[rows] - before, counts) + np.arange(counts.sum()), dtype=np.int64)


def _judge(
    against: dict[str, NDArray[np.bool_]],
    asked: _People,
    policies: Sequence[ContactPolicy],
    made: _Made,
    channel: str,
    now: np.datetime64,
) -> None:
    """Write down whom each policy speaks against; personal policies that say the same are judged at once."""
    moment = now.astype(datetime).replace(tzinfo=UTC)
    everybody = np.arange(len(asked.customers))
    by_text: dict[str, int] | None = None
    alike: dict[Any, tuple[ContactPolicy, list[int]]] = {}
    for policy in policies:
        if policy.customer_id is None:
            _apply(against, asked, policy, everybody, made, channel, moment)
            continue
        if by_text is None:
            by_text = {str(customer): row for row, customer in enumerate(asked.customers)}
        row = by_text.get(str(policy.customer_id))
        if row is not None:
            said = (policy.purpose, policy.caps, policy.quiet_hours, policy.zone, policy.pauses, policy.preferred,
                    policy.only_preferred)  # fmt: skip
            alike.setdefault(said, (policy, []))[1].append(row)
    for policy, rows in alike.values():
        _apply(against, asked, policy, np.asarray(rows, dtype=np.int64), made, channel, moment)


def _apply(
    against: dict[str, NDArray[np.bool_]],
    asked: _People,
    policy: ContactPolicy,
    rows: NDArray[np.int64],
    made: _Made,
    channel: str,
    at: datetime,
) -> None:
    if any(at in pause for pause in policy.pauses):
        against["paused"][rows] = True
    if policy.only_preferred and policy.preferred != channel:
        against["not_preferred"][rows] = True
    zones = asked.zones[rows]
    clocks = asked.clocks(policy)
    if policy.quiet_hours is not None:
        used = np.unique(zones)
        quiet = np.zeros(len(clocks), dtype=bool)
        quiet[used] = [policy.quiet_hours.cover(at, clocks[zone]) for zone in used]
        against["quiet_hours"][rows] |= quiet[zones]
    caps = [cap for cap in policy.caps if cap.channel in {None, channel}]
    if caps:
        _cap(against["frequency_cap"], asked, policy, caps, rows, made, at)


def _cap(
    against: NDArray[np.bool_],
    asked: _People,
    policy: ContactPolicy,
    caps: Sequence[Any],
    rows: NDArray[np.int64],
    made: _Made,
    at: datetime,
) -> None:
    places = made.of_rows(rows)
    clocks = asked.clocks(policy)
    zones = asked.zones[made.row[places]]
    days = np.empty(len(places), dtype=np.int64)
    for zone in np.unique(zones):
        mine = zones == zone
        days[mine] = _local_days(made.at[places[mine]], ZoneInfo(clocks[zone]), at)
    concerned = np.ones(len(places), dtype=bool)
    if policy.purpose is not None:
        purposes, code = np.unique(made.purpose[places], return_inverse=True)
        counts = [not str(one) or policy.purpose in purposes_above(str(one)) for one in purposes]
        concerned = np.asarray(counts, dtype=bool)[code.reshape(-1)] if len(purposes) else concerned
    for cap in caps:
        first, behind = np.zeros(len(clocks), dtype=np.int64), np.zeros(len(clocks), dtype=np.int64)
        for zone in np.unique(np.append(asked.zones[rows], zones)):
            today = at.astimezone(ZoneInfo(clocks[zone])).date()
            first[zone], behind[zone] = _period(today, cap.per)
        counted = concerned & (first[zones] <= days) & (days < behind[zones])
        if cap.channel is not None:
            counted &= made.channel[places] == cap.channel
        count = np.bincount(made.row[places[counted]], minlength=len(against))
        against[rows] |= count[rows] >= cap.max_count


def _period(today: date, per: CapPeriod) -> tuple[int, int]:
    """Return the first day of a calendar period and the first behind it, as ordinals."""
    if per is CapPeriod.DAY:
        return today.toordinal(), today.toordinal() + 1
    if per is CapPeriod.WEEK:
        first = today.toordinal() - today.weekday()
        return first, first + 7
    month = today.replace(day=1)
    return month.toordinal(), (month + timedelta(days=32)).replace(day=1).toordinal()


def _local_days(at: NDArray[np.int64], zone: ZoneInfo, now: datetime) -> NDArray[np.int64]:
    """Return the calendar day, as its ordinal, that the clocks of a zone showed at each instant of the last weeks."""
    changes, offsets = _offsets(zone, now - _LONGEST, now)
    local = at + np.asarray(offsets, dtype=np.int64)[np.searchsorted(changes, at, side="right")]
    return np.asarray(local // 86_400_000_000 + date(1970, 1, 1).toordinal(), dtype=np.int64)


def _offsets(zone: ZoneInfo, start: datetime, end: datetime) -> tuple[list[int], list[int]]:
    """Return when the clocks changed between two instants, and their offsets before, between and behind, in microseconds."""

    def offset(seconds: int) -> int:
        delta = datetime.fromtimestamp(seconds, zone).utcoffset()
        assert delta is not None
        return delta // timedelta(microseconds=1)

    first, last = int(start.timestamp()) - 1, int(end.timestamp()) + 1
    changes, offsets = list[int](), [offset(first)]
    for begin in range(first, last, 86_400):
        low, high = begin, min(begin + 86_400, last)
        if offset(low) == offset(high):
            continue
        behind = offset(high)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) != behind else (low, middle)
        changes.append(high * 1_000_000)
        offsets.append(behind)
    return changes, offsets
