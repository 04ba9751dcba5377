import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid4

import attrs
import pytest
from attrs import frozen

from pycrm.errors import Broken, Conflict, DocumentError, Duplicate, InvalidValueError, NotFound, Transient
from pycrm.model.entity import Entity
from pycrm.model.interaction import Interaction
from pycrm.model.money import Money
from pycrm.model.order import Order, Product, Refund
from pycrm.model.points_command import Adjust, Earn, Reverse
from pycrm.model.points_entry import PointsEntry
from pycrm.model.predicate import where
from pycrm.storage import MemoryStore, Query, export, facts, restore
from pycrm.storage.ledger import post_points
from pycrm.storage.mapping import EntityMap
from pycrm.storage.unit import Retries, Unit, run
from pycrm.testing.made import NOW, an_interaction, an_order, ana, pen, stored


@frozen(kw_only=True)
class Folder(Entity):
    label: str | None = None
    inside: UUID | None = None


def folders():
    map = EntityMap.of(Folder, unique=[("label",), ("label", "inside")], references={"inside": Folder})
    return MemoryStore(maps=[map])


def test_a_missing_unique_value_collides_with_nothing_and_a_thing_may_refer_to_itself():
    id = uuid4()
    with folders().begin() as unit:
        of = unit.of(Folder)
        of.add(Folder())
        of.add(Folder())
        assert of.add(Folder(id=id, inside=id)).inside == id
        unit.commit()


def test_every_noun_has_a_repository_by_name():
    names = "customers interactions orders products consents stage_changes offers offer_decisions assessments"
    with MemoryStore().begin() as unit:
        for name in [*names.split(), "source_records", "identity_links", "refunds", "import_runs"]:
            repository = getattr(unit, name)
            assert repository.count(Query(repository._model)) == 0


def test_there_is_no_unit_of_work_that_belongs_to_no_store():
    with pytest.raises(TypeError, match="abstract"):
        Unit(read_only=False, isolation="default", actor=None, cause=None)


def test_an_isolation_nobody_knows_is_refused():
    with pytest.raises(InvalidValueError, match="isolation"):
        MemoryStore().begin(isolation="loose")


def test_a_store_that_cannot_be_reached_is_tried_again_until_the_last_attempt():
    store, tries, waits = MemoryStore(), [], []

    def begin():
        tries.append(1)
        if len(tries) < 3:
            raise Transient("busy")
        return store.begin()

    retries = Retries(sleep=waits.append, random=lambda: 1.0)
    assert run(begin, lambda unit: unit.products.add(pen()).sku, key=None, attempts=3, retries=retries) == "A1"
    assert waits == [0.01, 0.02]
    tries.clear()
    with pytest.raises(Transient):
        run(begin, lambda unit: None, key=None, attempts=2, retries=retries)


def test_of_two_runs_with_one_key_only_the_first_happens():
    store = MemoryStore()

    def inner(unit):
        return unit.products.add(pen("inner")).sku

    def outer(unit):
        store.run(inner, key="k")
        return unit.products.add(pen("outer")).sku

    assert store.run(outer, key="k") == "inner"
    with store.begin() as unit:
        assert [one.sku for one in unit.products.page(Query(Product)).items] == ["inner"]


def test_the_first_to_commit_wins_and_the_other_is_told_why():
    store = MemoryStore()
    one, buyer = stored(store, pen()), stored(store, ana())
    new = pen("new")

    def loses(first, second, error, **more):
        with store.begin(**more) as late:
            second(late)
            with store.begin() as early:
                first(early)
                early.commit()
            with pytest.raises(error):
                late.commit()

    loses(lambda unit: unit.products.add(new), lambda unit: unit.products.add(attrs.evolve(new, sku="o")), Duplicate)
    loses(lambda unit: unit.products.add(pen("same")), lambda unit: unit.products.add(pen("same")), Duplicate)
    loses(
        lambda unit: unit.products.save(attrs.evolve(one, name="x")),
        lambda unit: (unit.products.find(one.id), unit.products.add(pen("other"))),
        Transient,
        isolation="serializable",
    )
    two = attrs.evolve(one, name="y", version=2)
    loses(lambda unit: unit.products.save(two), lambda unit: unit.products.save(two), Conflict)
    three = attrs.evolve(two, version=3)
    loses(lambda unit: unit.products.remove(one.id), lambda unit: unit.products.save(three), NotFound)
    loses(lambda unit: unit.erase(type(buyer), buyer.id), lambda unit: unit.orders.add(an_order(buyer.id)), Broken)


def test_what_was_added_and_erased_in_one_unit_never_was():
    store = MemoryStore()
    with store.begin() as unit:
        made = unit.products.add(pen())
        unit.erase(Product, made.id)
        unit.commit()
    with store.begin() as unit:
        assert unit.products.count(Query(Product, deleted=True)) == 0
        assert unit.products.add(pen()).sku == "A1"


def test_a_batch_may_take_a_unique_value_that_its_unit_has_freed_and_skips_what_it_has_removed():
    store = MemoryStore()
    one, gone = stored(store, pen()), stored(store, pen("gone"))
    with store.begin() as unit:
        unit.products.save(attrs.evolve(one, sku="B2"))
        unit.products.remove(gone.id)
        for how in ("skip", "update"):
            outcomes = unit.products.put_many([pen(id=gone.id), pen("C" + how)], on_conflict=how)
            assert [each.outcome for each in outcomes] == ["skipped", "added"]
        assert [each.outcome for each in unit.products.put_many([pen()], on_conflict="update")] == ["added"]
        unit.commit()


