"""What a newcomer gets wrong is refused in a sentence of ours, never with a bare error of a library."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from pycrm.errors import InvalidDataError, InvalidValueError, PycrmError
from pycrm.scoring import Platt, Scorecard, evaluate, information_value, work_queue
from pycrm.segmentation import RfmEdges, RfmSegment, TierRules, fit_clusters, rfm_scores, rfm_segments, silhouette

DAY = dt.date(2024, 1, 1)
ONE = {"customer": [1], "time": [DAY], "amount": [1]}
CELL = {"r": [1], "f": [1], "m": [1]}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: rfm_scores([1], as_of=DAY),
        lambda: rfm_scores(ONE, as_of=DAY, edges=(1, 2)),
        lambda: rfm_scores(ONE, as_of=DAY, weights="abc"),
        lambda: rfm_scores(ONE, as_of=DAY, bins="5"),
        lambda: rfm_scores({**ONE, "time": ["2024-01-01"]}, as_of=DAY),
        lambda: rfm_scores({"customer": [1, "a"], "time": [DAY] * 2, "amount": [1, 2]}, as_of=DAY),
        lambda: rfm_segments(CELL, segments=()),
        lambda: rfm_segments(CELL, segments=("a",)),
        lambda: RfmSegment("x", r="12"),
        lambda: RfmSegment("x", r=(1, 2, 3)),
        lambda: RfmEdges(recency="ab", frequency=(1,), monetary=(1,)),
        lambda: RfmEdges(recency=1, frequency=(1,), monetary=(1,)),
        lambda: TierRules(valuable="a"),
        lambda: fit_clusters({"x": [1.0, 2.0]}, 2, columns=["x"], rng=None),
        lambda: fit_clusters({"x": [1.0, 2.0]}, 2, columns="x", rng=np.random.default_rng(0)),
        lambda: silhouette([1, 2, 3], [0, 1, 1]),
        lambda: information_value({"x": [1, 2]}, [0, 0]),
        lambda: evaluate([0, 1], [0.1, 0.2], rng=np.random.default_rng(0), replicates=0),
        lambda: Platt.fit(["a"], [1]),
        lambda: work_queue({"lead": ["a", 1], "probability": [0.1, 0.2], "value": [1, 1]}),
        lambda: Scorecard.fit({"x": [1, 2]}, [0, 1], min_share=-1),
        lambda: Scorecard.fit(pd.DataFrame({"x": pd.to_datetime(["2024-01-01", "2024-01-02"])}), [0, 1]),
    ],
)
def test_the_error_is_ours(wrong):
    with pytest.raises(PycrmError) as caught:
        wrong()
    assert isinstance(caught.value, InvalidDataError | InvalidValueError | ArithmeticError)


def test_decimals_are_money_too():
    from decimal import Decimal

    assert rfm_scores({**ONE, "amount": [Decimal("1.10")]}, as_of=DAY).monetary.tolist() == [1.1]
