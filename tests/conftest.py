"Counts at the end; in CI a skipped test fails the run"
import os, pytest

def pytest_collection_modifyitems(items):
    # the long ones first, so that two processes end together
    items.sort(key=lambda i: 'demo' not in i.nodeid and 'wheel' not in i.nodeid)

def pytest_terminal_summary(terminalreporter, exitstatus):
    n = {k: len(terminalreporter.stats.get(k, [])) for k in ('passed','failed','error','skipped')}
    for r in terminalreporter.stats.get('skipped', []): terminalreporter.write_line(f'skipped {r.nodeid}: {r.longrepr[2] if isinstance(r.longrepr, tuple) else r.longrepr}')
    terminalreporter.write_line(f'{n["passed"]} passed, {n["failed"]+n["error"]} failed, {n["skipped"]} skipped')

@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    if os.environ.get('CI') and exitstatus == 0 and not hasattr(session.config, 'workerinput'):
        rep = session.config.pluginmanager.get_plugin('terminalreporter')
        if rep and rep.stats.get('skipped'): session.exitstatus = 1
