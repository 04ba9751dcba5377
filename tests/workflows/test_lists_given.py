"""A single value where many are asked for, or a value of another kind, is refused by the name of the argument."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from pycrm.errors import InvalidValueError
from pycrm.model.contact_event import ContactEvent, ContactEventKind
from pycrm.model.knowledge_plan import Route
from pycrm.storage import MemoryStore
from pycrm.workflows import identify, interact, personalise

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
CLICK = ContactEvent(key="k", kind=ContactEventKind.CLICKED, at=NOW, intent_id=UUID(int=1))
CALLS = {
    "events": lambda wrong: interact.record(MemoryStore(), wrong, at=NOW),
    "outcomes": lambda wrong: personalise.record(MemoryStore(), wrong),
    "records": lambda wrong: identify.register(MemoryStore(), wrong),
    "routes": lambda wrong: interact.plan(MemoryStore(), as_of=date(2026, 5, 3), at=NOW, run="w", routes=wrong),
}


@pytest.mark.parametrize("wrong", [None, "text", ["text"], [{"key": "k"}], 7])
@pytest.mark.parametrize("argument", CALLS)
def test_what_is_no_list_of_the_kind_is_refused(argument, wrong):
    with pytest.raises(InvalidValueError) as refused:
        CALLS[argument](wrong)
    assert refused.value.field == argument


@pytest.mark.parametrize(("argument", "one"), [("events", CLICK), ("routes", Route(channel="email", cost=1.0))])
def test_one_alone_is_no_list(argument, one):
    with pytest.raises(InvalidValueError, match=f"{argument}: .*give a list of"):
        CALLS[argument](one)
