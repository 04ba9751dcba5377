"""The report and the demo say the same figures whichever database they are kept in."""

import json
from pathlib import Path

import pytest

from pycrm.__main__ import main
from pycrm.datasets import simulate_business
from storage.servers import database

COMMANDS = {"report": ["report", "orders.csv"], "demo": ["demo", "--customers", "60"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("figures")
    simulate_business(customers=60, seed=9).order_lines().to_csv(made / "orders.csv", index=False)
    return made


def figures(command, url, json_file):
    arguments = [*COMMANDS[command], "--store", url, "--json", json_file, "--out", "page.html"]
    assert main(arguments) == 0
    return json.loads(Path(json_file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_figures_are_the_same_on_every_database(command, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    expected = figures(command, f"sqlite:///{command}.db", "sqlite.json")
    for kind, driver in (("postgresql", "postgresql+psycopg"), ("mariadb", "mysql+pymysql")):
        with database(kind) as url:
            text = url.set(drivername=driver).render_as_string(hide_password=False)
            assert figures(command, text, f"{kind}.json") == expected
