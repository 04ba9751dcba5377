"""Examples in README and docs run as tests; the real data sets are found by environment, never by path."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

settings.register_profile("pycrm", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("deep", deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "pycrm"))

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(future_imports=["annotations"]), SkipParser()],
    patterns=["README.md", "docs/**/*.md", "docs/*.md"],
).pytest()


@pytest.fixture(scope="session")
def data_dir():
    """The folder of the real data sets: PYCRM_DATA, or `shared/data` beside the checkout."""
    folder = Path(os.environ.get("PYCRM_DATA", Path(__file__).parent.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the real data sets are not here; set PYCRM_DATA to their folder")
    return folder
