"""The contract kit is itself on trial: each of these bugs, seeded into a store that keeps the contract, is caught."""

import contextlib
import io
from datetime import timedelta

import attrs
import pytest

from pycrm.errors import Conflict, Duplicate, NotFound, Transient
from pycrm.storage.memory import MemoryRepository, MemoryStore, MemoryUnit
from pycrm.storage.ordering import Ordering, Term
from pycrm.storage.query import Page

BUGS = {}


def bug(seed):
    BUGS[seed.__name__] = seed
    return seed


def wrapped(patch, owner, name, made):
    """Replace a method by what `made` makes of it."""
    patch.setattr(owner, name, made(getattr(owner, name)))


@bug
def no_unique_rule(patch):
    patch.setattr(MemoryRepository, "_check_rules", lambda self, entity: None)
    patch.setattr(MemoryUnit, "_verify_rules", lambda self, table, entity, rows: None)


@bug
def no_unique_rule_at_commit(patch):
    patch.setattr(MemoryUnit, "_verify_rules", lambda self, table, entity, rows: None)


@bug
def references_lead_anywhere(patch):
    patch.setattr(MemoryRepository, "_exists", lambda self, model, id: model is not self._model)


@bug
def no_version_check(patch):
    wrapped(patch, MemoryRepository, "_writable", lambda old: lambda self, id, expected: old(self, id, None))


@bug
def no_version_check_at_commit(patch):
    def verify(old):
        def lenient(self):
            with contextlib.suppress(Conflict):
                old(self)

        return lenient

    wrapped(patch, MemoryUnit, "_verify", verify)


@bug
def leaving_commits(patch):
    patch.setattr(MemoryUnit, "__exit__", lambda self, *_: self.commit() if self._state == "open" else None)


@bug
def commit_forgets(patch):
    patch.setattr(MemoryUnit, "_apply", lambda self: None)


@bug
def the_version_stands_still(patch):
    def save(old):
        return lambda self, entity: attrs.evolve(old(self, entity), version=entity.version)

    wrapped(patch, MemoryRepository, "save", save)


@bug
def a_page_skips_one(patch):
    wrapped(
        patch,
        Ordering,
        "seal",
        lambda old: lambda self, values: old(self, [*values[:-1], type(values[-1])(int=values[-1].int + 1)]),
    )

    def page(old):
        def short(self, query, *, size=50, after=None, total=False):
            found = old(self, query, size=size, after=after, total=total)
            return found if after is None else Page(found.items[1:], found.next, found.total)

        return short

    wrapped(patch, MemoryRepository, "page", page)


@bug
def a_page_repeats_its_last(patch):
    def page(old):
        def long(self, query, *, size=50, after=None, total=False):
            found = old(self, query, size=size, after=after, total=total)
            if after is None or not found.items:
                return found
            return Page([found.items[0], *found.items], found.next, found.total)

        return long

    wrapped(patch, MemoryRepository, "page", page)


@bug
def the_last_page_has_a_next(patch):
    def page(old):
        def endless(self, query, *, size=50, after=None, total=False):
            found = old(self, query, size=size, after=after, total=total)
            return attrs.evolve(found, next=found.next or after or "more")

        return endless

    wrapped(patch, MemoryRepository, "page", page)


@bug
def the_total_is_of_the_page(patch):
    def page(old):
        def small(self, query, *, size=50, after=None, total=False):
            found = old(self, query, size=size, after=after, total=total)
            return attrs.evolve(found, total=len(found.items)) if total else found

        return small

    wrapped(patch, MemoryRepository, "page", page)


@bug
def what_is_missing_comes_at_the_wrong_end(patch):
    wrapped(patch, Term, "key", lambda old: lambda self, value: (-old(self, value)[0], old(self, value)[1]))


@bug
def descending_is_ignored(patch):
    wrapped(
        patch,
        Ordering,
        "position",
        lambda old: (
            lambda self, values: tuple(
                attrs.evolve(term, descending=False).key(value) for term, value in zip(self.terms, values, strict=True)
            )
        ),
    )


@bug
def cursors_fit_every_question(patch):
    def opened(old):
        def lenient(self, cursor):
            import base64
            import json

            try:
                return old(self, cursor)
            except ValueError:
                held = json.loads(base64.urlsafe_b64decode(cursor)[9:])
                return old(self, self.seal([None] * len(self.terms))) if not held else []

        return lenient

    wrapped(patch, Ordering, "open", opened)


@bug
def removed_is_still_there(patch):
    def visible(old):
        return lambda self, id, *, deleted=False: old(self, id, deleted=True)

    wrapped(patch, MemoryRepository, "_visible", visible)


@bug
def removed_keeps_its_unique_values(patch):
    patch.setattr(MemoryUnit, "_release", lambda self, table, id: None)


@bug
def removed_is_gone_for_good(patch):
    def visible(old):
        def never_again(self, id, *, deleted=False):
            return old(self, id)

        return never_again

    wrapped(patch, MemoryRepository, "_visible", visible)


@bug
def tenants_share(patch):
    patch.setattr(MemoryStore, "tenant", lambda self, tenant: self)


@bug
def the_offset_of_a_time_is_dropped(patch):
    def add(old):
        def shifted(self, entity):
            at = getattr(entity, "first_touch_at", None)
            return old(self, entity if at is None else attrs.evolve(entity, first_touch_at=at + timedelta(hours=5)))

        return shifted

    wrapped(patch, MemoryRepository, "add", add)


