import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from pycrm.errors import SchemaMismatch
from pycrm.model.customer import Customer
from pycrm.storage import Query
from pycrm.storage.sql import SqlStore, migrations_folder, upgrade
from pycrm.testing.made import ana, stored
from storage.servers import database


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/crm.db"
    else:
        with database(request.param) as url:
            yield url


def reflected(url):
    engine = sa.create_engine(url)
    inspect = sa.inspect(engine)
    found = {}
    for table in inspect.get_table_names():
        found[table] = (
            [(c["name"], str(c["type"]), c["nullable"]) for c in inspect.get_columns(table)],
            inspect.get_pk_constraint(table)["constrained_columns"],
            sorted((u["name"] or "", u["column_names"]) for u in inspect.get_unique_constraints(table)),
            sorted(
                (f["name"] or "", f["constrained_columns"], f["referred_table"])
                for f in inspect.get_foreign_keys(table)
            ),
            sorted((i["name"], i["column_names"]) for i in inspect.get_indexes(table)),
        )
    engine.dispose()
    return found


def emptied(url):
    engine = sa.create_engine(url)
    metadata = sa.MetaData()
    metadata.reflect(engine)
    metadata.drop_all(engine)
    engine.dispose()


def test_the_migrations_make_what_create_schema_makes_and_keep_the_data(url):
    upgrade(url)
    migrated = reflected(url)
    store = SqlStore(url)
    one = stored(store, ana())
    upgrade(url)
    with store.begin() as unit:
        assert unit.of(Customer).get(one.id) == one
        assert unit.of(Customer).count(Query(Customer)) == 1
    store.close()
    emptied(url)
    made = SqlStore(url)
    made.create_schema()
    made.create_schema()
    made.close()
    assert reflected(url) == migrated


HOST_ENV = """
import sqlalchemy as sa
from alembic import context
with sa.create_engine(context.config.attributes["url"], poolclass=sa.NullPool).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
HOST_REVISION = """
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "host_1", None, ("host",), "pycrm"
def upgrade():
    op.create_table("of_the_host", sa.Column("id", sa.Integer, primary_key=True))
"""


def test_a_host_runs_our_revisions_among_its_own_and_the_store_opens(url, tmp_path):
    (tmp_path / "host" / "versions").mkdir(parents=True)
    (tmp_path / "host" / "env.py").write_text(HOST_ENV)
    (tmp_path / "host" / "versions" / "host_1.py").write_text(HOST_REVISION)
    config = Config(attributes={"url": url})
    config.set_main_option("script_location", str(tmp_path / "host"))
    config.set_main_option("path_separator", "space")
    config.set_main_option("version_locations", f"{tmp_path / 'host' / 'versions'} {migrations_folder()}")
    command.upgrade(config, "heads")
    engine = sa.create_engine(url)
    store = SqlStore(engine)  # of an Engine, so that SQLite does not make the tables itself
    one = stored(store, ana())
    upgrade(engine)  # there is nothing left to do
    command.upgrade(config, "heads")
    with store.begin() as unit:
        assert unit.of(Customer).get(one.id) == one
    assert sa.inspect(engine).has_table("of_the_host")
    engine.dispose()


def test_a_schema_of_a_newer_release_is_refused_with_both_revisions_named(url):
    store = SqlStore(url)
    store.create_schema()
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE pycrm_version SET version_num = 'pycrm_9999'")
    store.close()
    store = SqlStore(url)
    with pytest.raises(SchemaMismatch, match=r"pycrm_9999.*pycrm_0001"):
        store.begin()
    store.close()


def test_an_empty_database_server_is_refused_until_it_is_given_its_schema():
    with database("postgresql") as url:
        store = SqlStore(url)
        with pytest.raises(SchemaMismatch, match="create_schema"):
            store.begin()
        store.create_schema()
        store.begin().rollback()
        store.close()