def test_states_that_an_open_unit_still_reads_are_forgotten_after_it():
    store = MemoryStore()
    one, gone = stored(store, pen()), stored(store, pen("gone"))
    with store.begin(read_only=True) as reader:
        for change in ({"name": "x"}, {"name": "y"}, {"sku": "B2"}):
            store.run(
                lambda unit, change=change: unit.products.save(attrs.evolve(unit.products.get(one.id), **change)) and 1
            )
        store.run(lambda unit: unit.products.save(attrs.evolve(gone, name="z")) and 1)
        store.run(lambda unit: unit.erase(Product, gone.id))
        assert reader.products.get(one.id).sku == "A1"
        assert reader.products.get(gone.id).name == "Pen"
    store.run(lambda unit: unit.products.add(pen("next")) and 1)
    with store.begin(read_only=True) as unit:
        assert unit.products.count(Query(Product, where("sku") == "A1")) == 0
        assert [p.name for p in unit.products.page(Query(Product, where("sku") == "B2")).items] == ["y"]
        assert unit.products.find(gone.id) is None


def test_many_rows_out_of_order_are_found_in_order():
    store = MemoryStore()
    made = [pen(f"S{n:03}", id=UUID(int=n + 1)) for n in range(100)]
    with store.begin() as unit:
        for one in reversed(made):
            unit.products.add(one)
        unit.commit()
    with store.begin(read_only=True) as unit:
        assert [p.sku for p in unit.products.page(Query(Product), size=100).items] == [p.sku for p in made]


def test_a_backup_of_nothing_is_restored_and_one_of_unknown_things_is_refused(tmp_path):
    assert export(MemoryStore(), tmp_path / "none.gz") == restore(tmp_path / "none.gz", MemoryStore()) == 0
    store = MemoryStore()
    stored(store, pen())
    export(store, tmp_path / "pen.gz")
    with pytest.raises(DocumentError, match="no map of 'product'"):
        restore(tmp_path / "pen.gz", folders())


def test_a_refund_of_tomorrow_is_no_fact_of_today():
    store = MemoryStore()
    buyer = stored(store, ana())
    day = timedelta(days=1)
    back = tuple(Refund(at=NOW + n * day, amount=Money("1.20", "EUR")) for n in (0, 1))
    stored(store, an_order(buyer.id, refunds=back))
    stored(store, an_interaction(buyer.id))
    found = facts(store, NOW)
    assert found["refunds"]["time"] == [NOW]
    assert len(found["interactions"]["time"]) == 1
    assert len(facts(store, NOW + day)["refunds"]["time"]) == 2
    assert Order in {map.model for map in store.begin().maps()}
    assert Interaction in {map.model for map in store.begin().maps()}


def test_points_posted_twice_with_one_key_are_kept_once():
    store = MemoryStore()
    member = stored(store, ana())
    for key, replayed in (("a", False), ("a", True), ("b", False)):
        with store.begin() as unit:
            posted = post_points(unit, member.id, "tea", Adjust(points=5, reason="gift"), key=key, at=NOW)
            assert posted.replayed == replayed
            unit.commit()
    with store.begin() as unit:
        assert unit.of(PointsEntry).count(Query(PointsEntry)) == 2


def test_an_erased_id_may_be_stored_anew_while_an_older_unit_is_open():
    store = MemoryStore()
    one = stored(store, pen())
    with store.begin(read_only=True) as reader:
        store.run(lambda unit: unit.erase(Product, one.id))
        store.run(lambda unit: unit.products.add(attrs.evolve(one, sku="B2", version=0)) and 1)
        assert reader.products.get(one.id).sku == "A1"
    store.run(lambda unit: unit.products.add(pen("next")) and 1)
    with store.begin(read_only=True) as unit:
        assert unit.products.get(one.id).sku == "B2"
        assert unit.products.count(Query(Product, where("sku") == "A1")) == 0


def test_a_post_is_undone_by_the_key_it_was_made_under():
    store = MemoryStore()
    member = stored(store, ana())
    give = Earn(points=5, reason="order")
    with store.begin() as unit:
        post_points(unit, member.id, "tea", give, key="a", at=NOW)
        undone = post_points(unit, member.id, "tea", Reverse(of="a"), key="b", at=NOW)
        unit.commit()
    assert undone.entries


def test_what_is_there_is_found_while_another_thread_commits_and_prunes():
    store = MemoryStore()
    held = store.run(lambda unit: unit.products.add(pen("A1")))
    writing, before = [True], sys.getswitchinterval()

    def read():
        while writing:
            with store.begin(read_only=True) as unit:
                unit.products.get(held.id)  # NotFound, were a state looked for in a list that is cut meanwhile

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(3) as pool:
            readers = [pool.submit(read) for _ in range(3)]
            for _ in range(400):
                store.run(lambda unit: unit.products.save(unit.products.get(held.id)))
            writing.clear()
            for one in readers:
                one.result()
    finally:
        sys.setswitchinterval(before)
