from pycrm.storage import MemoryStore
from pycrm.testing import store_contract

TestMemoryStore = store_contract(MemoryStore)
