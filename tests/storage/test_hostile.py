"""Very many hostile texts, in questions, orders and cursors: they are values and refusals, never words of a statement."""

import random

import pytest

from pycrm.errors import InvalidCursor, InvalidQuery
from pycrm.model.order import Product
from pycrm.model.predicate import Not, evaluate, where
from pycrm.storage import Query, asc
from pycrm.testing.made import pen, stored
from storage.opened import KINDS, fresh, names, opened
from storage.test_laws import FRAGMENTS

AT_ONCE = 500
LETTERS = "aZ09 é\u0301ß\u202e\ufdfd\U0001f4a9'\"\\;-%_\r\n"


def hostile(chance):
    """Return pieces of SQL and single letters in a row."""
    return "".join(chance.choice(FRAGMENTS if chance.random() < 0.7 else LETTERS) for _ in range(chance.randint(1, 6)))


@pytest.mark.parametrize("count", [1_000, pytest.param(1_000_000, marks=pytest.mark.deep)])
@pytest.mark.parametrize("kind", KINDS)
def test_of_very_many_hostile_texts_each_finds_only_itself_and_is_no_order_and_no_cursor(kind, count):
    chance = random.Random(19)
    with opened(kind) as whole:
        store = fresh(whole)
        kept = [stored(store, pen("A1", name="%_'")), stored(store, pen("B2", name="%"))]
        for _ in range(0, count, AT_ONCE):
            texts = [hostile(chance) for _ in range(AT_ONCE)]
            one = texts[0]
            with store.begin(read_only=True) as unit:
                products = unit.of(Product)
                for condition in (
                    where("name").is_in(texts),
                    (where("name") == one) | (where("sku").contains(one)) | (where("category") == one),
                    Not(where("sku") >= one),
                ):
                    expected = sum(evaluate(condition, each) for each in kept)
                    assert products.count(Query(Product, condition)) == expected, condition
                for text in texts:
                    with pytest.raises(InvalidQuery):
                        products.page(Query(Product, order=(asc(f"sku{text} "),)))
                    with pytest.raises(InvalidCursor):
                        products.page(Query(Product), size=1, after=text)
        assert names(store) == {"A1": ("%_'", 1), "B2": ("%", 1)}
