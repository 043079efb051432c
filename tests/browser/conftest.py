"Fixtures of the browser tests; harness.py says how to use them"
import os
from pathlib import Path
import pytest
from browser import harness

@pytest.fixture(scope='package')
def browser():
    "Chromium; closed with the last browser test of this process, since Playwright keeps an event loop that other tests could not live with"
    if why := harness.missing(): pytest.skip(why)
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=harness.chromium(), headless=True, args=harness.ARGS)
        yield b
        b.close()

@pytest.fixture(scope='package')
def servers():
    "Lab and Voila, each once it is asked for"
    d = {}
    yield d
    for s in d.values(): s.stop()

@pytest.fixture
def pages(browser, servers):
    p = harness.Pages(browser, servers)
    yield p
    bad = p.close()
    assert not bad, 'a page did what it must not do:\n' + '\n'.join(bad)

@pytest.fixture
def lab(pages): return pages.lab
@pytest.fixture
def voila(pages): return pages.voila
@pytest.fixture
def static_page(pages): return pages.static

@pytest.fixture
def shot(tmp_path):
    "`shot(page, name)` or `shot(page, name, selector)`: a screenshot in the folder SSLKIT_SHOTS, or in pytest's; gives its path"
    folder = Path(os.environ.get('SSLKIT_SHOTS') or tmp_path)
    def take(page, name, selector=None):
        folder.mkdir(parents=True, exist_ok=True)
        (page.locator(selector).first if selector else page).screenshot(path=folder/f'{name}.png', animations='disabled')
        return folder/f'{name}.png'
    return take
