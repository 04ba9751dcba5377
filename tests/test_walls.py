"""Each wall of the house holds, and each is proven by planting a wrong import and seeing it refused."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

# contract -> the module that gets a wrong import, and the import
PLANTED = {
    "layers": ("normalise.py", "import pycrm.model.money"),
    "numbers-know-no-entities": ("clv/value.py", "import pycrm.model.money"),
    "serialize-knows-no-numbers": ("serialize.py", "import pycrm.clv.value"),
    "inside-storage": ("storage/query.py", "import pycrm.storage.protocols"),
    "workflows-are-independent": ("workflows/identify/lists.py", "import pycrm.workflows.interact"),
    "light-rooms": ("model/money.py", "import numpy"),
    "model-is-plain": ("model/money.py", "import sqlite3"),
    "sqlalchemy-in-sql": ("fit/result.py", "import sqlalchemy"),
    "narwhals-in-table": ("clv/value.py", "import narwhals"),
    "matplotlib-in-plot": ("clv/value.py", "import matplotlib"),
    "sklearn-in-sklearn": ("clv/value.py", "import sklearn"),
    "test-tools-in-testing": ("storage/memory/unit.py", "import pytest"),
    "front-door": ("clv/value.py", "import pycrm"),
}


def broken_contracts(src):
    command = [
        sys.executable,
        "-c",
        "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()",
    ]
    done = subprocess.run(
        [*command, "--no-cache", "--config", str(ROOT / "pyproject.toml")],
        capture_output=True,
        text=True,
        check=False,
        cwd=src,
        env={"PYTHONPATH": str(src), "PATH": "", "NO_COLOR": "1"},
    )
    report = done.stdout
    assert "Contracts" in report, done.stderr
    return {contract["id"] for contract in CONTRACTS if f"{contract['name']} BROKEN" in " ".join(report.split())}


@pytest.fixture
def src(tmp_path):
    shutil.copytree(ROOT / "src" / "pycrm", tmp_path / "src" / "pycrm", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "src"


def test_all_walls_hold(src):
    assert broken_contracts(src) == set()


def test_every_wall_has_a_planted_fault():
    assert {contract["id"] for contract in CONTRACTS} == set(PLANTED)


@pytest.mark.parametrize("contract", sorted(PLANTED))
def test_a_wrong_import_breaks_its_wall(src, contract):
    module, wrong = PLANTED[contract]
    path = src / "pycrm" / module
    path.write_text(path.read_text() + f"\n{wrong}\n")
    assert contract in broken_contracts(src)
