"""The page in a real browser: no request, no console message, and it fits a phone."""

import json
import re
import shutil
import subprocess

import pytest

from pycrm.datasets import simulate_business
from pycrm.report import as_html, figures, purchases_of, read_lines, tell

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here; install the package chromium")

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--allow-file-access-from-files",
    "--virtual-time-budget=5000",
    "--dump-dom",
]

# The page itself allows no script, so another one looks at it through a frame as wide as a phone or a desk.
WATCHER = """<!DOCTYPE html><html><body style="margin:0"><iframe id="f" src="page.html" style="border:0;width:{width}px;height:6000px">
</iframe><pre id="answer"></pre><script>
document.getElementById("f").addEventListener("load", function () {{
  const view = this.contentWindow, page = view.document, root = page.documentElement;
  const inside = [...page.querySelectorAll("main *")].filter(e => !e.closest("svg, .wide thead")).map(e => e.getBoundingClientRect());
  const text = [...page.querySelectorAll("svg text")].map(e => e.getBoundingClientRect().height);
  document.getElementById("answer").textContent = JSON.stringify({{
    title: page.title,
    wide: root.scrollWidth,
    right: Math.max(...inside.map(r => r.right)),
    smallest: Math.min(...text),
    requests: view.performance.getEntriesByType("resource").length,
    background: view.getComputedStyle(page.body).backgroundColor,
    ink: view.getComputedStyle(page.body).color,
    sections: page.querySelectorAll("section").length,
    height: root.scrollHeight
  }});
}});
</script></body></html>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    exported = simulate_business(customers=400, seed=6).order_lines()
    exported.loc[exported["customer"] == exported["customer"].iloc[-1], "customer"] = (
        "<script>alert(1)</script>" + "W" * 300
    )
    exported.to_csv(folder / "orders.csv", index=False)
    made = tell(figures(purchases_of(read_lines(folder / "orders.csv"), "orders.csv")))
    (folder / "page.html").write_text(as_html(made), encoding="utf-8")
    return folder


def looked_at(folder, width, *, dark=False):
    watcher = folder / f"watch-{width}-{dark}.html"
    watcher.write_text(WATCHER.format(width=width), encoding="utf-8")
    profile = folder / f"profile-{width}-{dark}"
    flags = [*FLAGS, *(["--blink-settings=preferredColorScheme=0"] if dark else [])]
    done = subprocess.run(
        [CHROMIUM, *flags, f"--window-size={max(width, 600)},6000", f"--user-data-dir={profile}", watcher.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in done.stderr
    return json.loads(re.search(r'<pre id="answer">(.*?)</pre>', done.stdout, re.DOTALL)[1])


@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_fits_asks_for_nothing_and_says_nothing_to_the_console(folder, width):
    seen = looked_at(folder, width)
    assert seen["title"] == "The customers of orders.csv"
    assert seen["requests"] == 0
    assert seen["wide"] <= width
    assert seen["right"] <= width
    assert seen["smallest"] >= 10
    assert seen["sections"] >= 10


def test_the_page_is_dark_where_the_reader_wants_it_dark(folder):
    def brightness(colour):
        return sum(int(part) for part in re.findall(r"\d+", colour)[:3])

    light, dark = looked_at(folder, 600), looked_at(folder, 600, dark=True)
    assert brightness(light["background"]) > 600
    assert brightness(light["ink"]) < 300
    assert brightness(dark["background"]) < 150
    assert brightness(dark["ink"]) > 500
