"""Which unit goes into which arm: a function of its id, so nobody is moved by asking twice, elsewhere, or in another order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.experiments.arms import Design, Label, shares
from pycrm.table import factorise

__all__ = ["Split", "held_out"]

_MASK = np.uint64(0xFFFFFFFFFFFFFFFF)


def _hashes(salt: str, ids: NDArray[np.object_]) -> NDArray[np.uint64]:
    """Return the first eight bytes of SHA-256 of "salt:id", which every database and language can compute too."""
    start = hashlib.sha256(f"{salt}:".encode())
    digests = bytearray()
    for id in ids:
        one = start.copy()
        one.update(str(id).encode())
        digests += one.digest()[:8]
    return np.frombuffer(bytes(digests), dtype=">u8").astype(np.uint64)


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Apply the finaliser of SplitMix64: each input bit moves each output bit with chance one half."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _uniform(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return fifty-three bits as a number strictly between 0 and 1."""
    return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def _read_weights(weights: Mapping[Label, float]) -> dict[Label, float]:
    return shares(weights, "weights")


def _read_salt(salt: str) -> str:
    if str(salt) != salt or not salt or ":" in salt:
        raise InvalidValueError("salt", salt, "give a text without a colon that names the experiment and never changes")
    return salt


@frozen(kw_only=True)
class Split:
    """How an experiment divides its units.

    Each arm draws a number from the hash of (salt, id, arm) and the smallest `-log(number) / weight` wins, so an arm gets its
    weight, arms may be listed in any order, and a changed weight moves only units into or out of that arm [1]_.

    Parameters
    ----------
    salt : str
        Name of the experiment; another salt is another, independent split.
    weights : mapping of arm to float
        Shares of the arms among those not held out; they sum to one.
    holdout : float
        Share of all units kept out of every arm, 0 <= holdout < 1.
    holdout_salt : str, optional
        Salt of the holdout; give several experiments the same one and they hold out the same units.

    References
    ----------
    .. [1] Thaler & Ravishankar (1998), IEEE/ACM Transactions on Networking 6(1), 1-14 (rendezvous hashing; weights after
       Schindelhauer & Schomaker 2005).

    Examples
    --------
    >>> split = Split(salt="spring-mail", weights={"control": 0.5, "email": 0.5}, holdout=0.1)
    >>> split.arms(["ann", "bob", "cid", "dee"]).tolist()
    ['control', 'email', 'control', 'control']
    """

    salt: str = field(converter=_read_salt)
    weights: Mapping[Label, float] = field(converter=_read_weights)
    holdout: float = 0.0
    holdout_salt: str | None = None

    def __attrs_post_init__(self) -> None:
        share: object = self.holdout
        if not isinstance(share, int | float) or not 0.0 <= share < 1.0:
            raise InvalidValueError("holdout", self.holdout, "give a share of at least 0 and below 1")
        if self.holdout_salt is not None:
            _read_salt(self.holdout_salt)
        if "holdout" in self.weights and self.holdout > 0.0:
            raise InvalidValueError(
                "weights", dict(self.weights), "the arm 'holdout' is kept for those held out; rename it"
            )

    def design(self, *, sample_size: int | None = None) -> Design:
        """Return what to hold the results against: the shares of the arms, and the holdout if there is one.

        Examples
        --------
        >>> split = Split(salt="spring-mail", weights={"control": 0.5, "email": 0.5}, holdout=0.1)
        >>> split.design().shares
        {'holdout': 0.1, 'control': 0.45, 'email': 0.45}
        """
        inside = {arm: weight * (1.0 - self.holdout) for arm, weight in self.weights.items()}
        planned = {"holdout": self.holdout, **inside} if self.holdout > 0.0 else inside
        return Design(shares=planned, sample_size=sample_size)

    def arms(
        self, ids: ArrayLike, *, strata: ArrayLike | None = None, previous: ArrayLike | None = None
    ) -> NDArray[np.object_]:
        """Return the arm of each unit, or "holdout".

        Parameters
        ----------
        ids : array_like
            Text or whole numbers; 7 and "7" are the same unit.
        strata : array_like, optional
            A group of each unit. Within each group the arms then get their shares to the unit, and the arm of a unit depends
            on who else is in `ids`: keep the answer and give it back as `previous`.
        previous : array_like, optional
            Arms given before, None where there is none; they are kept, whatever the weights are now.

        Raises
        ------
        InvalidDataError
            For an id that is missing, a fraction, or there twice; for a stratum that is missing; for a previous arm that does
            not exist.

        Examples
        --------
        >>> split = Split(salt="spring-mail", weights={"control": 0.5, "email": 0.5})
        >>> sorted(split.arms(range(6), strata=["gold"] * 6).tolist())
        ['control', 'control', 'control', 'email', 'email', 'email']
        >>> split.arms([1, 2], previous=["email", None]).tolist()
        ['email', 'email']
        """
        units = _units(ids)
        held = (
            _uniform(_hashes(self.holdout_salt or f"{self.salt}/holdout", units)) < self.holdout
            if self.holdout > 0.0
            else np.zeros(len(units), dtype=np.bool_)
        )
        names = np.empty(len(self.weights), dtype=object)
        names[:] = list(self.weights)
        before = np.full(len(units), None, dtype=object) if previous is None else self._kept(previous, len(units))
        fresh = np.array([arm is None for arm in before], dtype=np.bool_)
        chosen = before.copy()
        chosen[held & fresh] = "holdout"
        open_ = ~held & fresh
        hashed = _hashes(self.salt, units[open_])
        if strata is None:
            chosen[open_] = names[self._rendezvous(hashed)]
        else:
            groups, _ = factorise(np.asarray(strata))
            if len(groups) != len(units):
                raise InvalidDataError("strata", None, f"{len(groups)} values", f"give one per id: {len(units)}")
            if (groups < 0).any():
                raise InvalidDataError("strata", int(np.argmax(groups < 0)), None, "give every unit a stratum")
            chosen[open_] = names[self._systematic(hashed, groups[open_])]
        return chosen

    def _kept(self, previous: ArrayLike, size: int) -> NDArray[np.object_]:
        given = np.asarray(previous, dtype=object)
        if given.shape != (size,):
            raise InvalidDataError("previous", None, f"{given.size} values", f"give one per id: {size}")
        known = {*self.weights, "holdout"}
        kept = np.full(size, None, dtype=object)
        for row, arm in enumerate(given):
            if arm is None or arm != arm:  # noqa: PLR0124 - NaN, the missing value of a frame, is not itself
                continue
            if arm not in known:
                raise InvalidDataError("previous", row, arm, f"the arms are {', '.join(map(repr, self.weights))}")
            kept[row] = arm
        return kept

    def _rendezvous(self, hashed: NDArray[np.uint64]) -> NDArray[np.int64]:
        best = np.full(len(hashed), np.inf)
        chosen = np.zeros(len(hashed), dtype=np.int64)
        # Sorted by name, so that equal draws of two arms, however rare, do not depend on the order of `weights`.
        order = sorted(range(len(self.weights)), key=lambda k: str(list(self.weights)[k]))
        for k in order:
            arm, weight = list(self.weights.items())[k]
            own = np.uint64(int.from_bytes(hashlib.sha256(f"{self.salt}:{arm!r}".encode()).digest()[:8], "big"))
            draw = -np.log(_uniform(_mixed((hashed ^ own) & _MASK))) / weight
            better = draw < best
            best[better], chosen[better] = draw[better], k
        return chosen

    def _systematic(self, hashed: NDArray[np.uint64], groups: NDArray[np.int64]) -> NDArray[np.int64]:
        """Cut each stratum, in the order of its hashes, at the cumulative weights; a hashed start rounds without favour."""
        order = np.lexsort((hashed, groups))
        sorted_groups = groups[order]
        size = np.bincount(groups, minlength=1)
        first = np.concatenate([[0], np.cumsum(size)[:-1]])
        rank = np.arange(len(order)) - first[sorted_groups]
        start = np.zeros(len(size))
        filled = np.flatnonzero(size)
        start[filled] = _uniform(_mixed(hashed[order][first[filled]]))
        place = (rank + start[sorted_groups]) / size[sorted_groups]
        cuts = np.cumsum(list(self.weights.values()))[:-1]
        chosen = np.empty(len(order), dtype=np.int64)
        chosen[order] = np.searchsorted(cuts, place, side="right")
        return chosen


