"""The contract proves something only if it catches stores that are wrong: each fault planted in MemoryStore must fail it."""

import importlib
import inspect
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import pytest

import pycrm.storage.memory as sound
from pycrm.testing import Requirements, store_contract
from pycrm.testing.questions import crowd

SOURCES = {path.name: path.read_text(encoding="utf-8") for path in sorted(Path(sound.__file__).parent.glob("*.py"))}
CALM = Requirements(threads=False)  # the tests of threads are the slow ones; the rest must do
BUGS = {
    "no unique rule at the call or commit": [("if other is not None and other != id:", "if False:"), ("if holder is not None and holder != entity.id and holder not in rows:", "if False:")],
    "no unique rule at commit": [("if holder is not None and holder != entity.id and holder not in rows:", "if False:")],
    "no reference rule": [("if target is not None and not exists(unit, reference.model, target):", "if False:")],
    "no version check at save": [("if expected is not None and present.version != expected:", "if False:")],
    "no version check at commit": [("elif present.version != staged.base:", "elif False:")],
    "version not counted": [("made = at_version(entity, entity.version + 1)", "made = at_version(entity, entity.version)")],
    "added at version 0": [("made = at_version(entity, 1)", "made = at_version(entity, 0)")],
    "rollback commits": [('            self._end("rolled back")', '            commits.apply(self); self._end("rolled back")')],
    "commit does nothing": [("            commits.apply(self)\n            self._end", "            self._end")],
    "reads what is newest, not the snapshot": [("            if version.commit <= snapshot:", "            if True:")],
    "removed entities are found": [("return version.entity if version.live or deleted else None", "return version.entity")],
    "removing keeps unique values": [("            table.holders.pop(key, None)", "            pass")],
    "removing forgets the id": [("return versions is not None and versions[-1].entity is not None", "return versions is not None and versions[-1].live")],
    "cursor one too far": [("first = max(first, bisect_right(entries, after))", "first = max(first, bisect_right(entries, after) + 1)")],
    "cursor repeats its row": [("placed = (pair for pair in placed if pair[0] > first)", "placed = (pair for pair in placed if pair[0] >= first)")],
    "own changes not seen in questions": [("ids = [*self._table.rows, *(id for id in staged if id not in self._table.rows)]", "ids = [*self._table.rows]")],
    "pages without their end": [("if len(found) > size else None", "")],
    "tenants shared": [("made._tenant = self._tenants.setdefault(tenant, Tenant(self._maps))", "made._tenant = self._tenant")],
    "writes in a unit that only reads": [("class MemoryUnit(Unit):\n", "class MemoryUnit(Unit):\n    def _check_writable(self): self._check_open()\n\n")],
    "used after its end": [("class MemoryUnit(Unit):\n", "class MemoryUnit(Unit):\n    def _check_open(self): pass\n\n")],
    "going on after a broken rule": [('        self._end("failed")\n        return error', "        return error")],
    "append-only entities changed": [("if self._map.append_only:\n            raise AppendOnly", "if False:\n            raise AppendOnly")],
    "no trail of changes": [("        self._changes.append(\n", "        list().append(\n")],
    "erasing keeps the trail": [("tenant.trail.pop(key, None)", "tenant.trail.get(key, None)")],
    "events of an undone unit": [("        self._events.append(event_of(event))", "        self._events.append(event_of(event))\n        from pycrm.model.entity import new_id\n        from pycrm.storage.protocols import Claim\n        self._tenant.outbox[new_id()] = Claim(new_id(), *event_of(event), self._clock())")],
    "leases ignored": [("if held is not None and held[0] != holder and held[1] > now:", "if False:")],
    "keys forgotten": [("tenant.results.update(unit._results)", "tenant.results.copy()")],
    "skip overwrites": [('if exists and (on_conflict == "skip" or', "if exists and (False or")],
    "losers not reported": [('            return "lost", Conflict(', '            return "updated", Conflict(')],
    "index not followed": [("    def index(self, entity: Any, known: Sequence[Any] = ()) -> None:", "    def index(self, entity: Any, known: Sequence[Any] = ()) -> None:\n        if known: return")],
}  # fmt: skip


def faulty(name):
    """Return MemoryStore with one fault planted in its source."""
    texts = dict(SOURCES)
    for good, bad in BUGS[name]:
        places = [file for file, text in SOURCES.items() for _ in range(text.count(good))]
        assert len(places) == 1, f"planted in one place, not in {places}: {good}"
        texts[places[0]] = texts[places[0]].replace(good, bad)
    with TemporaryDirectory() as folder:
        package = Path(folder) / "pycrm_planted"
        package.mkdir()
        for file, text in texts.items():
            (package / file).write_text(text.replace("pycrm.storage.memory", "pycrm_planted"), encoding="utf-8")
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            return importlib.import_module("pycrm_planted").MemoryStore
        finally:
            sys.path.remove(folder)
            for module in [each for each in sys.modules if each.partition(".")[0] == "pycrm_planted"]:
                del sys.modules[module]


def settings_of(test):
    """Return every set of parameters a test is to be run with."""
    made = [{}]
    for mark in getattr(test, "pytestmark", []):
        names = [name.strip() for name in mark.args[0].split(",")] if isinstance(mark.args[0], str) else mark.args[0]
        sets = [dict(zip(names, value if len(names) > 1 else (value,), strict=True)) for value in mark.args[1]]
        made = [{**one, **other} for one in made for other in sets]
    return made


def failures(make_store):
    """Run every test of the contract; yield the names of those that fail."""
    contract = store_contract(make_store, requirements=CALM)
    crowded = contract.whole_store().tenant("crowd")
    with crowded.begin() as unit:
        for one in crowd():
            unit.of(type(one)).add(one)
        unit.commit()
    everyone = [attrs.evolve(one, version=1) for one in crowd()]
    tests = [pair for pair in inspect.getmembers(contract, inspect.isfunction) if pair[0].startswith("test_")]
    for number, (name, test) in enumerate(tests):
        for at, chosen in enumerate(settings_of(test)):
            needed = inspect.signature(test).parameters
            given = {"store": contract.whole_store().tenant(f"t{number}-{at}"), "crowded": (crowded, everyone)}
            try:
                test(contract(), **{key: value for key, value in given.items() if key in needed}, **chosen)
            except pytest.skip.Exception:
                break
            except (Exception, pytest.fail.Exception):  # noqa: BLE001  # any failure counts
                yield name


def test_the_sound_store_fails_nothing():
    assert list(failures(sound.MemoryStore)) == []


@pytest.mark.parametrize("bug", BUGS)
def test_the_contract_catches(bug):
    assert next(failures(faulty(bug)), None) is not None
