"""The CDNOW sample of the literature, calibrated to 1997-09-30."""

import pandas as pd
import pytest

from pycrm.clv import purchase_summary


@pytest.fixture(scope="session")
def cdnow(data_dir):
    orders = pd.read_csv(
        data_dir / "cdnow_sample.txt",
        sep=r"\s+",
        names=["all", "customer", "day", "cds", "dollars"],
        dtype={"day": str},
    )
    orders["day"] = pd.to_datetime(orders["day"], format="%Y%m%d")
    return orders


@pytest.fixture(scope="session")
def summary(cdnow):
    return purchase_summary(cdnow, customer="customer", time="day", amount="dollars", end="1997-09-30")
