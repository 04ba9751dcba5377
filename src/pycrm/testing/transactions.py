"""The contract of units of work: all or nothing, who wins, what is remembered, and many rows at once."""

# ruff: noqa: D102, PT012  # a contract is made of assertions; the names of its methods are its sentences
from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import attrs
import pytest

from pycrm.errors import (
    AppendOnly,
    Broken,
    Conflict,
    Duplicate,
    InvalidDataError,
    InvalidQuery,
    InvalidValueError,
    MissingColumnError,
    NotFound,
    StoreError,
    Transient,
    Unknown,
)
from pycrm.model.customer import Customer, Identifier, PersonName
from pycrm.model.entity import new_id
from pycrm.model.interaction import Interaction
from pycrm.model.order import Order, Product
from pycrm.model.predicate import where
from pycrm.storage.columns import read_columns, upsert_many, write_columns
from pycrm.storage.protocols import Store, UnitOfWork, Upserted
from pycrm.storage.query import Query, asc
from pycrm.testing.made import NOW, an_interaction, an_order, ana, pen, stored
from pycrm.testing.requirements import Requirements

__all__ = ["Transactions"]

BY_SKU = Query(Product, order=(asc("sku"),))


def _names(store: Store) -> list[tuple[str, str]]:
    with store.begin(read_only=True) as unit:
        return [(one.sku, one.name) for batch in unit.of(Product).stream(BY_SKU) for one in batch]