def held_out(ids: ArrayLike, *, salt: str, share: float) -> NDArray[np.bool_]:
    """Return which units are left alone for good: by the hash of salt and id, the same ones whoever asks.

    Parameters
    ----------
    ids : array_like
        The units, each once.
    salt : str
        Name of what they are held out of.
    share : float
        Of all units, 0 <= share < 1.

    Examples
    --------
    >>> held_out(["ann", "bob", "cid", "dee"], salt="weekly", share=0.5).tolist()
    [False, True, False, False]
    """
    raw = np.asarray(ids, dtype=object)
    if share == 0.0 or raw.size == 0:
        return np.zeros(raw.size, dtype=np.bool_)
    split = Split(salt=salt, weights={"loop": 1.0 - share, "holdout": share})
    return np.asarray(split.arms(raw) == "holdout", dtype=np.bool_)


def _units(ids: ArrayLike) -> NDArray[np.object_]:
    raw = np.asarray(ids)
    if raw.ndim != 1:
        raise InvalidDataError("ids", None, f"{raw.ndim} dimensions", "give one id per unit, in one dimension")
    if raw.dtype.kind == "f" and raw.size:
        raise InvalidDataError("ids", None, str(raw.dtype), "give text or whole numbers: 7.0 and 7 would be two units")
    codes, found = factorise(raw)
    if (codes < 0).any():
        raise InvalidDataError("ids", int(np.argmax(codes < 0)), None, "give every unit an id")
    if len(found) != len(raw):
        seen = np.zeros(len(found), dtype=np.bool_)
        for row, code in enumerate(codes):
            if seen[code]:
                raise InvalidDataError("ids", row, raw[row], "it is there twice; a unit is assigned once")
            seen[code] = True
    return raw.astype(object)
