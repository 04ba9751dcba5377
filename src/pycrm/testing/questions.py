"""The contract of questions: every store answers as `evaluate` does, page by page, in a total order."""

# ruff: noqa: D102, SLF001  # a contract is made of assertions; the names of its methods are its sentences
from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import attrs
import pytest

from pycrm.errors import InvalidCursor, InvalidQuery, InvalidValueError
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.customer import Customer, PersonName, Role
from pycrm.model.entity import new_id
from pycrm.model.order import OrderStatus, Product
from pycrm.model.predicate import AllOf, AnyOf, Predicate, evaluate, where
from pycrm.storage.protocols import Store
from pycrm.storage.query import By, Query, asc, desc
from pycrm.testing.made import NOW, an_order, ana, firm, pen
from pycrm.testing.requirements import Requirements

__all__ = ["Questions", "crowd"]


def crowd() -> list[Customer]:
    """Return customers who differ in every field a question may be about, with missing values among them."""
    email = ContactPoint(kind=ContactKind.EMAIL, raw="b@x.org")
    phone = ContactPoint(kind=ContactKind.PHONE, raw="+34600111222")
    return [
        attrs.evolve(firm(), id=UUID(int=1)),
        ana(id=UUID(int=2), country="ES", birth_date=date(1990, 5, 1), owner_id=UUID(int=9), tags=frozenset({"vip"})),
        ana(id=UUID(int=3), country="FR", contact_points=(email, phone), custom={"tier": "gold", "visits": 3}),
        ana(id=UUID(int=4), name=PersonName(given="zoë"), custom={"tier": "silver", "visits": Decimal("3.5")}),
        ana(id=UUID(int=5), name=PersonName(family="garcía"), first_touch_at=NOW, custom={"tier": ["gold", "old"]}),
        ana(id=UUID(int=6), name=None, job_title="50%_off", is_deceased=True, custom={"tier": None, "visits": True}),
        ana(id=UUID(int=7), name=PersonName(family="Zapata"), first_touch_at=NOW - timedelta(days=1), source="fair"),
        ana(
            id=UUID(int=8),
            name=PersonName(full="😀"),
            roles=frozenset({Role.CUSTOMER}),
            birth_date=date(1, 1, 1),
            source=" fair",
        ),
    ]


