"""What may stand for what, as a type checker sees it: a reader of patients reads customers, a repository of patients keeps none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import pycrm

PROGRAM = """
from uuid import UUID

from attrs import frozen

from pycrm.model.customer import Customer
from pycrm.storage import ArrowReader, BatchReader, MemoryStore, MemoryUnit, Page, Reader, Repository, Store, UnitOfWork, Upserting
from pycrm.storage.sql import SqlStore
from pycrm.storage.sql.repository import SqlRepository
from pycrm.storage.sql.unit import SqlUnit

@frozen(kw_only=True)
class Patient(Customer):
    ward: str = ""

def allowed(patients: Repository[Patient, UUID], page: Page[Patient], named: Reader[Customer, UUID]) -> None:
    a: Reader[Customer, UUID] = patients
    b: Reader[Patient, UUID] = patients
    c: Page[Customer] = page
    d: Customer = patients.get(UUID(int=1))

def stores(memory: MemoryStore, sql: SqlStore, kept: SqlRepository[Patient]) -> None:
    a: Store = memory
    b: Store = sql
    c: Repository[Patient, UUID] = kept

def units(memory: MemoryUnit, sql: SqlUnit) -> None:
    a: UnitOfWork = memory
    b: UnitOfWork = sql
    c: Upserting = memory
    d: Upserting = sql
    e: BatchReader = memory
    f: BatchReader = sql
    g: ArrowReader = sql

def refused(patients: Repository[Patient, UUID], customers: Repository[Customer, UUID], reader: Reader[Customer, UUID]) -> None:
    a: Repository[Customer, UUID] = patients  # refused
    b: Repository[Patient, UUID] = customers  # refused
    c: Reader[Patient, UUID] = reader  # refused
    d: Reader[Customer, str] = reader  # refused
    patients.add(Customer())  # refused
"""


LINES = PROGRAM.splitlines()
REFUSED = [number for number, line in enumerate(LINES, 1) if line.endswith("# refused")]


def test_a_repository_of_patients_is_read_as_one_of_customers_and_never_written_as_one(tmp_path):
    api = pytest.importorskip("mypy.api", reason="mypy comes with the extra dev")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    found, problems, status = api.run(
        ["--strict", "--no-error-summary", "--hide-error-context", "--python-executable", sys.executable, str(program)]
    )
    assert not problems
    assert status == 1
    errors = [line for line in found.splitlines() if ": error: " in line]
    assert sorted(int(line.split(":")[1]) for line in errors) == REFUSED, found


def test_another_type_checker_says_the_same(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    rules = {"typeCheckingMode": "standard", "pythonVersion": "3.11", "include": ["program.py"]}
    rules["extraPaths"] = [str(Path(pycrm.__file__).parents[1])]  # pyright does not follow an editable install
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(rules), encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)["generalDiagnostics"]
    except (json.JSONDecodeError, KeyError):
        pytest.skip(f"pyright does not start: {done.stderr.strip()[-300:]}")
    errors = [one for one in found if one["severity"] == "error"]
    assert sorted(one["range"]["start"]["line"] + 1 for one in errors) == REFUSED, errors
