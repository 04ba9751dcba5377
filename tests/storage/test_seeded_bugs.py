"""The contract proves something only if it catches stores that are wrong: each fault planted in MemoryStore must fail it."""

import importlib.util
import inspect
import sys
from pathlib import Path

import attrs
import pytest

import pycrm.storage.memory as sound
from pycrm.testing import Requirements, store_contract
from pycrm.testing.questions import crowd

SOURCE = Path(sound.__file__).read_text(encoding="utf-8")
CALM = Requirements(threads=False)  # the tests of threads are the slow ones; the rest must do
BUGS = {
    "no unique rule at the call or commit": [("if other is not None and other != entity.id:", "if False:"), ("if holder is not None and holder != entity.id and holder not in rows:", "if False:")],
    "no unique rule at commit": [("if holder is not None and holder != entity.id and holder not in rows:", "if False:")],
    "no reference rule": [("if target is not None and not self._exists(reference.model, target):", "if False:")],
    "no version check at save": [("if expected is not None and present.version != expected:", "if False:")],
    "no version check at commit": [("elif present.version != staged.base:", "elif False:")],
    "version not counted": [("made = attrs.evolve(entity, version=entity.version + 1)", "made = attrs.evolve(entity, version=entity.version)")],
    "added at version 0": [("made = attrs.evolve(entity, version=1)", "made = attrs.evolve(entity, version=0)")],
    "rollback commits": [('            self._end("rolled back")', '            self._apply(); self._end("rolled back")')],
    "commit does nothing": [("            self._apply()\n            self._end", "            self._end")],
    "reads what is newest, not the snapshot": [("            if version.commit <= snapshot:", "            if True:")],
    "removed entities are found": [("return version.entity if version.live or deleted else None", "return version.entity")],
    "removing keeps unique values": [("            if table.holders.get(key) == id:", "            if False:")],
    "removing forgets the id": [("return versions is not None and versions[-1].entity is not None", "return versions is not None and versions[-1].live")],
    "cursor one too far": [("for at in range(bisect_right(entries, (after + 0.5,)), len(entries))", "for at in range(bisect_right(entries, (after + 0.5,)) + (after >= 0), len(entries))")],
    "cursor repeats its row": [("placed = (pair for pair in placed if pair[0] > first)", "placed = (pair for pair in placed if pair[0] >= first)")],
    "own changes not seen in questions": [("ids = [*self._table.rows, *(id for id in staged if id not in self._table.rows)]", "ids = [*self._table.rows]")],
    "pages without their end": [("if len(found) > size else None", "")],
    "tenants shared": [("made._tenant = self._tenants.setdefault(tenant, _Tenant(self._maps))", "made._tenant = self._tenant")],
    "writes in a unit that only reads": [("class MemoryUnit(Unit):\n", "class MemoryUnit(Unit):\n    def _check_writable(self): self._check_open()\n\n")],
    "used after its end": [("class MemoryUnit(Unit):\n", "class MemoryUnit(Unit):\n    def _check_open(self): pass\n\n")],
    "going on after a broken rule": [('        self._end("failed")\n        return error', "        return error")],
    "append-only entities changed": [("if self._map.append_only:\n            raise AppendOnly", "if False:\n            raise AppendOnly")],
    "no trail of changes": [("        self._changes.append(", "        list().append(")],
    "erasing keeps the trail": [("tenant.trail.pop(key, None)", "tenant.trail.get(key, None)")],
    "events of an undone unit": [("        self._events.append(event_of(event))", "        self._events.append(event_of(event)); self._tenant.outbox[new_id()] = Claim(new_id(), *event_of(event), self._clock())")],
    "leases ignored": [("if held is not None and held[0] != holder and held[1] > now:", "if False:")],
    "keys forgotten": [("tenant.results.update(self._results)", "tenant.results.copy()")],
    "skip overwrites": [('if exists and (on_conflict == "skip" or', "if exists and (False or")],
    "losers not reported": [("            return \"lost\", Conflict(", "            return \"updated\", Conflict(")],
