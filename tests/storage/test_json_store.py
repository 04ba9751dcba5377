import importlib.util
import tempfile
from pathlib import Path

from pycrm.testing import Requirements, store_contract
from pycrm.testing.made import pen, stored

source = Path(__file__).parents[2] / "examples" / "json_store.py"
spec = importlib.util.spec_from_file_location("json_store", source)
json_store = importlib.util.module_from_spec(spec)
spec.loader.exec_module(json_store)

# Events are not kept in the files; there is nothing to claim.
TestJsonStore = store_contract(
    lambda: json_store.JsonStore(tempfile.mkdtemp(prefix="pycrm-")), requirements=Requirements(outbox=False)
)


def test_what_one_process_committed_another_finds(tmp_path):
    one = stored(json_store.JsonStore(tmp_path), pen("A1"))
    with json_store.JsonStore(tmp_path).begin() as unit:
        assert unit.products.get(one.id) == one
