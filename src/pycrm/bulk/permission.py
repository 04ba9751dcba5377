"""Permission for many questions at once: the consent ledger as columns, the same answers as `may_contact` one by one.

The columns answer for the ledger alone: grants and refusals, their purpose, channel, brand, basis, confirmation and period.
`pycrm.bulk.permission_columns` asks for everything else too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pycrm.bulk.times import utc_time, utc_times
from pycrm.errors import InvalidDataError, MissingColumnError
from pycrm.model.consent import CaptureSource, ConsentStatus, LegalBasis
from pycrm.model.contact import channel_code
from pycrm.model.contact_policy import purposes_above

__all__ = ["consent_columns"]

_NEEDED = ("customer", "purpose", "status", "captured_at")
_DEFAULTS: Mapping[str, str] = {
    "channel": "",
    "legal_basis": str(LegalBasis.CONSENT),
    "capture_source": str(CaptureSource.CUSTOMER),
    "brand": "",
}
_ALLOWED = {
    "status": frozenset(map(str, ConsentStatus)),
    "legal_basis": frozenset(map(str, LegalBasis)),
    "capture_source": frozenset(map(str, CaptureSource)),
}
_NAT = np.datetime64("NaT", "us")


def _texts(ledger: Mapping[str, ArrayLike], name: str, rows: int) -> NDArray[np.str_]:
    if name not in ledger:
        return np.full(rows, _DEFAULTS[name], dtype=np.str_)
    column = np.asarray(
        ["" if value is None else str(value) for value in np.asarray(ledger[name], dtype=object).tolist()],
        dtype=np.str_,
    )
    allowed = _ALLOWED.get(name)
    if allowed is not None:
        for value in np.unique(column):
            if str(value) not in allowed:
                row = int(np.flatnonzero(column == value)[0])
                raise InvalidDataError(name, row, str(value), f"use one of {', '.join(sorted(allowed))}")
    return column


def _times(ledger: Mapping[str, ArrayLike], name: str, rows: int) -> NDArray[np.datetime64]:
    if name not in ledger:
        return np.full(rows, _NAT)
    return utc_times(name, ledger[name])


def consent_columns(
    customer: ArrayLike,
    channel: str,
    purpose: str,
    at: Any,
    ledger: Mapping[str, ArrayLike],
    *,
    brand: str | None = None,
    double_opt_in: bool = False,
    interests: frozenset[str] = frozenset(),
) -> NDArray[np.bool_]:
    """Return, per customer asked about, whether the ledger permits the contact.

    Parameters
    ----------
    customer : array_like
        Whom the questions are about; one may come twice.
    channel, purpose : str
        Over what, and what for.
    at : datetime64 or text
        When, in UTC.
    ledger : mapping of str to array_like
        Columns `customer`, `purpose`, `status` and `captured_at`; and, where they differ from the defaults of `ConsentEntry`,
        `channel`, `legal_basis`, `capture_source`, `brand`, `double_opt_in_at`, `effective_start`, `effective_end`. Times in
        UTC; a missing text is "" or None, a missing time is NaT.
    brand, double_opt_in, interests
        As in `pycrm.model.consent.may_contact`.

    Raises
    ------
    MissingColumnError
        If a column that is needed is not there.
    InvalidDataError
        If columns differ in length or hold an unknown status, basis or source, or an entry has no time.

    Examples
    --------
    >>> ledger = {
    ...     "customer": [1, 2, 2],
    ...     "purpose": ["marketing", "marketing", "marketing"],
    ...     "status": ["granted", "granted", "withdrawn"],
    ...     "captured_at": ["2026-01-01", "2026-01-01", "2026-02-01"],
    ... }
    >>> consent_columns([1, 2, 3], "email", "marketing", "2026-03-01", ledger).tolist()
    [True, False, False]
    """
    for name in _NEEDED:
        if name not in ledger:
            raise MissingColumnError(name, tuple(ledger))
    asked, said = np.asarray(customer), np.asarray(ledger["customer"])
    rows = len(said)
    for name, column in ledger.items():
        if len(np.asarray(column)) != rows:
            raise InvalidDataError(name, None, len(np.asarray(column)), f"give {rows} values, one per entry")
    now = utc_time("at", at)
    channel = channel_code(channel)
    captured = _times(ledger, "captured_at", rows)
    if np.isnat(captured).any():
        raise InvalidDataError(
            "captured_at", int(np.flatnonzero(np.isnat(captured))[0]), None, "give the time of the entry"
        )
    status, of = _texts(ledger, "status", rows), _texts(ledger, "purpose", rows)
    over, to = _texts(ledger, "channel", rows), _texts(ledger, "brand", rows)
    basis, source = _texts(ledger, "legal_basis", rows), _texts(ledger, "capture_source", rows)
    confirmed = _times(ledger, "double_opt_in_at", rows)
    begin, end = _times(ledger, "effective_start", rows), _times(ledger, "effective_end", rows)

    people, code = np.unique(np.concatenate([said, asked]), return_inverse=True)
    code = code.reshape(-1)
    who, whom = code[:rows], code[rows:]
    known = (captured <= now) & ((over == "") | (over == channel)) & ((to == "") | (to == (brand or "")))
    holds = (np.isnat(begin) | (begin <= now)) & (np.isnat(end) | (now < end))
    no = np.isin(status, [str(ConsentStatus.DENIED), str(ConsentStatus.WITHDRAWN)])
    no &= known & holds & np.isin(of, purposes_above(purpose))
    never = np.iinfo(np.int64).min
    last_no = np.full(len(people), never)
    micros = captured.astype(np.int64)
    np.maximum.at(last_no, who[no], micros[no])

    interest = basis == str(LegalBasis.LEGITIMATE_INTEREST)
    free = last_no[who] == never
    later = (micros > last_no[who]) & (source != str(CaptureSource.IMPORT)) & ~interest
    yes = known & holds & (of == purpose) & (status == str(ConsentStatus.GRANTED)) & (free | later)
    if double_opt_in:
        sure = ~np.isnat(confirmed) & (confirmed <= now)
        yes &= (basis != str(LegalBasis.CONSENT)) | sure
    if purpose not in interests:
        yes &= ~interest
    permitted = np.zeros(len(people), bool)
    permitted[who[yes]] = True
    return permitted[whom]
