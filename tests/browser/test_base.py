"What all widgets share: the line in place of a widget that could not be made, pages without a kernel, the harness itself"
import pytest
from browser.harness import kernel, picture_hash, restart, theme, until
from sslkit.widgets.base import Notice, save_page, page_of

LINE = 'halve: halve takes an even number, not 3 </script><b>'
CELLS = ['from sslkit.widgets.base import Notice, in_widget\n@in_widget\ndef halve(n):\n    if n%2: raise ValueError(f"halve takes an even number, not {n} </script><b>")\n    return n//2', 'note = halve(3)\nnote']

def looks_right(page, shot, name):
    said = page.locator('.ssl-error'); said.wait_for()
    assert said.inner_text() == LINE and said.get_attribute('role') == 'alert'                    # the text, not its tags
    root = page.locator('.ssl-widget').first
    theme(page, 'light'); assert root.get_attribute('data-theme') == 'light'
    light = picture_hash(page, '.ssl-widget'); shot(page, f'{name}_light')
    theme(page, 'dark'); assert root.get_attribute('data-theme') == 'dark' and picture_hash(page, '.ssl-widget') != light
    shot(page, f'{name}_dark')

def test_notice_in_lab(lab, shot):
    page = lab(CELLS); looks_right(page, shot, 'notice_lab')
    assert kernel(page, '[note.error, halve(4)]') == [LINE, 2]
    kernel(page, None, 'note.error = "another"'); until(page, lambda: page.locator('.ssl-error').inner_text() == 'another')
    kernel(page, None, 'note.error = ""'); page.locator('.ssl-error').wait_for(state='hidden')
    with pytest.raises(AssertionError, match='NameError'): kernel(page, 'nobody')
    restart(page)
    with pytest.raises(AssertionError, match='NameError'): kernel(page, 'note.error')

def test_notice_in_voila(voila, shot):
    page = voila(CELLS); looks_right(page, shot, 'notice_voila')
    assert kernel(page, 'note.error') == LINE

def test_page_from_a_file(static_page, shot, tmp_path):
    p = tmp_path/'notice.html'; p.write_text(page_of(Notice(error=LINE), 'A <title>'), encoding='utf-8')
    page = static_page(p); looks_right(page, shot, 'notice_static')
    assert page.title() == 'A <title>' and page.locator('b').count() == 0
    with pytest.raises(ValueError, match='halve takes'): save_page(Notice(error=LINE), tmp_path/'no.html')
    assert not (tmp_path/'no.html').exists()

def test_dark_from_the_start(static_page, tmp_path):
    p = tmp_path/'n.html'; p.write_text(page_of(Notice(error='x'), 'x'), encoding='utf-8')
    assert static_page(p, dark=True).locator('.ssl-widget').get_attribute('data-theme') == 'dark'

def test_a_cell_that_fails_is_said(lab, voila):
    for place in (lab, voila):
        with pytest.raises(pytest.fail.Exception, match='ZeroDivisionError'): place(['x = 1', 'x/0'])

def test_what_a_page_must_not_do_is_found(pages, tmp_path):
    for text,found in (('<script>console.error("oh")</script>', 'console error: oh'), ('<script>nobody()</script>', 'nobody is not defined'), ('<img src="http://example.com/x.png">', 'asked for http://example.com')):
        p = tmp_path/'bad.html'; p.write_text(text); page = pages.static(p); until(page, lambda: any(found in o for o in pages.bad), found); pages.bad.clear()
        page.wait_for_timeout(200); pages.bad.clear()