CONDITIONS: dict[str, Predicate] = {
    "country is": where("country") == "ES",
    "country is not": where("country") != "ES",
    "not country is": ~(where("country") == "ES"),
    "not country is not": ~(where("country") != "ES"),
    "country below": where("country") < "FR",
    "country at most": where("country") <= "FR",
    "country above": where("country") > "ES",
    "country at least": where("country") >= "FR",
    "country in": where("country").is_in(["ES", "FR", "XX"]),
    "country in nothing": where("country").is_in([]),
    "country not in": ~where("country").is_in(["ES"]),
    "country in mixed kinds": where("country").is_in(["ES", 7, True]),
    "country missing": where("country").is_null(),
    "country present": where("country").is_null(False),
    "country as number": where("country") == 7,
    "country not as number": where("country") != 7,
    "country above number": where("country") > 7,
    "job contains": where("job_title").contains("0%_o"),
    "job contains another case": where("job_title").contains("OFF"),
    "job contains nothing": where("job_title").contains(""),
    "job contains a number": where("job_title").contains(5),
    "source with a space": where("source") == "fair",
    "kind by value": where("kind") == "person",
    "kind by enum": where("kind") == firm().kind,
    "kind above": where("kind") > "organisation",
    "deceased": where("is_deceased") == True,  # noqa: E712  # a condition
    "not deceased": where("is_deceased") != True,  # noqa: E712  # a condition
    "deceased is 1": where("is_deceased") == 1,
    "born on": where("birth_date") == date(1990, 5, 1),
    "born before": where("birth_date") < date(1990, 5, 2),
    "born at a time": where("birth_date") == NOW,
    "touched at": where("first_touch_at") == NOW,
    "touched since": where("first_touch_at") >= NOW - timedelta(hours=1),
    "touched between": where("first_touch_at").between(NOW - timedelta(days=1), NOW),
    "touched on a date": where("first_touch_at") == date(2026, 5, 1),
    "owner": where("owner_id") == UUID(int=9),
    "owner as text": where("owner_id") == str(UUID(int=9)),
    "owner above": where("owner_id") > UUID(int=8),
    "owner missing": where("owner_id").is_null(),
    "id is": where("id") == UUID(int=3),
    "id in": where("id").is_in([UUID(int=3), UUID(int=5), UUID(int=99)]),
    "id above": where("id") > UUID(int=6),
    "version is": where("version") == 1,
    "version above half": where("version") > 0.5,
    "version at least one and a half": where("version") >= Decimal("1.5"),
    "version above the greatest": where("version") > 2**70,
    "version below the greatest": where("version") < 2**70,
    "version above the least": where("version") >= -(2**70),
    "version is huge": where("version") == 1e300,
    "family": where("name.family") == "García",
    "family not": where("name.family") != "García",
    "family below": where("name.family") < "Z",
    "family above": where("name.family") > "a",
    "family contains": where("name.family").contains("arc"),
    "family missing": where("name.family").is_null(),
    "family present": where("name.family").is_null(False),
    "given": where("name.given") == "Ana",
    "given missing": where("name.given").is_null(),
    "full emoji": where("name.full") == "😀",
    "another emoji": where("name.full") == "😁",
    "nickname missing": where("name.nickname").is_null(),
    "name missing": where("name").is_null(),
    "organisation": where("organisation.name") == "Acme",
    "revenue": where("organisation.annual_revenue.amount") >= Decimal(1000000),
    "revenue currency": where("organisation.annual_revenue.currency") == "EUR",
    "point": where("contact_points.normalised") == "ana@example.com",
    "point in": where("contact_points.normalised").is_in(["b@x.org", "info@acme.example"]),
    "point not": where("contact_points.normalised") != "ana@example.com",
    "not point": ~(where("contact_points.normalised") == "ana@example.com"),
    "point as number": where("contact_points.normalised") == 5,
    "point contains": where("contact_points.normalised").contains("x.org"),
    "point kind": where("contact_points.kind") == "phone",
    "point primary": where("contact_points.primary") == True,  # noqa: E712  # a condition
    "tag": where("tags") == "vip",
    "tag contained": where("tags").contains("vip"),
    "tag part contained": where("tags").contains("vi"),
    "tags missing": where("tags").is_null(),
    "role": where("roles") == Role.CUSTOMER,
    "external id": where("external_ids.value") == "7",
    "identifier": where("identifiers.value") == "ES-B1",
    "tier": where("custom.tier") == "gold",
    "tier not": where("custom.tier") != "gold",
    "not tier": ~(where("custom.tier") == "gold"),
    "tier contains": where("custom.tier").contains("old"),
    "tier missing": where("custom.tier").is_null(),
    "visits": where("custom.visits") == 3,
    "visits above": where("custom.visits") > 3,
    "visits true": where("custom.visits") == True,  # noqa: E712  # a condition
    "score": where("custom.score") == Decimal("7.5"),
    "since": where("custom.since") < date(2021, 1, 1),
    "likes": where("custom.likes").contains("rain"),
    "unknown custom": where("custom.nothing").is_null(),
    "below a scalar": where("country.code").is_null(),
    "below a scalar is": where("country.code") == "ES",
    "both": (where("country") == "ES") & (where("tags") == "vip"),
    "either": (where("country") == "FR") | (where("birth_date").is_null()),
    "either with a document": (where("country") == "FR") | (where("custom.tier") == "silver"),
    "neither": ~((where("country") == "FR") | (where("country") == "ES")),
    "column and document": (where("country").is_null()) & (where("custom.tier") == "silver"),
    "all of nothing": AllOf(()),
    "any of nothing": AnyOf(()),
    "not all of nothing": ~AllOf(()),
    "deep": ~((where("country") == "ES") & ~(where("name.family") == "García")) & (where("id") > UUID(int=1)),
    "hostile": where("name.family") == "'; DROP TABLE customer; --",
    "hostile part": where("job_title").contains("' OR '1'='1"),
}
ORDERS: dict[str, tuple[By, ...]] = {
    "id": (),
    "id downwards": (desc("id"),),
    "country": (asc("country"),),
    "country, missing first": (asc("country", nulls="first"),),
    "country downwards": (desc("country"),),
    "country downwards, missing first": (desc("country", nulls="first"),),
    "family": (asc("name.family"),),
    "family downwards": (desc("name.family", nulls="first"),),
    "touched": (desc("first_touch_at"), asc("country", nulls="first")),
    "born": (asc("birth_date"), desc("name.family")),
    "kind and deceased": (asc("kind"), desc("is_deceased")),
    "owner": (desc("owner_id"), asc("id")),
    "version and source": (asc("version"), asc("source", nulls="first"), desc("id")),
}
NEIGHBOURLY: dict[str, tuple[Predicate | None, tuple[By, ...]]] = {
    "all": (None, ()),
    "all downwards": (None, (desc("id"),)),
    "of a country": (where("country") == "ES", ()),
    "of a country downwards": (where("country") == "ES", (desc("id"),)),
    "of a tag": (where("tags") == "vip", ()),
    "of a tag downwards": (where("tags") == "vip", (desc("id"),)),
    "by country": (None, (asc("country"),)),
    "by country, missing first": (None, (asc("country", nulls="first"),)),
    "by country downwards": (None, (desc("country"),)),
    "by country downwards, missing first": (None, (desc("country", nulls="first"),)),
    "by country from one on": (where("country") >= "F", (asc("country"),)),
    "by country up to one": (where("country") < "F", (desc("country"),)),
    "by country and id downwards": (None, (asc("country"), desc("id"))),
    "by number": (where("country").is_null(False), (asc("version"),)),
}


