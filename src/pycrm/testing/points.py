"""The contract of single entities: adding, finding, saving, removing, and every rule between them."""

# ruff: noqa: D102, PT012, ARG005  # a contract is made of assertions; the names of its methods are its sentences
from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import attrs
import pytest

from pycrm.errors import (
    AppendOnly,
    Broken,
    Conflict,
    Duplicate,
    InvalidQuery,
    InvalidValueError,
    NotFound,
    ReadOnly,
    UnitClosed,
)
from pycrm.model.customer import Customer, ExternalId, Identifier, PersonName, Strength
from pycrm.model.entity import new_id
from pycrm.model.order import Product
from pycrm.storage.protocols import Store
from pycrm.storage.query import Query
from pycrm.testing.made import an_interaction, an_order, ana, firm, pen, stored
from pycrm.testing.requirements import Requirements

__all__ = ["Points"]

TEXTS = [
    "Ana", "Ñandú", "\u00e9", "e\u0301", "😀", "😁", "Ana ", " Ana", "ANA", "ana", "ß", "ss", "İ", "日本語", "עברית",
    "\u202eabc", "a'b", 'a"b', "a\\b", "a%b_c", "; DROP TABLE customer; --", "%s", "?", ":x", "{0}", "\t", "\n x", "x" * 5000,
]  # fmt: skip
TIMES = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    datetime(2026, 6, 1, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=-11))),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
]
CUSTOM: list[Any] = [
    True, False, 0, -1, 2**53, 2**63, 2**100, 0.1, -2.5, 1e300, Decimal("1.10"), Decimal("12345678901234567890.123456789"),
    "text", "", date(1, 1, 1), date(9999, 12, 31), datetime(2026, 1, 1, tzinfo=UTC), UUID(int=7), (), (1, "a", (2.5,)),
    {"deep": {"deeper": [1, {"x": "ü"}]}},
]  # fmt: skip


