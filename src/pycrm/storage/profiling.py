"""Of whom numbers are made: neither restricted, nor erased, nor objecting; asked by every verb that makes any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from uuid import UUID

from attrs import field, frozen

from pycrm.model.consent import ConsentEntry, ConsentStatus, LegalBasis, Permission
from pycrm.model.customer import Customer, Processing
from pycrm.model.predicate import Predicate, where
from pycrm.model.profiling import ProfilingPolicy, may_profile
from pycrm.model.time import instant
from pycrm.storage.columns import read_columns
from pycrm.storage.identity import Aliases, aliases, aliases_of
from pycrm.storage.lookups import not_in_use, united_consents
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import Query
from pycrm.storage.unit import utc_now

__all__ = ["LEFT_OUT", "Profiled", "may_be_profiled", "profiled"]

LEFT_OUT = "customers whose data is restricted or of whom no numbers may be made are left out"
"""What a figure about many says behind their number."""

_AT_ONCE = 500
_NO = [str(ConsentStatus.DENIED), str(ConsentStatus.WITHDRAWN)]


@frozen(kw_only=True)
class Profiled:
    """Of whom no numbers may be made, and why; of everybody else they may.

    Parameters
    ----------
    why_not : Mapping of UUID to str
        The customers left out, under the id of today, with the code of the reason: restricted, erased, objected, no_consent, expired or unconfirmed.
    now : Aliases
        Who is who.
    """

    why_not: Mapping[UUID, str] = field(repr=False)
    now: Aliases = field(repr=False)

    def __contains__(self, customer_id: UUID) -> bool:
        """Whether numbers may be made of whoever this id means now."""
        return self.now.of(customer_id) not in self.why_not

    def counts(self, customer_id: UUID) -> bool:
        """Whether he may be one of many in a figure about nobody: as `in`, and who was erased too, of whom only a number is left."""
        return self.why_not.get(self.now.of(customer_id), "erased") == "erased"

    @property
    def left_out(self) -> dict[str, int]:
        """How many customers are left out, by the code of the reason."""
        return dict(sorted(Counter(self.why_not.values()).items()))


def profiled(unit: UnitOfWork, at: datetime | None = None) -> Profiled:
    """Return of whom numbers may be made, in one reading of all: the answers of `may_profile`.

    Parameters
    ----------
    unit : UnitOfWork
        Of any store.
    at : datetime, optional
        When the numbers are made; now by default. As a restriction does, an objection counts from then on for numbers about
        any day, also of days before it.

    Examples
    --------
    >>> from pycrm.model.customer import PersonName
    >>> from pycrm.storage import MemoryStore
    >>> with MemoryStore().begin() as unit:
    ...     ana, bea = (unit.of(Customer).add(Customer(name=PersonName(given=name))) for name in ("Ana", "Bea"))
    ...     said = ConsentEntry(
    ...         customer_id=bea.id, purpose="profiling", status=ConsentStatus.WITHDRAWN, captured_at=utc_now()
    ...     )
    ...     _ = unit.of(ConsentEntry).add(said)
    ...     found = profiled(unit)
    >>> ana.id in found, bea.id in found, found.left_out
    (True, False, {'objected': 1})
    """
    now, moment, policies = aliases(unit), utc_now() if at is None else instant(at), _policies(unit)
    why_not = {id: str(said) for id, said in not_in_use(unit).items() if id not in now.into}
    needed = any(policy.basis is LegalBasis.CONSENT for policy in policies)
    known = (where("captured_at") <= moment) & _about(policies)
    spoke = united_consents(_entries(unit, now, known, everything=needed), now, moment)
    for id in _stored(unit, None if needed else spoke):
        if id not in now.into and id not in why_not:
            answer = may_profile(id, moment, consents=spoke.get(id, ()), policies=policies)
            if not answer:
                why_not[id] = answer.reasons[0].code
    return Profiled(why_not=why_not, now=now)


def _stored(unit: UnitOfWork, among: Iterable[UUID] | None) -> Iterator[UUID]:
    """Yield the customers there are, of some or all: a ledger may speak of one who is no longer there."""
    questions = [Query(Customer)] if among is None else [Query(Customer, one) for one in _within("id", among)]
    for question in questions:
        yield from read_columns(unit, question, ["id"])["id"]


def _within(name: str, ids: Iterable[UUID]) -> Iterator[Predicate]:
    listed = sorted(ids, key=str)
    for start in range(0, len(listed), _AT_ONCE):
        yield where(name).is_in(listed[start : start + _AT_ONCE])


def may_be_profiled(unit: UnitOfWork, customer_id: UUID, at: datetime | None = None) -> Permission:
    """Return whether numbers may be made of one customer, under whichever id he is known: as `profiled` answers for all."""
    now, moment, policies = aliases_of(unit, customer_id), utc_now() if at is None else instant(at), _policies(unit)
    home = now.of(customer_id)
    asked = where("customer_id").is_in(now.ids_of(customer_id)) & (where("captured_at") <= moment) & _about(policies)
    said = (entry for batch in unit.of(ConsentEntry).stream(Query(ConsentEntry, asked)) for entry in batch)
    customer = unit.of(Customer).find(home)
    return may_profile(
        home,
        moment,
        consents=united_consents(said, now, moment).get(home, ()),
        policies=policies,
        processing=Processing.ALLOWED if customer is None else customer.processing,
    )


def _policies(unit: UnitOfWork) -> list[ProfilingPolicy]:
    held = [one for batch in unit.of(ProfilingPolicy).stream(Query(ProfilingPolicy)) for one in batch]
    return held or [ProfilingPolicy()]


def _about(policies: list[ProfilingPolicy]) -> Predicate:
    return where("purpose").is_in(sorted({name for policy in policies for name in policy.purposes}))


def _entries(unit: UnitOfWork, now: Aliases, known: Predicate, *, everything: bool) -> Iterator[ConsentEntry]:
    """Yield what was said of these purposes; unless consent is needed only by those who ever said no, mostly few."""
    asked = [known]
    if not everything:
        no = Query(ConsentEntry, known & where("status").is_in(_NO))
        homes = {now.of(id) for id in read_columns(unit, no, ["customer_id"])["customer_id"]}
        gone = {old for old, (home, _) in now.into.items() if home in homes}
        asked = [known & condition for condition in _within("customer_id", homes | gone)]
    for condition in asked:
        for batch in unit.of(ConsentEntry).stream(Query(ConsentEntry, condition)):
            yield from batch