@bug
def microseconds_are_lost(patch):
    def add(old):
        def cut(self, entity):
            at = getattr(entity, "first_touch_at", None)
            return old(self, entity if at is None else attrs.evolve(entity, first_touch_at=at.replace(microsecond=0)))

        return cut

    wrapped(patch, MemoryRepository, "add", add)


@bug
def get_answers_none(patch):
    patch.setattr(MemoryRepository, "get", lambda self, id: self.find(id))


@bug
def many_come_back_sorted(patch):
    wrapped(
        patch, MemoryRepository, "get_many", lambda old: lambda self, ids: sorted(old(self, ids), key=lambda e: e.id)
    )


@bug
def count_ignores_the_condition(patch):
    wrapped(
        patch, MemoryRepository, "count", lambda old: lambda self, query: old(self, attrs.evolve(query, where=None))
    )


@bug
def a_stream_ends_after_its_first_batch(patch):
    def stream(old):
        def short(self, query, *, batch=10_000):
            yield from list(old(self, query, batch=batch))[:1]

        return short

    wrapped(patch, MemoryRepository, "stream", stream)


@bug
def reading_units_write(patch):
    patch.setattr(MemoryUnit, "_check_writable", lambda self: self._check_open())


@bug
def ended_units_go_on(patch):
    patch.setattr(MemoryUnit, "_check_open", lambda self: None)
    patch.setattr(MemoryUnit, "_check_writable", lambda self: None)


@bug
def dirty_reads(patch):
    def visible(old):
        def newest(self, id, *, deleted=False):
            self._unit.snapshot = self._unit._tenant.commit
            return old(self, id, deleted=deleted)

        return newest

    wrapped(patch, MemoryRepository, "_visible", visible)


@bug
def run_does_not_commit(patch):
    def run(self, work, *, key=None, attempts=5):
        with self.begin() as unit:
            return work(unit)

    patch.setattr(MemoryStore, "run", run)


@bug
def run_tries_once(patch):
    wrapped(
        patch,
        MemoryStore,
        "run",
        lambda old: lambda self, work, *, key=None, attempts=5: old(self, work, key=key, attempts=1),
    )


@bug
def keys_are_forgotten(patch):
    patch.setattr(MemoryUnit, "result_of", lambda self, key: None)
    patch.setattr(MemoryUnit, "remember", lambda self, key, result: None)


@bug
def serializable_is_not(patch):
    def verify(old):
        def lenient(self):
            try:
                old(self)
            except Transient:
                self.isolation = "default"
                old(self)

        return lenient

    wrapped(patch, MemoryUnit, "_verify", verify)


@bug
def the_trail_names_nobody(patch):
    wrapped(
        patch,
        MemoryUnit,
        "history",
        lambda old: lambda self, model, id: [attrs.evolve(c, actor=None) for c in old(self, model, id)],
    )


@bug
def the_trail_outlives_erasure(patch):
    def erase(old):
        def remembering(self, model, id):
            old(self, model, id)
            self._erased.clear()

        return remembering

    wrapped(patch, MemoryUnit, "erase", erase)


@bug
def events_go_to_every_relay(patch):
    def claim(self, holder, *, limit=100, lease=30.0):
        return list(self._tenant.outbox.values())[:limit]

    patch.setattr(MemoryStore, "claim", claim)


@bug
def events_of_undone_units_are_sent(patch):
    def rollback(old):
        def leaking(self):
            events, self._events = self._events, []
            if events and self._state == "open":
                self._staged.clear()
                self._changes.clear()
                self._events = events
                self._apply()
            old(self)

        return leaking

    wrapped(patch, MemoryUnit, "rollback", rollback)


@bug
def skip_overwrites(patch):
    wrapped(
        patch,
        MemoryRepository,
        "put_many",
        lambda old: (
            lambda self, entities, *, on_conflict="error": old(
                self, entities, on_conflict="update" if on_conflict == "skip" else on_conflict
            )
        ),
    )


@bug
def update_ignores_versions(patch):
    def put(old):
        return lambda self, entity, on_conflict: old(self, attrs.evolve(entity, version=0), on_conflict)

    wrapped(patch, MemoryRepository, "_put", put)


@bug
def half_a_batch_stays(patch):
    def put_many(self, entities, *, on_conflict="error"):
        self._unit._check_writable()
        outcomes = []
        for entity in entities:
            with contextlib.suppress(Duplicate, NotFound):
                outcomes.append(self._put(entity, on_conflict))
        return outcomes

    patch.setattr(MemoryRepository, "put_many", put_many)


def verdict(folder):
    """Run the contract over MemoryStore as it is now; return how pytest ended."""
    program = folder / "test_the_contract.py"
    program.write_text(
        "from pycrm.storage import MemoryStore\n"
        "from pycrm.testing import store_contract\n"
        "TestStore = store_contract(MemoryStore)\n"
    )
    arguments = [
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:cov",
        "--import-mode=importlib",
        "--rootdir",
        str(folder),
        "-c",
        "/dev/null",
        str(program),
    ]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        return pytest.main(arguments), said.getvalue()


def test_the_store_without_a_bug_keeps_the_contract(tmp_path):
    code, said = verdict(tmp_path)
    assert code == pytest.ExitCode.OK, said


def test_at_least_25_bugs_are_seeded():
    assert len(BUGS) >= 25


@pytest.mark.parametrize("name", sorted(BUGS))
def test_the_bug_is_caught(name, tmp_path, monkeypatch):
    BUGS[name](monkeypatch)
    code, said = verdict(tmp_path)
    assert code == pytest.ExitCode.TESTS_FAILED, said