def _expected(everyone: Sequence[Any], query: Query[Any]) -> list[Any]:
    """Answer a query over all, in the plainest way."""
    found = [one for one in everyone if query.where is None or evaluate(query.where, one)]
    order = query.order if any(by.path == "id" for by in query.order) else (
        *query.order, By("id", query.order[-1].direction if query.order else "asc")
    )  # fmt: skip
    for by in reversed(order):

        def held(one: Any, path: str = by.path) -> Any:
            for name in path.split("."):
                one = None if one is None else getattr(one, name)
            return one

        present = sorted((one for one in found if held(one) is not None), key=held, reverse=by.direction == "desc")
        missing = [one for one in found if held(one) is None]
        found = missing + present if by.nulls == "first" else present + missing
    return found


class Questions:
    """Tests of queries and pages; mixed into what `store_contract` returns."""

    requirements: ClassVar[Requirements]
    make_store: ClassVar[Callable[[], Store]]
    whole_store: ClassVar[Callable[[], Store]]
    _crowded: ClassVar[tuple[Store, list[Customer]]]

    @pytest.fixture
    def crowded(self) -> tuple[Store, list[Customer]]:
        """Return a store with the crowd in it, made once for the class: the tests only read."""
        held = type(self).__dict__.get("_crowded")
        if held is None:
            store: Store = type(self).make_store() if not self.requirements.tenants else self._fresh_tenant()
            with store.begin() as unit:
                for one in crowd():
                    unit.of(Customer).add(one)
                unit.commit()
            held = type(self)._crowded = (store, [attrs.evolve(one, version=1) for one in crowd()])
        return held

    def _fresh_tenant(self) -> Store:
        return type(self).whole_store().tenant(f"t{new_id().hex}")

    @pytest.mark.parametrize("name", CONDITIONS)
    def test_the_store_answers_as_evaluate_does(self, crowded: tuple[Store, list[Customer]], name: str) -> None:
        store, everyone = crowded
        query = Query(Customer, CONDITIONS[name])
        expected = [one.id.int for one in _expected(everyone, query)]
        with store.begin(read_only=True) as unit:
            customers = unit.of(Customer)
            assert [one.id.int for one in customers.page(query).items] == expected
            assert customers.count(query) == len(expected)
            assert [one.id.int for batch in customers.stream(query, batch=3) for one in batch] == expected

    @pytest.mark.parametrize("name", ORDERS)
    @pytest.mark.parametrize("size", [1, 3, 8, 50])
    def test_pages_follow_each_other_without_gap_or_repeat(
        self, crowded: tuple[Store, list[Customer]], name: str, size: int
    ) -> None:
        store, everyone = crowded
        query = Query(Customer, order=ORDERS[name])
        expected = _expected(everyone, query)
        with store.begin(read_only=True) as unit:
            found: list[Customer] = []
            after: str | None = None
            for _ in range(len(everyone) + 1):
                page = unit.of(Customer).page(query, size=size, after=after, total=True)
                assert page.total == len(expected)
                assert 0 < len(page.items) <= size
                found += page.items
                after = page.next
                if after is None:
                    break
        assert [one.id.int for one in found] == [one.id.int for one in expected]
        assert found == expected

    @pytest.mark.parametrize("name", ["tier", "tier not", "column and document", "either with a document"])
    def test_pages_of_a_question_about_documents_are_full(
        self, crowded: tuple[Store, list[Customer]], name: str
    ) -> None:
        store, everyone = crowded
        query = Query(Customer, CONDITIONS[name], order=(desc("id"),))
        expected = _expected(everyone, query)
        found: list[Customer] = []
        with store.begin(read_only=True) as unit:
            page = unit.of(Customer).page(query, size=1)
            found += page.items
            while page.next is not None:
                page = unit.of(Customer).page(query, size=1, after=page.next)
                found += page.items
        assert found == expected

    @pytest.mark.parametrize("name", NEIGHBOURLY)
    def test_pages_of_ids_that_differ_in_their_last_bits_have_no_gap_or_repeat(self, store: Store, name: str) -> None:
        condition, order = NEIGHBOURLY[name]
        first = new_id().int
        countries = ["ES", "FR", None, "ES"]
        made = [
            ana(id=UUID(int=first + at), country=countries[at % 4], tags=frozenset({"vip"} if at % 3 else ()))
            for at in range(48)
        ]
        with store.begin() as unit:
            unit.of(Customer).put_many(made)
            unit.commit()
        query = Query(Customer, condition, order=order)
        with store.begin() as unit:
            customers = unit.of(Customer)
            moved = [customers.save(attrs.evolve(customers.get(one.id), country="FR")) for one in made[:8]]
            customers.remove(made[9].id)
            added = customers.add(ana(id=UUID(int=first + 48), country="ES", tags=frozenset({"vip"})))
            there = [attrs.evolve(one, version=1) for one in (made[8], *made[10:])]
            expected = _expected([*moved, *there, added], query)
            found: list[Customer] = []
            page = customers.page(query, size=5)
            while page.next is not None and len(found) <= len(expected):
                found += page.items
                page = customers.page(query, size=5, after=page.next)
            assert [one.id.int - first for one in [*found, *page.items]] == [one.id.int - first for one in expected]

    def test_what_is_saved_again_with_the_same_tag_is_found_once(self, store: Store) -> None:
        with store.begin() as unit:
            vip = unit.of(Customer).add(ana(tags=frozenset({"vip"})))
            unit.commit()
        for country in ("ES", "FR"):
            with store.begin() as unit:
                unit.of(Customer).save(attrs.evolve(unit.of(Customer).get(vip.id), country=country))
                unit.commit()
        with store.begin() as unit:
            for order in ((), (desc("id"),), (asc("source"),)):
                page = unit.of(Customer).page(Query(Customer, where("tags") == "vip", order=order))
                assert [one.id for one in page.items] == [vip.id]

    def test_an_empty_store_has_one_empty_page(self, store: Store) -> None:
        with store.begin() as unit:
            page = unit.of(Customer).page(Query(Customer), total=True)
            assert (list(page.items), page.next, page.total) == ([], None, 0)
            assert list(unit.of(Customer).stream(Query(Customer))) == []

    def test_a_page_of_exactly_all_has_no_next(self, crowded: tuple[Store, list[Customer]]) -> None:
        store, everyone = crowded
        with store.begin() as unit:
            assert unit.of(Customer).page(Query(Customer), size=len(everyone)).next is None

    @pytest.mark.parametrize("cursor", ["", "x", "AAAA", "ä", "'; DROP TABLE customer; --", "A" * 10_000, "\x00"])
    def test_a_cursor_that_is_none_is_refused(self, crowded: tuple[Store, list[Customer]], cursor: str) -> None:
        with crowded[0].begin() as unit, pytest.raises(InvalidCursor):
            unit.of(Customer).page(Query(Customer), after=cursor)

    def test_a_changed_cursor_is_refused(self, crowded: tuple[Store, list[Customer]]) -> None:
        with crowded[0].begin() as unit:
            cursor = unit.of(Customer).page(Query(Customer), size=2).next
            assert cursor is not None
            for at in range(len(cursor)):
                changed = cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
                with pytest.raises(InvalidCursor):
                    unit.of(Customer).page(Query(Customer), after=changed)

    @pytest.mark.parametrize("other", [
        Query(Customer, where("country") == "ES"),
        Query(Customer, order=(asc("country"),)),
        Query(Customer, order=(desc("id"),)),
        Query(Customer, deleted=True),
    ], ids=["condition", "order", "direction", "deleted"])  # fmt: skip
    def test_a_cursor_of_another_question_is_refused(
        self, crowded: tuple[Store, list[Customer]], other: Query[Customer]
    ) -> None:
        with crowded[0].begin() as unit:
            cursor = unit.of(Customer).page(Query(Customer), size=2).next
            with pytest.raises(InvalidCursor):
                unit.of(Customer).page(other, after=cursor)

    def test_a_cursor_of_another_tenant_is_refused(self, crowded: tuple[Store, list[Customer]]) -> None:
        self.requirements.need("tenants")
        with crowded[0].begin() as unit:
            cursor = unit.of(Customer).page(Query(Customer), size=2).next
        with crowded[0].tenant("another").begin() as unit, pytest.raises(InvalidCursor):
            unit.of(Customer).page(Query(Customer), after=cursor)

    @pytest.mark.parametrize(
        "condition", [where("nothing") == 1, where("nothing.below").is_null(), ~(where("nmae") == 1)]
    )
    def test_a_question_about_no_field_is_refused(self, store: Store, condition: Predicate) -> None:
        with store.begin() as unit:
            for ask in (unit.of(Customer).page, unit.of(Customer).count):
                with pytest.raises(InvalidQuery):
                    ask(Query(Customer, condition))
            with pytest.raises(InvalidQuery):
                list(unit.of(Customer).stream(Query(Customer, condition)))

    @pytest.mark.parametrize(
        "path", ["nothing", "custom.tier", "tags", "name", "contact_points.normalised", "name.nickname"]
    )
    def test_an_order_by_what_is_no_column_is_refused(self, store: Store, path: str) -> None:
        with store.begin() as unit, pytest.raises(InvalidQuery):
            unit.of(Customer).page(Query(Customer, order=(asc(path),)))

    @pytest.mark.parametrize("text", ["a\0b", "\ud800"])
    def test_a_question_with_text_no_store_holds_is_refused(self, store: Store, text: str) -> None:
        with store.begin() as unit, pytest.raises(InvalidQuery):
            unit.of(Customer).page(Query(Customer, where("country") == text))

    @pytest.mark.parametrize("size", [0, -1, 1.5, True, None, "10"])
    def test_a_size_that_is_none_is_refused(self, store: Store, size: Any) -> None:
        with store.begin() as unit:
            with pytest.raises(InvalidValueError):
                unit.of(Customer).page(Query(Customer), size=size)
            with pytest.raises(InvalidValueError):
                list(unit.of(Customer).stream(Query(Customer), batch=size))

    def test_a_question_about_another_model_is_refused(self, store: Store) -> None:
        with store.begin() as unit, pytest.raises(InvalidValueError):
            unit.of(Customer).page(Query(Product))  # type: ignore[arg-type]  # what is refused here

    def test_removed_entities_are_found_only_where_asked_for(self, store: Store) -> None:
        with store.begin() as unit:
            kept, gone = unit.of(Product).add(pen("A1")), unit.of(Product).add(pen("B2"))
            unit.of(Product).remove(gone.id)
            unit.commit()
        with store.begin() as unit:
            assert [one.id for one in unit.of(Product).page(Query(Product)).items] == [kept.id]
            every = unit.of(Product).page(Query(Product, deleted=True, order=(asc("sku"),))).items
            assert [one.sku for one in every] == ["A1", "B2"]

    def test_a_question_sees_the_changes_of_its_own_unit(self, store: Store) -> None:
        with store.begin() as unit:
            for sku in "CABD":
                unit.of(Product).add(pen(sku))
            unit.commit()
        by_sku = Query(Product, order=(asc("sku"),))
        with store.begin() as unit:
            products = unit.of(Product)
            a, b = products.page(by_sku, size=2).items
            products.save(attrs.evolve(a, sku="Z"))
            products.remove(b.id)
            products.add(pen("E"))
            assert [one.sku for one in products.page(by_sku).items] == ["C", "D", "E", "Z"]
            assert [one.sku for one in products.page(Query(Product, where("sku") == "Z")).items] == ["Z"]
            assert products.count(Query(Product, where("sku") == "A")) == 0
            assert [one.sku for one in products.page(Query(Product)).items] != []
            assert products.count(Query(Product)) == 4

    def test_a_changed_value_is_found_by_its_new_value_alone(self, store: Store) -> None:
        with store.begin() as unit:
            one = unit.of(Customer).add(ana(country="ES", tags=frozenset({"old"})))
            unit.commit()
        with store.begin() as unit:
            moved = attrs.evolve(one, country="FR", tags=frozenset({"new"}), name=PersonName(family="Ruiz"))
            unit.of(Customer).save(moved)
            unit.commit()
        with store.begin() as unit:
            for path, old, new in (("country", "ES", "FR"), ("tags", "old", "new"), ("name.family", "García", "Ruiz")):
                assert unit.of(Customer).count(Query(Customer, where(path) == old)) == 0
                assert [c.id for c in unit.of(Customer).page(Query(Customer, where(path) == new)).items] == [one.id]

    def test_a_page_continues_where_it_was_though_rows_come_and_go(self, store: Store) -> None:
        with store.begin() as unit:
            for number in range(0, 20, 2):
                unit.of(Product).add(pen(f"{number:03d}"))
            unit.commit()
        query = Query(Product, order=(asc("sku"),))
        with store.begin() as unit:
            first = unit.of(Product).page(query, size=4)
        with store.begin() as unit:
            unit.of(Product).remove(first.items[1].id)
            unit.of(Product).remove(first.items[3].id)
            unit.of(Product).add(pen("003"))
            unit.of(Product).add(pen("007"))
            unit.commit()
        with store.begin() as unit:
            assert [p.sku for p in unit.of(Product).page(query, size=3, after=first.next).items] == [
                "007",
                "008",
                "010",
            ]

    def test_orders_of_one_customer_between_two_times(self, store: Store) -> None:
        with store.begin() as unit:
            one, other = unit.of(Customer).add(ana()), unit.of(Customer).add(ana())
            for day in range(10):
                owner = one if day % 2 else other
                unit.of(type(an_order(one.id))).add(
                    an_order(owner.id, str(day), placed_at=NOW + timedelta(days=day), status=OrderStatus.PAID)
                )
            unit.commit()
        wanted = (where("customer_id") == one.id) & where("placed_at").between(NOW, NOW + timedelta(days=7))
        with store.begin() as unit:
            model = type(an_order(one.id))
            found = unit.of(model).page(Query(model, wanted, order=(desc("placed_at"),))).items
            assert [order.number for order in found] == ["5", "3", "1"]
            assert unit.of(model).count(Query(model, where("lines.sku") == "A1")) == 10
            assert unit.of(model).count(Query(model, where("status") == "paid")) == 10

    def test_times_are_ordered_by_the_instant_to_the_microsecond(self, store: Store) -> None:
        times = [datetime(2026, 1, 1, 12, 0, 0, micro, tzinfo=UTC) for micro in (5, 0, 999999, 10)]
        with store.begin() as unit:
            for at in times:
                unit.of(Customer).add(ana(first_touch_at=at))
            found = unit.of(Customer).page(Query(Customer, order=(asc("first_touch_at"),))).items
            assert [one.first_touch_at for one in found] == sorted(times)
