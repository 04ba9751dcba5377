from datetime import UTC, datetime, timedelta
from uuid import UUID

from pycrm.model.customer import Customer, PersonName
from pycrm.report.ledgers import as_dict, look
from pycrm.storage import MemoryStore
from pycrm.testing.made import an_order

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
BOUGHT = {"Ana": (0, 200, 210), "Bea": (5, 300, 320), "Cleo": (9, 250, 270)}  # days; each leaves, and comes back


def told(ids):
    store = MemoryStore()
    with store.begin() as unit:
        for (name, days), id in zip(BOUGHT.items(), ids, strict=True):
            unit.customers.add(Customer(id=UUID(int=id), name=PersonName(given=name)))
            for day in days:
                at = BEGIN + timedelta(days=day)
                unit.orders.add(an_order(UUID(int=id), f"{name}-{day}", placed_at=at))
        unit.commit()
    return as_dict(look(store, BEGIN + timedelta(days=330)))


def test_the_one_who_is_told_of_does_not_hang_on_the_ids_that_a_store_made():
    expected = told([1, 2, 3])
    assert expected["came_back"] == 3
    assert [told(ids) for ids in ([1, 3, 2], [3, 2, 1], [2, 3, 1])] == [expected] * 3
