"""One case of benchmarks/storage.py: the raw driver, SQLAlchemy's ORM and advanced-alchemy on one table; prints seconds of each."""

import json
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from advanced_alchemy.base import UUIDBase
from advanced_alchemy.filters import LimitOffset, OrderBy
from advanced_alchemy.repository import SQLAlchemySyncRepository
from sqlalchemy.orm import Mapped, Session, mapped_column

FEW, MANY = 300, 2_000


class Row(UUIDBase):
    """Twenty columns, as a customer has them."""

    __tablename__ = "peer_row"

    tenant: Mapped[str] = mapped_column(default="main")
    revision: Mapped[int] = mapped_column(default=1)
    sku: Mapped[str]
    name: Mapped[str] = mapped_column(default="Pen")
    at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    amount: Mapped[int] = mapped_column(default=120)
    currency: Mapped[str] = mapped_column(default="EUR")
    document: Mapped[str] = mapped_column(default="{}")
    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012  # what the mapper asks for
    __table_args__ = (sa.UniqueConstraint("tenant", "sku"),)


for number in range(11):
    setattr(Row, f"field_{number}", mapped_column(f"field_{number}", sa.String, nullable=True))


class Rows(SQLAlchemySyncRepository[Row]):
    model_type = Row


def made(count: int) -> list[dict[str, Any]]:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    plain = {
        "tenant": "main",
        "revision": 1,
        "name": "Pen",
        "at": now,
        "amount": 120,
        "currency": "EUR",
        "document": "{}",
    }
    plain |= {f"field_{number}": "text" for number in range(11)}
    return [{"id": uuid.uuid4(), "sku": uuid.uuid4().hex, **plain} for _ in range(count)]


def clock(work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class Driver:
    """The DB-API alone."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.names = list(made(1)[0])
        # Values are kept as the mapped class keeps them.
        types = {name: Row.__table__.c[name].type.dialect_impl(engine.dialect) for name in self.names}
        self.write = {
            name: kind.bind_processor(engine.dialect) or (lambda value: value) for name, kind in types.items()
        }
        self.p = "?" if engine.dialect.name == "sqlite" else "%s"

    def bound(self, row):
        return tuple(self.write[name](row[name]) for name in self.names)

    def key(self, id):
        return self.write["id"](id)

    def times(self, ids):
        listed, p = ", ".join(self.names), self.p
        insert = f"INSERT INTO peer_row ({listed}) VALUES ({', '.join([p] * len(self.names))})"
        get = f"SELECT {listed} FROM peer_row WHERE id = {p}"
        page = f"SELECT {listed} FROM peer_row ORDER BY id LIMIT 50"
        update = f"UPDATE peer_row SET name = {p}, revision = revision + 1 WHERE id = {p} AND revision = {p}"
        connection = self.engine.raw_connection()
        cursor = connection.cursor()

        def each(sql, rows):
            for row in rows:
                cursor.execute(sql, row)

        def gets():
            for id in ids:
                cursor.execute(get, (self.key(id),))
                cursor.fetchone()

        def pages():
            for _ in range(40):
                cursor.execute(page)
                cursor.fetchall()

        def changes():
            for id in ids:
                cursor.execute(get, (self.key(id),))
                revision = cursor.fetchone()[self.names.index("revision")]
                cursor.execute(update, (uuid.uuid4().hex, self.key(id), revision))

        few, many = ([self.bound(row) for row in made(size)] for size in (FEW, MANY))
        found = {"get": clock(gets), "page of 50": clock(pages), "get and update": clock(changes)}
        found |= {
            "single insert": clock(lambda: each(insert, few)),
            "bulk insert": clock(lambda: cursor.executemany(insert, many)),
        }
        connection.commit()
        connection.close()
        return found


def orm(engine, ids):
    with Session(engine) as session:

        def gets():
            for id in ids:
                session.get(Row, id)
                session.expunge_all()

        def pages():
            for _ in range(40):
                session.scalars(sa.select(Row).order_by(Row.id).limit(50)).all()
                session.expunge_all()

        def changes():
            for id in ids:
                session.get(Row, id).name = uuid.uuid4().hex
                session.flush()

        def adds(rows):
            for row in rows:
                session.add(Row(**row))
                session.flush()

        few, many = made(FEW), made(MANY)
        found = {"get": clock(gets), "page of 50": clock(pages), "get and update": clock(changes)}
        found |= {"single insert": clock(lambda: adds(few))}
        found |= {"bulk insert": clock(lambda: (session.add_all([Row(**row) for row in many]), session.flush()))}
        session.commit()
    return found


def advanced_alchemy(engine, ids):
    with Session(engine) as session:
        rows = Rows(session=session)

        def gets():
            for id in ids:
                rows.get(id)
                session.expunge_all()

        def pages():
            for _ in range(40):
                rows.list(LimitOffset(50, 0), OrderBy("id"))
                session.expunge_all()

        def changes():
            for id in ids:
                held = rows.get(id)
                held.name = uuid.uuid4().hex
                rows.update(held)

        few, many = made(FEW), made(MANY)
        found = {"get": clock(gets), "page of 50": clock(pages), "get and update": clock(changes)}
        found |= {"single insert": clock(lambda: [rows.add(Row(**row)) for row in few])}
        found |= {"bulk insert": clock(lambda: rows.add_many([Row(**row) for row in many]))}
        session.commit()
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1]
        engine = sa.create_engine(f"sqlite:///{folder}/peers.db" if url == "sqlite" else url)
        if url == "sqlite":
            sa.event.listen(
                engine,
                "connect",
                lambda one, _: one.execute("PRAGMA journal_mode = WAL") and one.execute("PRAGMA synchronous = NORMAL"),
            )
        Row.__table__.drop(engine, checkfirst=True)
        Row.__table__.create(engine)
        try:
            rows = made(MANY)
            with engine.begin() as connection:
                connection.execute(Row.__table__.insert(), rows)
            ids = [row["id"] for row in rows[:FEW]]
            ways = {
                "driver": Driver(engine).times,
                "orm": lambda ids: orm(engine, ids),
                "advanced_alchemy": lambda ids: advanced_alchemy(engine, ids),
            }
            for way in ways.values():
                way(ids[:5])
            print(json.dumps({name: way(ids) for name, way in ways.items()}))
        finally:
            Row.__table__.drop(engine, checkfirst=True)


if __name__ == "__main__":
    main()