class Points:
    """Tests of single entities; mixed into what `store_contract` returns."""

    requirements: ClassVar[Requirements]

    def test_what_was_added_comes_back_equal_at_version_1(self, store: Store) -> None:
        with store.begin() as unit:
            added = unit.of(Customer).add(ana())
            unit.commit()
        assert added.version == 1
        with store.begin(read_only=True) as unit:
            assert unit.of(Customer).get(added.id) == added
            assert unit.of(Customer).find(added.id) == added

    def test_an_organisation_with_everything_in_it_comes_back_equal(self, store: Store) -> None:
        made = firm()
        assert attrs.evolve(stored(store, made), version=0) == made

    @pytest.mark.parametrize("text", TEXTS)
    def test_text_comes_back_as_it_was(self, store: Store, text: str) -> None:
        line = text if text.strip() else "x"
        made = attrs.evolve(
            ana(), name=PersonName(given=line[:255], nickname=line), job_title=line, custom={"as": text}
        )
        found = stored(store, made)
        assert (found.name, found.job_title, found.custom) == (made.name, made.job_title, made.custom)

    @pytest.mark.parametrize("at", TIMES)
    def test_times_come_back_as_the_same_instant_and_aware(self, store: Store, at: datetime) -> None:
        found = stored(store, attrs.evolve(ana(), first_touch_at=at))
        assert found.first_touch_at == at
        assert found.first_touch_at.utcoffset() == timedelta(0)

    @pytest.mark.parametrize("day", [date(1, 1, 1), date(1900, 2, 28), date(2024, 2, 29), date(9999, 12, 31)])
    def test_dates_come_back_as_dates(self, store: Store, day: date) -> None:
        found = stored(store, attrs.evolve(ana(), birth_date=day)).birth_date
        assert found == day
        assert type(found) is date

    @pytest.mark.parametrize("value", CUSTOM, ids=repr)
    def test_custom_fields_come_back_with_their_types(self, store: Store, value: Any) -> None:
        made = attrs.evolve(ana(), custom={"field": value})
        found = stored(store, made)
        assert found.custom == made.custom
        assert type(found.custom["field"]) is type(made.custom["field"])

    def test_a_missing_entity_is_none_to_find_and_an_error_to_get(self, store: Store) -> None:
        id = new_id()
        with store.begin() as unit:
            assert unit.of(Customer).find(id) is None
            with pytest.raises(NotFound) as caught:
                unit.of(Customer).get(id)
        assert (caught.value.model, caught.value.id) == ("Customer", id)

    def test_many_come_back_in_the_order_asked_for(self, store: Store) -> None:
        made = [attrs.evolve(ana(), id=new_id()) for _ in range(5)]
        with store.begin() as unit:
            unit.of(Customer).put_many(made)
            ids = [made[index].id for index in (3, 0, 4, 0)]
            assert [one.id for one in unit.of(Customer).get_many(ids)] == ids
            assert list(unit.of(Customer).get_many([])) == []
            with pytest.raises(NotFound):
                unit.of(Customer).get_many([*ids, new_id()])

    def test_saving_returns_the_next_version_and_keeps_the_change(self, store: Store) -> None:
        one = stored(store, ana())
        with store.begin() as unit:
            saved = unit.of(Customer).save(attrs.evolve(one, job_title="Baker"))
            assert unit.of(Customer).get(one.id) == saved
            again = unit.of(Customer).save(attrs.evolve(saved, job_title=None))
            unit.commit()
        assert (saved.version, again.version) == (2, 3)
        with store.begin() as unit:
            assert unit.of(Customer).get(one.id) == again

    @pytest.mark.parametrize("changes", [{"tags": frozenset({"b", "c"})}, {"tags": frozenset()}, {"custom": {"tier": "gold"}},
                                         {"contact_points": ()}, {"name": PersonName(family="Ruiz")}, {"birth_date": None},
                                         {"is_deceased": True}, {"owner_id": UUID(int=5)}], ids=str)  # fmt: skip
    def test_each_kind_of_field_can_be_changed(self, store: Store, changes: dict[str, Any]) -> None:
        one = stored(store, attrs.evolve(ana(), tags=frozenset({"a", "b"}), birth_date=date(2000, 1, 1)))
        changed = attrs.evolve(one, **changes)
        with store.begin() as unit:
            unit.of(Customer).save(changed)
            unit.commit()
        with store.begin() as unit:
            assert unit.of(Customer).get(one.id) == attrs.evolve(changed, version=2)

    def test_saving_a_stale_version_is_a_conflict_that_names_both(self, store: Store) -> None:
        one = stored(store, ana())
        with store.begin() as unit:
            unit.of(Customer).save(attrs.evolve(one, job_title="Baker"))
            unit.commit()
        with store.begin() as unit, pytest.raises(Conflict) as caught:
            unit.of(Customer).save(attrs.evolve(one, job_title="Cook"))
        assert (caught.value.id, caught.value.expected, caught.value.found) == (one.id, 1, 2)
        with store.begin() as unit:
            assert unit.of(Customer).get(one.id).job_title == "Baker"

    def test_saving_twice_the_same_value_in_one_unit_is_a_conflict(self, store: Store) -> None:
        one = stored(store, ana())
        with store.begin() as unit:
            unit.of(Customer).save(attrs.evolve(one, job_title="Baker"))
            with pytest.raises(Conflict):
                unit.of(Customer).save(attrs.evolve(one, job_title="Cook"))

    @pytest.mark.parametrize("version", [0, 2, 7])
    def test_saving_a_version_that_never_was_is_a_conflict(self, store: Store, version: int) -> None:
        one = stored(store, ana())
        with store.begin() as unit, pytest.raises(Conflict):
            unit.of(Customer).save(attrs.evolve(one, version=version))

    def test_saving_what_was_never_added_is_not_found(self, store: Store) -> None:
        with store.begin() as unit, pytest.raises(NotFound):
            unit.of(Customer).save(ana())

    def test_adding_what_was_stored_before_is_refused(self, store: Store) -> None:
        one = stored(store, ana())
        with store.begin() as unit, pytest.raises(InvalidValueError):
            unit.of(Customer).add(one)

    def test_adding_the_same_id_twice_is_a_duplicate(self, store: Store) -> None:
        one = ana()
        stored(store, one)
        with store.begin() as unit, pytest.raises(Duplicate) as caught:
            unit.of(Customer).add(one)
        assert caught.value.fields == ("id",)

    def test_adding_the_same_id_twice_in_one_unit_is_a_duplicate(self, store: Store) -> None:
        one = ana()
        with store.begin() as unit:
            unit.of(Customer).add(one)
            with pytest.raises(Duplicate):
                unit.of(Customer).add(one)

    def test_a_unique_value_is_refused_twice_and_the_error_names_its_fields(self, store: Store) -> None:
        stored(store, pen("A1"))
        with store.begin() as unit, pytest.raises(Duplicate) as caught:
            unit.of(Product).add(pen("A1"))
        assert caught.value.fields == ("sku",)
        assert caught.value.model == "Product"

    def test_a_unique_value_is_refused_twice_in_one_unit(self, store: Store) -> None:
        with store.begin() as unit:
            unit.of(Product).add(pen("A1"))
            with pytest.raises(Duplicate):
                unit.of(Product).add(pen("A1"))

    @pytest.mark.parametrize(("one", "other"), [("A1", "a1"), ("A1", "A1 "), ("\u00e9", "e\u0301"), ("😀", "😁"), ("ß", "ss"),
                                                ("a", "á"), ("I", "ı")])  # fmt: skip
    def test_unique_texts_are_compared_character_by_character(self, store: Store, one: str, other: str) -> None:
        with store.begin() as unit:
            unit.of(Product).add(pen(one))
            unit.of(Product).add(pen(other))
            unit.commit()

    def test_saving_into_a_unique_value_of_another_is_a_duplicate(self, store: Store) -> None:
        stored(store, pen("A1"))
        other = stored(store, pen("B2"))
        with store.begin() as unit, pytest.raises(Duplicate):
            unit.of(Product).save(attrs.evolve(other, sku="A1"))

    def test_saving_an_entity_with_its_own_unique_value_is_no_duplicate(self, store: Store) -> None:
        one = stored(store, pen("A1"))
        with store.begin() as unit:
            unit.of(Product).save(attrs.evolve(one, name="Pencil"))
            unit.commit()

    def test_a_changed_unique_value_frees_the_old_one(self, store: Store) -> None:
        one = stored(store, pen("A1"))
        with store.begin() as unit:
            unit.of(Product).save(attrs.evolve(one, sku="B2"))
            unit.of(Product).add(pen("A1"))
            unit.commit()
        with store.begin() as unit, pytest.raises(Duplicate):
            unit.of(Product).add(pen("B2"))

    def test_two_customers_cannot_share_a_strong_identifier_but_may_share_a_weak_one(self, store: Store) -> None:
        card = Identifier(namespace="loyalty", value="77")
        device = Identifier(namespace="device", value="d", strength=Strength.WEAK)
        one = stored(store, attrs.evolve(ana(), identifiers=(card, device)))
        stored(store, attrs.evolve(ana(), id=new_id(), identifiers=(device,)))
        with store.begin() as unit, pytest.raises(Duplicate):
            unit.of(Customer).add(attrs.evolve(ana(), id=new_id(), identifiers=(card,)))
        with store.begin() as unit:
            unit.of(Customer).save(attrs.evolve(one, identifiers=(device,)))
            unit.of(Customer).add(attrs.evolve(ana(), id=new_id(), identifiers=(card,)))
            unit.commit()

    def test_removing_hides_and_frees_unique_values(self, store: Store) -> None:
        one = stored(store, pen("A1"))
        with store.begin() as unit:
            unit.of(Product).remove(one.id)
            assert unit.of(Product).find(one.id) is None
            unit.of(Product).add(pen("A1"))
            unit.commit()
        with store.begin() as unit:
            assert unit.of(Product).find(one.id) is None
            assert unit.of(Product).count(Query(Product)) == 1
            assert unit.of(Product).count(Query(Product, deleted=True)) == 2

    def test_removing_frees_strong_identifiers(self, store: Store) -> None:
        card = Identifier(namespace="loyalty", value="77")
        one = stored(store, attrs.evolve(ana(), identifiers=(card,)))
        with store.begin() as unit:
            unit.of(Customer).remove(one.id, version=1)
            unit.of(Customer).add(attrs.evolve(ana(), id=new_id(), identifiers=(card,)))
            unit.commit()

    def test_removing_an_old_version_is_a_conflict(self, store: Store) -> None:
        one = stored(store, pen("A1"))
        with store.begin() as unit, pytest.raises(Conflict):
            unit.of(Product).remove(one.id, version=5)

    def test_removing_what_is_not_there_is_not_found(self, store: Store) -> None:
        one = stored(store, pen("A1"))
        with store.begin() as unit:
            with pytest.raises(NotFound):
                unit.of(Product).remove(new_id())
            unit.of(Product).remove(one.id)
            with pytest.raises(NotFound):
                unit.of(Product).remove(one.id)
            with pytest.raises(NotFound):
                unit.of(Product).save(one)

    def test_a_removed_id_is_not_given_again(self, store: Store) -> None:
        one = stored(store, pen("A1"))
        with store.begin() as unit:
            unit.of(Product).remove(one.id)
            unit.commit()
        with store.begin() as unit, pytest.raises(Duplicate):
            unit.of(Product).add(attrs.evolve(pen("Z9"), id=one.id))

    def test_an_order_of_nobody_is_broken(self, store: Store) -> None:
        self.requirements.need("references")
        with store.begin() as unit, pytest.raises(Broken) as caught:
            unit.of(type(an_order(new_id()))).add(an_order(new_id()))
        assert caught.value.fields == ("customer_id",)

    def test_a_reference_to_what_was_added_in_the_same_unit_holds(self, store: Store) -> None:
        with store.begin() as unit:
            one = unit.of(Customer).add(ana())
            order = unit.of(type(an_order(one.id))).add(an_order(one.id))
            unit.commit()
        with store.begin() as unit:
            assert unit.of(type(order)).get(order.id) == order

    def test_a_reference_that_may_be_missing_may_be_missing(self, store: Store) -> None:
        made = an_interaction(None)
        assert stored(store, made).anonymous_id == made.anonymous_id

    @pytest.mark.parametrize("change", ["save", "remove"])
    def test_what_is_only_ever_added_is_not_changed(self, store: Store, change: str) -> None:
        made = stored(store, an_interaction(None))
        with store.begin() as unit, pytest.raises(AppendOnly):
            if change == "save":
                unit.of(type(made)).save(attrs.evolve(made, subject="new"))
            else:
                unit.of(type(made)).remove(made.id)

    @pytest.mark.parametrize("write", [
        lambda unit, one: unit.of(Product).add(pen("B2")),
        lambda unit, one: unit.of(Product).save(one),
        lambda unit, one: unit.of(Product).remove(one.id),
        lambda unit, one: unit.of(Product).put_many([pen("B2")]),
        lambda unit, one: unit.emit({"type": "x"}),
    ], ids=["add", "save", "remove", "put_many", "emit"])  # fmt: skip
    def test_a_unit_that_only_reads_refuses_to_write(self, store: Store, write: Callable[[Any, Any], object]) -> None:
        one = stored(store, pen("A1"))
        with store.begin(read_only=True) as unit, pytest.raises(ReadOnly):
            write(unit, one)
        with store.begin() as unit:
            assert unit.of(Product).get(one.id) == one

    @pytest.mark.parametrize("use", [
        lambda unit, one: unit.of(Product).get(one.id),
        lambda unit, one: unit.of(Product).find(one.id),
        lambda unit, one: unit.of(Product).add(pen("B2")),
        lambda unit, one: unit.of(Product).save(one),
        lambda unit, one: unit.of(Product).remove(one.id),
        lambda unit, one: unit.of(Product).put_many([]),
        lambda unit, one: unit.of(Product).page(Query(Product)),
        lambda unit, one: list(unit.of(Product).stream(Query(Product))),
        lambda unit, one: unit.of(Product).count(Query(Product)),
        lambda unit, one: unit.emit({"type": "x"}),
        lambda unit, one: unit.commit(),
        lambda unit, one: unit.__enter__(),
    ], ids=["get", "find", "add", "save", "remove", "put_many", "page", "stream", "count", "emit", "commit", "enter"])  # fmt: skip
    @pytest.mark.parametrize("end", ["commit", "rollback"])
    def test_a_unit_that_has_ended_refuses_everything(
        self, store: Store, use: Callable[[Any, Any], object], end: str
    ) -> None:
        one = stored(store, pen("A1"))
        with store.begin() as unit:
            repository = unit.of(Product)
            getattr(unit, end)()
            with pytest.raises(UnitClosed):
                use(unit, one)
            with pytest.raises(UnitClosed):
                repository.get(one.id)

    def test_after_a_broken_rule_only_rollback_is_left(self, store: Store) -> None:
        stored(store, pen("A1"))
        with store.begin() as unit:
            unit.of(Product).add(pen("B2"))
            with pytest.raises(Duplicate):
                unit.of(Product).add(pen("A1"))
            with pytest.raises(UnitClosed):
                unit.of(Product).add(pen("C3"))
            with pytest.raises(UnitClosed):
                unit.commit()
            unit.rollback()
        with store.begin() as unit:
            assert unit.of(Product).count(Query(Product)) == 1

    @pytest.mark.parametrize("given", [None, "Ana", pen("A1")], ids=["none", "text", "another model"])
    def test_an_entity_of_another_class_is_refused(self, store: Store, given: Any) -> None:
        with store.begin() as unit:
            for method in (unit.of(Customer).add, unit.of(Customer).save):
                with pytest.raises((InvalidValueError, AttributeError)):
                    method(given)

    def test_a_class_the_store_has_no_map_of_is_refused(self, store: Store) -> None:
        with store.begin() as unit, pytest.raises(InvalidQuery):
            unit.of(PersonName)  # type: ignore[type-var]  # what is refused here

    def test_an_indexed_text_longer_than_every_database_can_index_is_refused(self, store: Store) -> None:
        with store.begin() as unit:
            with pytest.raises(InvalidValueError):
                unit.of(Product).add(pen("x" * 256))
            unit.of(Product).add(pen("x" * 255))
            unit.commit()

    def test_external_ids_come_back_in_order(self, store: Store) -> None:
        ids = tuple(ExternalId("shop", str(number)) for number in (3, 1, 2))
        assert stored(store, attrs.evolve(ana(), external_ids=ids)).external_ids == ids

    def test_tenants_see_nothing_of_each_other(self, store: Store) -> None:
        self.requirements.need("tenants")
        one = stored(store, pen("A1"))
        other = store.tenant(f"t{new_id().hex}")
        with other.begin() as unit:
            repository = unit.of(Product)
            assert repository.find(one.id) is None
            assert repository.count(Query(Product, deleted=True)) == 0
            for use in (
                lambda: repository.save(one),
                lambda: repository.remove(one.id),
                lambda: repository.get(one.id),
            ):
                with pytest.raises(NotFound):
                    use()
            repository.add(pen("A1"))
            unit.commit()
        with store.begin() as unit:
            assert unit.of(Product).count(Query(Product)) == 1

    @pytest.mark.parametrize("name", ["", " ", "a b", "ä", "x" * 65, "-a", "a/b", "a\n", None, 7])
    def test_a_tenant_needs_a_plain_name(self, store: Store, name: Any) -> None:
        self.requirements.need("tenants")
        with pytest.raises(InvalidValueError):
            store.tenant(name)