class Transactions:
    """Tests of units of work; mixed into what `store_contract` returns."""

    requirements: ClassVar[Requirements]

    def test_leaving_without_commit_undoes_everything(self, store: Store) -> None:
        kept, gone = stored(store, pen("A1")), stored(store, pen("B2"))
        with store.begin() as unit:
            unit.of(Product).add(pen("C3"))
            unit.of(Product).save(attrs.evolve(kept, name="Ink"))
            unit.of(Product).remove(gone.id)
            unit.emit({"type": "changed"})
        assert _names(store) == [("A1", "Pen"), ("B2", "Pen")]
        with store.begin() as unit:
            unit.of(Product).save(attrs.evolve(kept, name="Ink"))
            unit.of(Product).add(pen("C3"))
            unit.commit()

    def test_an_exception_undoes_everything(self, store: Store) -> None:
        with pytest.raises(ZeroDivisionError), store.begin() as unit:
            unit.of(Product).add(pen("A1"))
            raise ZeroDivisionError
        assert _names(store) == []

    def test_rollback_may_be_called_again(self, store: Store) -> None:
        with store.begin() as unit:
            unit.rollback()
            unit.rollback()
        with store.begin() as unit:
            unit.of(Product).add(pen("A1"))
            unit.commit()
            unit.rollback()
        assert len(_names(store)) == 1

    def test_an_empty_unit_commits(self, store: Store) -> None:
        with store.begin() as unit:
            unit.commit()
        with store.begin(read_only=True) as unit:
            unit.commit()

    def test_what_is_not_committed_is_seen_by_nobody_else(self, store: Store) -> None:
        one = stored(store, pen("A1"))
        with store.begin() as writer:
            writer.of(Product).save(attrs.evolve(one, name="Ink"))
            writer.of(Product).add(pen("B2"))
            with store.begin(read_only=True) as reader:
                assert reader.of(Product).get(one.id) == one
                assert reader.of(Product).count(Query(Product)) == 1
                assert reader.of(Product).count(Query(Product, where("sku") == "B2")) == 0

    def test_a_reading_unit_sees_one_state_throughout(self, store: Store) -> None:
        self.requirements.need("snapshots")
        one = stored(store, pen("A1"))
        with store.begin(read_only=True) as reader:
            assert reader.of(Product).count(Query(Product)) == 1
            with store.begin() as writer:
                writer.of(Product).save(attrs.evolve(one, name="Ink", sku="A2"))
                writer.of(Product).add(pen("B2"))
                writer.commit()
            assert reader.of(Product).get(one.id) == one
            assert reader.of(Product).count(Query(Product)) == 1
            assert [p.sku for p in reader.of(Product).page(BY_SKU).items] == ["A1"]
            assert reader.of(Product).count(Query(Product, where("sku") == "A1")) == 1
        assert _names(store) == [("A2", "Ink"), ("B2", "Pen")]

    def test_of_two_who_change_the_same_one_wins_and_one_has_a_conflict(self, store: Store) -> None:
        one = stored(store, pen("A1"))
        with store.begin() as first, store.begin() as second:
            mine, other = first.of(Product).get(one.id), second.of(Product).get(one.id)
            first.of(Product).save(attrs.evolve(mine, name="first"))
            first.commit()
            with pytest.raises(Conflict):
                second.of(Product).save(attrs.evolve(other, name="second"))
                second.commit()
        assert _names(store) == [("A1", "first")]

    def test_of_two_who_both_wrote_before_either_commits_one_wins(self, store: Store) -> None:
        self.requirements.need("optimistic")
        one = stored(store, pen("A1"))
        with store.begin() as first, store.begin() as second:
            first.of(Product).save(attrs.evolve(one, name="first"))
            second.of(Product).save(attrs.evolve(one, name="second"))
            first.commit()
            with pytest.raises(Conflict):
                second.commit()
        assert _names(store) == [("A1", "first")]

    def test_two_who_write_different_entities_both_win(self, store: Store) -> None:
        self.requirements.need("concurrent_writers")
        one, other = stored(store, pen("A1")), stored(store, pen("B2"))
        with store.begin() as first, store.begin() as second:
            first.of(Product).save(attrs.evolve(one, name="first"))
            second.of(Product).save(attrs.evolve(other, name="second"))
            second.of(Product).add(pen("C3"))
            second.commit()
            first.commit()
        assert _names(store) == [("A1", "first"), ("B2", "second"), ("C3", "Pen")]

    def test_of_two_who_add_the_same_unique_value_one_wins(self, store: Store) -> None:
        with store.begin() as first, store.begin() as second:
            assert second.of(Product).count(Query(Product)) == 0
            first.of(Product).add(pen("A1", name="first"))
            first.commit()
            with pytest.raises(Duplicate):
                second.of(Product).add(pen("A1", name="second"))
                second.commit()
        assert _names(store) == [("A1", "first")]

    def test_of_two_who_both_added_the_same_unique_value_before_either_commits_one_wins(self, store: Store) -> None:
        self.requirements.need("optimistic")
        with store.begin() as first, store.begin() as second:
            first.of(Product).add(pen("A1", name="first"))
            second.of(Product).add(pen("A1", name="second"))
            first.commit()
            with pytest.raises(Duplicate):
                second.commit()
        assert _names(store) == [("A1", "first")]

    def test_removing_what_another_has_removed_is_not_found(self, store: Store) -> None:
        one = stored(store, pen("A1"))
        with store.begin() as first, store.begin() as second:
            second.of(Product).get(one.id)
            first.of(Product).remove(one.id)
            first.commit()
            with pytest.raises(NotFound):
                second.of(Product).save(attrs.evolve(one, name="second"))
                second.commit()

    def test_run_commits_and_returns_what_the_work_returns(self, store: Store) -> None:
        assert store.run(lambda unit: unit.of(Product).add(pen("A1")).sku) == "A1"
        assert len(_names(store)) == 1

    def test_run_undoes_work_that_raises_and_does_not_try_it_again(self, store: Store) -> None:
        tries = []

        def work(unit: UnitOfWork) -> None:
            tries.append(1)
            unit.of(Product).add(pen("A1"))
            raise KeyError("no")

        with pytest.raises(KeyError):
            store.run(work)
        assert (len(tries), _names(store)) == (1, [])

    @pytest.mark.parametrize("fails", [1, 2, 4])
    def test_run_tries_the_whole_work_again_after_transient(self, store: Store, fails: int) -> None:
        tries = []

        def work(unit: UnitOfWork) -> int:
            unit.of(Product).add(pen("A1"))
            tries.append(1)
            if len(tries) <= fails:
                raise Transient("busy")
            return len(tries)

        assert store.run(work) == fails + 1
        assert len(_names(store)) == 1

    def test_run_gives_up_after_its_attempts(self, store: Store) -> None:
        tries = []

        def work(unit: UnitOfWork) -> None:  # noqa: ARG001  # the shape of work
            tries.append(1)
            raise Transient("busy")

        with pytest.raises(Transient):
            store.run(work, attempts=3)
        assert len(tries) == 3

    @pytest.mark.parametrize(
        "error", [Conflict("Product", None, 1, 2), Duplicate("Product", "x"), Unknown("lost"), StoreError("x")]
    )
    def test_run_tries_nothing_else_again(self, store: Store, error: StoreError) -> None:
        tries = []

        def work(unit: UnitOfWork) -> None:  # noqa: ARG001  # the shape of work
            tries.append(1)
            raise error

        with pytest.raises(type(error)):
            store.run(work)
        assert len(tries) == 1

    @pytest.mark.parametrize("attempts", [0, -1])
    def test_run_needs_an_attempt(self, store: Store, attempts: int) -> None:
        with pytest.raises(InvalidValueError):
            store.run(lambda unit: None, attempts=attempts)  # noqa: ARG005  # the shape of work

    def test_run_settles_a_race_over_what_the_work_itself_read(self, store: Store) -> None:
        one = stored(store, pen("A1", name="0"))
        meddled: list[threading.Thread] = []

        def meddle() -> None:
            with store.begin() as other:
                held = other.of(Product).get(one.id)
                other.of(Product).save(attrs.evolve(held, name=str(int(held.name) + 1)))
                other.commit()

        def work(unit: UnitOfWork) -> None:
            held = unit.of(Product).get(one.id)
            if not meddled:
                meddled.append(threading.Thread(target=_quietly(meddle)))
                meddled[0].start()
                meddled[0].join(0.2)
            unit.of(Product).save(attrs.evolve(held, name=str(int(held.name) + 1)))

        self.requirements.need("threads")
        store.run(work)
        meddled[0].join()
        assert _names(store) == [("A1", "2")]

    def test_a_key_has_its_effect_once_and_gives_the_first_result_again(self, store: Store) -> None:
        self.requirements.need("keys")
        key = new_id().hex
        for _ in range(3):
            found = store.run(lambda unit: {"sku": unit.of(Product).add(pen("A1")).sku, "n": [1, None]}, key=key)
            assert found == {"sku": "A1", "n": [1, None]}
        assert len(_names(store)) == 1
        assert store.run(lambda unit: None, key="none") is None  # noqa: ARG005  # the shape of work
        assert store.run(lambda unit: 7, key="none") is None  # noqa: ARG005  # the shape of work

    def test_a_key_of_work_that_failed_is_free(self, store: Store) -> None:
        self.requirements.need("keys")
        with pytest.raises(ZeroDivisionError):
            store.run(lambda unit: 1 / 0, key="k")  # noqa: ARG005  # the shape of work
        assert store.run(lambda unit: 1, key="k") == 1  # noqa: ARG005  # the shape of work

    def test_a_result_that_is_no_plain_data_is_refused_with_a_key(self, store: Store) -> None:
        self.requirements.need("keys")
        with pytest.raises(InvalidValueError):
            store.run(lambda unit: unit.of(Product).add(pen("A1")), key="k")
        assert _names(store) == []

    @pytest.mark.parametrize("key", ["", "x" * 201, "a\0"])
    def test_a_key_needs_a_plain_name(self, store: Store, key: str) -> None:
        with pytest.raises(InvalidValueError):
            store.run(lambda unit: None, key=key)  # noqa: ARG005  # the shape of work

    def test_keys_belong_to_a_tenant(self, store: Store) -> None:
        self.requirements.need("keys", "tenants")
        store.run(lambda unit: 1, key="k")  # noqa: ARG005  # the shape of work
        other = store.tenant(f"t{new_id().hex}")
        assert other.run(lambda unit: 2, key="k") == 2  # noqa: ARG005  # the shape of work

    def test_write_skew_is_refused_by_serializable(self, store: Store) -> None:
        self.requirements.need("serializable", "threads")
        one, other = stored(store, pen("A1", name="on")), stored(store, pen("B2", name="on"))
        ready = threading.Barrier(2, timeout=10)
        errors: list[BaseException] = []

        def leave(mine: Product) -> None:
            for attempt in range(8):
                try:
                    with store.begin(isolation="serializable") as unit:
                        on = [p for p in unit.of(Product).page(BY_SKU).items if p.name == "on"]
                        if attempt == 0:
                            _meet(ready)
                        if len(on) < 2:
                            return
                        unit.of(Product).save(attrs.evolve(unit.of(Product).get(mine.id), name="off"))
                        unit.commit()
                        return
                except (Transient, Conflict):
                    continue
                except BaseException as error:  # noqa: BLE001  # shown by the test
                    errors.append(error)
                    return

        threads = [threading.Thread(target=leave, args=(each,)) for each in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert errors == []
        assert sorted(name for _, name in _names(store)) == ["off", "on"]

    def test_increments_of_several_threads_are_all_kept(self, store: Store) -> None:
        self.requirements.need("threads")
        one = stored(store, pen("A1", name="0"))
        errors: list[BaseException] = []

        def work(unit: UnitOfWork) -> None:
            held = unit.of(Product).get(one.id)
            unit.of(Product).save(attrs.evolve(held, name=str(int(held.name) + 1)))

        def many() -> None:
            try:
                for _ in range(10):
                    store.run(work, attempts=200)
            except BaseException as error:  # noqa: BLE001  # shown by the test
                errors.append(error)

        threads = [threading.Thread(target=many) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert errors == []
        assert _names(store) == [("A1", "40")]

    def test_an_isolation_that_is_none_is_refused(self, store: Store) -> None:
        with pytest.raises(InvalidValueError):
            store.begin(isolation="chaos")  # type: ignore[arg-type]  # what is refused here

    # -- the audit trail ---------------------------------------------------------------------------------------------

    def test_the_trail_says_who_did_what_when_why_and_from_what_to_what(self, store: Store) -> None:
        self.requirements.need("audit")
        with store.begin(actor="eva", cause="fair") as unit:
            one = unit.of(Product).add(pen("A1"))
            unit.commit()
        with store.begin(actor="leo") as unit:
            one = unit.of(Product).save(attrs.evolve(one, name="Ink", list_price=None))
            unit.of(Product).remove(one.id)
            unit.commit()
        with store.begin() as unit:
            added, saved, removed = _any(unit).history(Product, one.id)
        assert [change.action for change in (added, saved, removed)] == ["add", "save", "remove"]
        assert [change.version for change in (added, saved, removed)] == [1, 2, 3]
        assert (added.actor, added.cause, saved.actor, saved.cause) == ("eva", "fair", "leo", None)
        assert saved.fields["name"] == ("Pen", "Ink")
        assert saved.fields["list_price"] == ({"amount": "1.20", "currency": "EUR"}, None)
        assert set(saved.fields) == {"name", "list_price"}
        assert added.at <= saved.at
        assert added.at.utcoffset() == timedelta(0)

    def test_the_trail_of_a_unit_that_was_undone_is_empty(self, store: Store) -> None:
        self.requirements.need("audit")
        with store.begin() as unit:
            one = unit.of(Product).add(pen("A1"))
            assert len(_any(unit).history(Product, one.id)) == 1
        with store.begin() as unit:
            assert list(_any(unit).history(Product, one.id)) == []

    def test_erasing_leaves_nothing_but_that_it_happened(self, store: Store) -> None:
        self.requirements.need("erasing", "audit")
        one = stored(store, attrs.evolve(ana(), identifiers=(Identifier(namespace="card", value="1"),)))
        with store.begin() as unit:
            unit.of(Customer).save(attrs.evolve(one, job_title="Baker"))
            unit.commit()
        with store.begin(actor="dpo") as unit:
            _any(unit).erase(Customer, one.id)
            unit.commit()
        with store.begin() as unit:
            assert unit.of(Customer).count(Query(Customer, deleted=True)) == 0
            assert [(c.action, c.actor, dict(c.fields)) for c in _any(unit).history(Customer, one.id)] == [
                ("erase", "dpo", {})
            ]
            assert (
                unit.of(Customer).count(Query(Customer, where("contact_points.normalised") == "ana@example.com")) == 0
            )
            unit.of(Customer).add(attrs.evolve(ana(), identifiers=one.identifiers))
            with pytest.raises(NotFound):
                _any(unit).erase(Customer, one.id)

    def test_what_is_referred_to_is_not_erased(self, store: Store) -> None:
        self.requirements.need("erasing", "references")
        with store.begin() as unit:
            one = unit.of(Customer).add(ana())
            order = unit.of(Order).add(an_order(one.id))
            unit.commit()
        with store.begin() as unit, pytest.raises(Broken):
            _any(unit).erase(Customer, one.id)
        with store.begin() as unit:
            _any(unit).erase(Order, order.id)
            _any(unit).erase(Customer, one.id)
            unit.commit()
        with store.begin() as unit:
            assert unit.of(Customer).find(one.id) is None

    def test_what_is_only_ever_added_can_be_erased(self, store: Store) -> None:
        self.requirements.need("erasing")
        one = stored(store, an_interaction(None))
        with store.begin() as unit:
            _any(unit).erase(Interaction, one.id)
            unit.commit()
        with store.begin() as unit:
            assert unit.of(Interaction).count(Query(Interaction)) == 0

    def test_redacting_leaves_the_record_and_no_trace_of_what_it_said(self, store: Store) -> None:
        self.requirements.need("redacting", "audit")
        card = (Identifier(namespace="card", value="1"),)
        with store.begin(actor="eva", cause="form of ana") as unit:
            one = unit.of(Customer).add(ana(identifiers=card))
            visit = unit.of(Interaction).add(an_interaction(one.id, summary="told us"))
            gone = unit.of(Product).add(pen("gone"))
            unit.commit()
        with store.begin(actor="eva") as unit:
            unit.of(Customer).save(attrs.evolve(one, job_title="Baker"))
            unit.of(Product).remove(gone.id)
            unit.commit()
        with store.begin(actor="dpo") as unit:
            means = _any(unit)
            means.redact(attrs.evolve(one, name=PersonName(full="x"), contact_points=(), identifiers=()))
            means.redact(attrs.evolve(visit, summary=None))
            means.redact(attrs.evolve(gone, name="x"))
            with pytest.raises(NotFound):
                means.redact(pen("never"))
            unit.commit()
        with store.begin() as unit:
            assert unit.of(Customer).get(one.id).name == PersonName(full="x")
            assert unit.of(Interaction).get(visit.id).summary is None
            assert unit.of(Product).find(gone.id) is None
            assert [product.name for product in unit.of(Product).page(Query(Product, deleted=True)).items] == ["x"]
            trail = [(c.action, c.actor, c.cause, dict(c.fields)) for c in _any(unit).history(Customer, one.id)]
            assert trail == [("add", None, None, {}), ("erase", "dpo", None, {})]
            asked = Query(Customer, where("contact_points.normalised") == "ana@example.com")
            assert unit.of(Customer).count(asked) == 0
            unit.of(Customer).add(attrs.evolve(ana(), identifiers=card))
            unit.of(Product).add(pen("gone"))
            unit.commit()

    def test_redacting_keeps_the_rules_of_the_store(self, store: Store) -> None:
        self.requirements.need("redacting")
        one, other = stored(store, pen("A1")), stored(store, pen("A2"))
        with store.begin() as unit, pytest.raises(Duplicate):
            _any(unit).redact(attrs.evolve(other, sku="A1"))
        with store.begin() as unit:
            _any(unit).redact(attrs.evolve(other, name="x"))
        with store.begin() as unit:
            assert unit.of(Product).get(other.id).name == other.name
            assert unit.of(Product).get(one.id) == one

    def test_what_stands_beside_the_entities_is_told_anew(self, store: Store) -> None:
        self.requirements.need("redacting", "audit", "keys", "outbox")
        with store.begin(actor="ana", cause="form of ana") as unit:
            one = unit.of(Product).add(pen("A1"))
            unit.emit({"type": "Made", "by": "ana"})
            unit.commit()
        with store.begin(actor="ana", cause="ana again") as unit:
            unit.of(Product).save(attrs.evolve(one, name="pen of ana"))
            unit.commit()
        store.run(lambda _: {"for": "ana"}, key="greet ana")
        seen = set[str]()

        def without_ana(kind: str, plain: Any) -> Any:
            seen.add(kind)
            return json.loads(json.dumps(plain).replace("ana", "x"))

        with store.begin() as unit:
            _any(unit).retell(without_ana)
        with store.begin() as unit:
            assert _any(unit).history(Product, one.id)[0].cause == "form of ana"
            assert _any(unit).retell(without_ana) >= 3
            unit.commit()
        assert seen == {"event", "result", "key", "fields", "note"}
        with store.begin() as unit:
            added, saved = _any(unit).history(Product, one.id)
            assert (added.actor, added.cause, saved.actor, saved.cause) == ("x", "form of x", "x", "x again")
            assert saved.fields["name"] == (one.name, "pen of x")
            assert _any(unit).retell(without_ana) == 0
        assert [claim.payload for claim in _any(store).claim("relay")] == [{"by": "x"}]
        assert store.run(lambda _: {"for": "anew"}, key="greet x") == {"for": "x"}

    # -- the outbox --------------------------------------------------------------------------------------------------

    def test_events_are_claimed_in_order_and_forgotten_once_settled(self, store: Store) -> None:
        self.requirements.need("outbox")
        box: Any = store
        with store.begin() as unit:
            for number in range(5):
                unit.emit({"type": "counted", "number": number})
            unit.commit()
        claims = box.claim("relay", limit=3)
        assert [(claim.type, claim.payload) for claim in claims] == [("counted", {"number": n}) for n in range(3)]
        assert [claim.id for claim in box.claim("relay", limit=3)] == [claim.id for claim in claims]
        assert box.settle("relay", [claim.id for claim in claims]) == 3
        assert box.settle("relay", [claim.id for claim in claims]) == 0
        assert [claim.payload["number"] for claim in box.claim("relay")] == [3, 4]

    def test_events_of_a_unit_that_was_undone_are_never_seen(self, store: Store) -> None:
        self.requirements.need("outbox")
        with store.begin() as unit:
            unit.emit({"type": "lie"})
        assert list(_any(store).claim("relay")) == []

    def test_one_relay_keeps_the_others_away_until_its_lease_ends(self, store: Store) -> None:
        self.requirements.need("outbox")
        box: Any = store
        with store.begin() as unit:
            unit.emit(pen("A1"))
            unit.commit()
        claim = box.claim("one", lease=3600)[0]
        assert (claim.type, claim.payload["sku"]) == ("Product", "A1")
        assert list(box.claim("other")) == []
        assert box.settle("other", [claim.id]) == 0
        assert len(box.claim("one", lease=-1)) == 1
        assert len(box.claim("other")) == 1

    @pytest.mark.parametrize(
        "event", [None, "x", 5, {}, {"type": 5}, {"type": "x", "at": object()}, {"type": "x", "n": float("nan")}]
    )
    def test_what_is_no_event_is_refused(self, store: Store, event: object) -> None:
        with store.begin() as unit, pytest.raises(InvalidValueError):
            unit.emit(event)

    # -- many at once ------------------------------------------------------------------------------------------------

    def test_many_are_added_at_once(self, store: Store) -> None:
        made = [pen(f"{number:05d}") for number in range(1_203)]
        with store.begin() as unit:
            outcomes = unit.of(Product).put_many(made)
            unit.commit()
        assert {outcome.outcome for outcome in outcomes} == {"added"}
        assert [outcome.index for outcome in outcomes] == list(range(1_203))
        assert [sku for sku, _ in _names(store)] == [one.sku for one in made]

    def test_one_duplicate_among_many_undoes_all(self, store: Store) -> None:
        stored(store, pen("00700"))
        with store.begin() as unit, pytest.raises(Duplicate) as caught:
            unit.of(Product).put_many([pen(f"{number:05d}") for number in range(1_000)])
        assert caught.value.fields == ("sku",)
        assert len(_names(store)) == 1

    def test_skip_leaves_what_exists(self, store: Store) -> None:
        one = stored(store, pen("A1"))
        rows = [attrs.evolve(one, name="Ink", version=0), pen("A1", name="Ink"), pen("B2"), pen("B2", name="again")]
        with store.begin() as unit:
            outcomes = unit.of(Product).put_many(rows, on_conflict="skip")
            unit.commit()
        assert [outcome.outcome for outcome in outcomes] == ["skipped", "skipped", "added", "skipped"]
        assert _names(store) == [("A1", "Pen"), ("B2", "Pen")]

    def test_update_overwrites_the_same_id_and_names_the_losers(self, store: Store) -> None:
        same, known, stale, taken = (stored(store, pen(sku)) for sku in ("A", "B", "C", "D"))
        with store.begin() as unit:
            unit.of(Product).save(attrs.evolve(stale, name="newer"))
            unit.commit()
        rows = [
            same,
            attrs.evolve(known, name="updated"),
            attrs.evolve(stale, name="stale"),
            attrs.evolve(taken, version=0, name="unknown version"),
            pen("A", name="another id"),
            pen("E"),
        ]
        with store.begin() as unit:
            outcomes = unit.of(Product).put_many(rows, on_conflict="update")
            unit.commit()
        assert [o.outcome for o in outcomes] == ["unchanged", "updated", "lost", "updated", "lost", "added"]
        assert isinstance(outcomes[2].error, Conflict)
        assert isinstance(outcomes[4].error, Duplicate)
        assert _names(store) == [("A", "Pen"), ("B", "updated"), ("C", "newer"), ("D", "unknown version"), ("E", "Pen")]
        with store.begin() as unit:
            assert unit.of(Product).get(known.id).version == 2
            assert unit.of(Product).get(same.id).version == 1

    def test_putting_the_same_again_changes_nothing(self, store: Store) -> None:
        rows = [ana(id=new_id()) for _ in range(7)]
        for expected in ("added", "unchanged", "unchanged"):
            with store.begin() as unit:
                outcomes = unit.of(Customer).put_many(rows, on_conflict="update")
                unit.commit()
            assert {outcome.outcome for outcome in outcomes} == {expected}

    def test_the_last_writer_of_many_wins_and_the_trail_says_what_was(self, store: Store) -> None:
        same, stale, gone = (stored(store, pen(sku)) for sku in ("A", "B", "C"))
        with store.begin() as unit:
            unit.of(Product).save(attrs.evolve(stale, name="newer"))
            unit.of(Product).remove(gone.id)
            unit.commit()
        # What is written over gives up its sku, and a new one takes it.
        rows = [pen("B"), same, attrs.evolve(stale, sku="D", name="last", category=("x",)), gone]
        with store.begin(actor="ana") as unit:
            found = upsert_many(unit, Product, rows)
            unit.commit()
        assert found == Upserted(added=1, updated=1, unchanged=1, skipped=1)
        assert _names(store) == [("A", "Pen"), ("B", "Pen"), ("D", "last")]
        with store.begin() as unit:
            assert unit.of(Product).get(stale.id).version == 3
            assert unit.of(Product).count(Query(Product, where("category") == "x")) == 1
            if self.requirements.audit:
                last = unit.history(Product, stale.id)[-1]  # type: ignore[attr-defined]  # an Audited unit
                assert (last.actor, last.fields["name"]) == ("ana", ("newer", "last"))

    def test_what_is_written_over_another_s_unique_value_is_a_duplicate(self, store: Store) -> None:
        _, other = stored(store, pen("A")), stored(store, pen("B"))
        with store.begin() as unit, pytest.raises(Duplicate) as caught:
            upsert_many(unit, Product, [attrs.evolve(other, sku="A")])
        assert caught.value.fields == ("sku",)
        assert _names(store) == [("A", "Pen"), ("B", "Pen")]

    def test_what_is_only_ever_added_is_not_written_over(self, store: Store) -> None:
        with store.begin() as unit, pytest.raises(AppendOnly):
            upsert_many(unit, Interaction, [])

    @pytest.mark.parametrize("rows", [[None], ["x"], [pen("A"), ana()]])
    def test_rows_of_another_class_are_refused(self, store: Store, rows: list[Any]) -> None:
        with store.begin() as unit, pytest.raises(InvalidValueError):
            unit.of(Product).put_many(rows)

    def test_an_id_twice_in_one_batch_is_refused(self, store: Store) -> None:
        one = pen("A1")
        with store.begin() as unit, pytest.raises(InvalidValueError):
            unit.of(Product).put_many([one, one], on_conflict="skip")

    def test_an_unknown_way_to_settle_conflicts_is_refused(self, store: Store) -> None:
        with store.begin() as unit, pytest.raises(InvalidValueError):
            unit.of(Product).put_many([], on_conflict="merge")  # type: ignore[arg-type]  # what is refused here

    # -- columns -----------------------------------------------------------------------------------------------------

    def test_columns_come_back_in_the_order_of_the_query(self, store: Store) -> None:
        with store.begin() as unit:
            one = unit.of(Customer).add(ana())
            for number in (3, 1, 2):
                unit.of(Order).add(an_order(one.id, str(number), placed_at=NOW + timedelta(days=number)))
            unit.commit()
        fields = ["number", "placed_at", "status", "customer_id", "lines.sku", "lines", "id", "coupons", "delivered_at"]
        query = Query(Order, order=(asc("number"),))
        with store.begin(read_only=True) as unit:
            columns = read_columns(unit, query, fields)
            orders = unit.of(Order).page(query).items
        assert list(columns) == fields
        assert columns["number"] == ["1", "2", "3"]
        assert columns["placed_at"] == [order.placed_at for order in orders]
        assert columns["status"] == ["paid"] * 3
        assert columns["customer_id"] == [one.id] * 3
        assert columns["lines.sku"] == [["A1"]] * 3
        assert columns["lines"][0][0]["sku"] == "A1"
        assert columns["id"] == [order.id for order in orders]
        assert columns["coupons"] == [None] * 3
        assert columns["delivered_at"] == [None] * 3

    def test_columns_of_a_question_about_documents(self, store: Store) -> None:
        stored(store, ana(custom={"tier": "gold"}))
        stored(store, ana(custom={"tier": "silver"}))
        query = Query(Customer, where("custom.tier") == "gold")
        with store.begin(read_only=True) as unit:
            assert read_columns(unit, query, ["custom.tier", "name.given"]) == {
                "custom.tier": ["gold"],
                "name.given": ["Ana"],
            }
            with pytest.raises(InvalidQuery):
                read_columns(unit, Query(Customer), ["nothing"])

    def test_columns_of_an_empty_store_are_empty(self, store: Store) -> None:
        with store.begin(read_only=True) as unit:
            assert read_columns(unit, Query(Order), ["number", "lines"]) == {"number": [], "lines": []}

    def test_columns_are_stored_as_if_one_by_one(self, store: Store) -> None:
        columns: Mapping[str, Sequence[Any]] = {
            "name.given": ["Ana", "Zoë", None],
            "name.family": ["García", None, "Ruiz"],
            "contact_points": [[{"kind": "email", "raw": "A@x.org"}], None, []],
            "country": ["ES", None, "FR"],
            "tags": [{"vip"}, None, frozenset()],
            "is_deceased": [False, None, True],
        }
        with store.begin() as unit:
            assert write_columns(unit, Customer, {**columns, "tags": [["vip"], None, []]}) == 3
            unit.commit()
        with store.begin() as unit:
            found = unit.of(Customer).page(Query(Customer, order=(asc("country"),))).items
            assert [one.display_name for one in found] == ["Ana García", "Ruiz", "Zoë"]
            assert [one.is_deceased for one in found] == [False, True, False]
            assert unit.of(Customer).count(Query(Customer, where("tags") == "vip")) == 1
            assert unit.of(Customer).count(Query(Customer, where("contact_points.normalised") == "a@x.org")) == 1
            assert unit.of(Customer).count(Query(Customer, where("name.family") == "Ruiz")) == 1
            assert {one.version for one in found} == {1}

    @pytest.mark.parametrize(("columns", "error"), [
        ({"sku": ["A"]}, MissingColumnError),
        ({"sku": ["A"], "name": ["Pen"], "colour": ["red"]}, InvalidDataError),
        ({"sku": ["A", "B"], "name": ["Pen"]}, InvalidDataError),
        ({"sku": ["A", "B"], "name": ["Pen", " "]}, InvalidDataError),
        ({"sku": ["A", None], "name": ["Pen", "Ink"]}, InvalidDataError),
        ({"sku": ["A", 5], "name": ["Pen", "Ink"]}, InvalidDataError),
        ({"sku": ["A"], "name": ["Pen"], "version": [3]}, InvalidDataError),
        ({"sku": ["A"], "name": ["Pen"], "list_price": [{"amount": "x", "currency": "EUR"}]}, InvalidDataError),
        ({"sku": ["A"], "name": ["Pen"], "id": ["no uuid"]}, InvalidDataError),
        ({"sku": ["A", "A"], "name": ["Pen", "Ink"]}, Duplicate),
    ], ids=str)  # fmt: skip
    def test_columns_that_break_a_rule_are_refused_as_a_whole(
        self, store: Store, columns: dict[str, list[Any]], error: type[Exception]
    ) -> None:
        with store.begin() as unit, pytest.raises(error):
            write_columns(unit, Product, columns)
        assert _names(store) == []

    def test_a_rule_between_fields_is_checked_in_columns_and_names_the_row(self, store: Store) -> None:
        columns: dict[str, list[Any]] = {
            "anonymous_id": ["a", "b"],
            "kind": [next(iter(_kinds())), next(iter(_kinds()))],
            "channel": ["web", "web"],
            "occurred_at": [NOW, NOW + timedelta(days=1)],
            "recorded_at": [NOW, NOW],
        }
        with store.begin() as unit, pytest.raises(InvalidDataError) as caught:
            write_columns(unit, Interaction, columns)
        assert caught.value.row == 1

    @pytest.mark.parametrize("on_conflict", ["skip", "update"])
    def test_importing_the_same_columns_again_changes_nothing(self, store: Store, on_conflict: Any) -> None:
        columns: dict[str, list[Any]] = {"id": [new_id(), new_id()], "sku": ["A", "B"], "name": ["Pen", "Ink"]}
        for expected in (2, 0, 0):
            with store.begin() as unit:
                assert write_columns(unit, Product, columns, on_conflict=on_conflict) == expected
                unit.commit()
        assert _names(store) == [("A", "Pen"), ("B", "Ink")]


def _any(value: object) -> Any:
    """Speak to a power that `Requirements` declares."""
    return value


def _kinds() -> Sequence[str]:
    return [kind.value for kind in type(an_interaction(None).kind)]


def _quietly(work: Callable[[], None]) -> Callable[[], None]:
    """Let a meddling thread give up where the store lets only one write: then it has not meddled until later."""

    def tried() -> None:
        for _ in range(50):
            try:
                work()
            except (Transient, Conflict):
                continue
            return

    return tried


def _meet(barrier: threading.Barrier) -> None:
    """Wait for the other, but not for ever: a store that lets one in at a time never brings both here."""
    try:
        barrier.wait(0.2)
    except threading.BrokenBarrierError:
        return
