"""One self-contained page about a business and its customers, and the same as text and JSON.

From a file: `read_lines`, `purchases_of`; from a store: `purchases_of_store`. Then `figures`, `tell`, and `as_html`, `as_text`
or `as_json`.
"""

from pycrm.report.document import as_dict, as_json
from pycrm.report.figures import Figures, figures
from pycrm.report.lines import OrderLines, ReadOptions, read_lines
from pycrm.report.page import as_html
from pycrm.report.purchases import Purchases, purchases_of
from pycrm.report.section import Bar, Chart, Fact, Report, Section, Table
from pycrm.report.stored import purchases_of_store
from pycrm.report.story import tell
from pycrm.report.text import as_text

__all__ = [
    "Bar",
    "Chart",
    "Fact",
    "Figures",
    "OrderLines",
    "Purchases",
    "ReadOptions",
    "Report",
    "Section",
    "Table",
    "as_dict",
    "as_html",
    "as_json",
    "as_text",
    "figures",
    "purchases_of",
    "purchases_of_store",
    "read_lines",
    "tell",
]


def __dir__() -> list[str]:
    return __all__
