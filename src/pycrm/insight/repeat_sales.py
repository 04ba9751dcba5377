"""Who came back: the share of buyers who bought again, and of newcomers who made a second order in time."""

from __future__ import annotations

import datetime as dt

import numpy as np
from attrs import frozen

from pycrm import table
from pycrm.errors import InvalidValueError, NotEstimableError
from pycrm.fit import proportion_interval

__all__ = ["RepeatSales", "repeat_sales"]


@frozen(kw_only=True)
class RepeatSales:
    """How many buyers came back.

    Parameters
    ----------
    buyers, repeaters : int
        Who ordered at all, and on two occasions at least.
    newcomers, converted : int
        Whose first order lies a whole window back, and who of them ordered again within it.
    window : int
        Days.
    """

    buyers: int
    repeaters: int
    newcomers: int
    converted: int
    window: int

    @property
    def rate(self) -> float:
        """Share of buyers who bought again, however long they have had for it."""
        return self.repeaters / self.buyers

    @property
    def second_order_rate(self) -> float | None:
        """Share of newcomers who bought again within the window; None where nobody has had the whole of it."""
        return self.converted / self.newcomers if self.newcomers else None

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the Wilson interval of `second_order_rate`.

        Raises
        ------
        NotEstimableError
            If nobody has had the whole window.
        """
        if not self.newcomers:
            raise NotEstimableError("the second-order rate", f"no first order lies {self.window} days back")
        low, high = proportion_interval([self.converted], [self.newcomers], confidence=confidence)
        return float(low[0]), float(high[0])


def repeat_sales(
    orders: table.Frame,
    *,
    as_of: dt.date,
    window: int = 90,
    customer: str = "customer",
    order: str = "order",
    time: str = "time",
) -> RepeatSales:
    """Return who bought again, and who made a second order within `window` days of the first.

    Only customers whose first order lies the whole window before `as_of` count as newcomers, so that the young do not pull the
    rate down.

    Parameters
    ----------
    orders : frame
        One row an order, or a line of one.
    as_of : date
        Later rows are not there.
    window : int
        Days, at least 1.
    customer, order, time : str
        Columns: who, which order, and when (a date or a naive local time).

    Raises
    ------
    NotEstimableError
        If nobody has bought.

    Examples
    --------
    >>> import datetime as dt
    >>> days = [dt.date(2026, 1, 1), dt.date(2026, 2, 1), dt.date(2026, 1, 5), dt.date(2026, 5, 1)]
    >>> rows = {"customer": ["ann", "ann", "bob", "cia"], "order": [1, 2, 3, 4], "time": days}
    >>> found = repeat_sales(rows, as_of=dt.date(2026, 5, 1))
    >>> round(found.rate, 3), found.second_order_rate
    (0.333, 0.5)
    """
    if window < 1:
        raise InvalidValueError("window", window, "give at least 1 day")
    frame = table.eager(orders)
    who = np.unique(np.asarray(table.column(frame, customer)).astype(str), return_inverse=True)[1].reshape(-1)
    which = np.unique(np.asarray(table.column(frame, order)).astype(str), return_inverse=True)[1].reshape(-1)
    day = np.asarray(table.column(frame, time)).astype("datetime64[D]").astype(np.int64)
    now = int(np.datetime64(as_of, "D").astype(np.int64))
    there = day <= now
    if not there.any():
        raise NotEstimableError("repeat sales", "nobody has bought by as_of")
    # One row an order: its first day.
    by_order = np.lexsort((day[there], which[there], who[there]))
    who, which, day = who[there][by_order], which[there][by_order], day[there][by_order]
    starts = np.append(True, (who[1:] != who[:-1]) | (which[1:] != which[:-1]))
    who, day = who[starts], day[starts]
    in_time = np.lexsort((day, who))
    who, day = who[in_time], day[in_time]
    first = np.flatnonzero(np.append(True, who[1:] != who[:-1]))
    count = np.diff(np.append(first, len(who)))
    again = count > 1
    old = day[first] + window <= now
    second = np.where(again, day[np.minimum(first + 1, len(day) - 1)], np.iinfo(np.int64).max)
    converted = old & again & (second <= day[first] + window)
    return RepeatSales(
        buyers=len(first),
        repeaters=int(again.sum()),
        newcomers=int(old.sum()),
        converted=int(converted.sum()),
        window=window,
    )
