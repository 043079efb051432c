"""JupyterLab, Voila and pages from file:// in a real Chromium.

A test asks for the fixtures of conftest.py:

    def test_map(lab, shot):
        page = lab(['from sslkit import explore', 'm = explore(...)\nm'])      # a notebook of these cells, opened and run in JupyterLab
        page.locator('canvas.ssl-map').wait_for()
        before = picture_hash(page, 'canvas.ssl-map')
        page.keyboard.press('+'); changed(page, 'canvas.ssl-map', before)      # waits for another picture
        assert kernel(page, 'm.zoom') == 2                                     # a value of the running kernel (anything JSON can hold)
        shot(page, 'map'); theme(page, 'dark'); shot(page, 'map_dark')

`page.ssl_folder` is the folder in which the kernel runs. `voila(cells)` and `static_page(path)` give pages of the same kind (the latter has no kernel); `dark=True` opens any of them dark. Helpers come from here: `from browser.harness import changed, kernel, picture_hash, theme, until`.
At the end of a test every page must have written nothing to the console as an error, thrown nothing, and asked nobody but its own server; what Jupyter itself does there is in `THEIRS`, with the reason.
Screenshots lie in the folder of the environment variable SSLKIT_SHOTS, or else in pytest's. One Lab and one Voila serve all tests of a process, on free ports, with their settings in a folder of their own.
"""
import contextlib, hashlib, json, os, queue, re, shutil, signal, socket, subprocess, sys, tempfile, time, urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import pytest

# No page may leave this machine: every other name leads nowhere
ARGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic', '--mute-audio',
        '--force-color-profile=srgb', '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1']

# Requests and console errors that are Jupyter's own: (pattern, why they are not ours)
THEIRS = [
    (r'cdn\.jsdelivr\.net/npm/@fortawesome', "Voila's page template links Font Awesome; without a network its own icons are missing, ours need none"),
    (r'Failed to load resource.*(/api/me|/api/contents/.*checkpoints|/lab/api/(settings|workspaces|translations)|/static/favicons)', 'JupyterLab looks for files of a user who has none yet'),
]

def chromium():
    "Path of the browser: the environment variable SSLKIT_CHROMIUM, or one on the PATH"
    return os.environ.get('SSLKIT_CHROMIUM') or next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)

def missing():
    "Why there can be no browser test here, in one line, or None"
    for m in ('playwright', 'jupyterlab', 'voila'):
        try: __import__(m)
        except ImportError: return f'{m} is not installed: pip install -e ".[dev]"'
    if not chromium(): return 'Chromium is not installed: apt-get install chromium, or name one in SSLKIT_CHROMIUM'

# --- servers

def _port():
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); return s.getsockname()[1]

def _with_us(): # a server must not outlive a test run that is killed (Linux; elsewhere only `stop` ends it)
    import ctypes
    with contextlib.suppress(OSError,AttributeError): ctypes.CDLL(None).prctl(1, signal.SIGTERM)

class Server:
    "A Lab or a Voila over a folder of its own, started when it is first asked for"
    def __init__(self, kind):
        self.kind,self.home,self.p = kind,Path(tempfile.mkdtemp(prefix=f'ssl{kind}')),None
        self.root = self.home/'notebooks'; self.root.mkdir()
        put = lambda name,text: ((self.home/'us'/'@jupyterlab'/name).parent.mkdir(parents=True, exist_ok=True), (self.home/'us'/'@jupyterlab'/name).write_text(text))
        put('apputils-extension/notification.jupyterlab-settings', '{"fetchNews":"false","checkForUpdates":false}')
        put('docmanager-extension/plugin.jupyterlab-settings', '{"autosave":false}')
        for attempt in range(2):                               # somebody else may have taken the port in between
            try: return self.start()
            except RuntimeError:
                self.kill()
                if attempt: self.stop(); raise

    def command(self):
        own = ['--no-browser', f'--port={self.port}']
        if self.kind == 'voila': return ['-m', 'voila', str(self.root), *own, '--Voila.ip=127.0.0.1', f'--Voila.connection_dir_root={self.home}', '--Voila.tornado_settings={"disable_check_xsrf": True}', '--show_tracebacks=True', '--VoilaConfiguration.allow_theme_override=YES'],'/voila/static/voila.js'
        return ['-m', 'jupyter', 'lab', *own, '--allow-root', '--ip=127.0.0.1', f'--ServerApp.root_dir={self.root}', '--ServerApp.port_retries=0', '--IdentityProvider.token=', '--ServerApp.password=', '--ServerApp.disable_check_xsrf=True',
            '--ServerApp.terminals_enabled=False', '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate', '--LabApp.news_url=None', '--LabApp.expose_app_in_browser=True', '--LabApp.extension_manager=readonly'],'/api'

    def start(self):
        self.port = _port(); self.url = f'http://127.0.0.1:{self.port}'
        d = lambda n: str(self.home/n)
        env = {k:v for k,v in os.environ.items() if k != 'MPLBACKEND' and not k.startswith(('JUPYTER','PYTEST'))}
        env.update(JUPYTERLAB_SETTINGS_DIR=d('us'), JUPYTERLAB_WORKSPACES_DIR=d('ws'), JUPYTER_CONFIG_DIR=d('c'), JUPYTER_DATA_DIR=d('d'), JUPYTER_RUNTIME_DIR=d('r'), IPYTHONDIR=d('i'), OMP_NUM_THREADS='1', JUPYTER_PLATFORM_DIRS='1')
        cmd,there = self.command()
        with open(self.home/'log', 'w') as log: self.p = subprocess.Popen([sys.executable, *cmd], cwd=self.root, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=_with_us)
        end = time.time()+120
        while time.time() < end:
            with contextlib.suppress(OSError): urllib.request.urlopen(self.url+there, timeout=5).close(); return
            if self.p.poll() is not None: break
            time.sleep(.1)
        raise RuntimeError(f'{self.kind} did not start:\n' + (self.home/'log').read_text()[-3000:])

    def ask(self, path, method):
        with contextlib.suppress(OSError): urllib.request.urlopen(urllib.request.Request(self.url+path, method=method, data=b'' if method == 'POST' else None), timeout=20).close()

    def end_kernel(self, id): self.ask(f'/voila/api/shutdown/{id}' if self.kind == 'voila' else f'/api/kernels/{id}', 'POST' if self.kind == 'voila' else 'DELETE')

    def kill(self):
        if not self.p: return
        self.p.terminate()                                     # both end their kernels
        try: self.p.wait(20)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError): os.killpg(self.p.pid, signal.SIGKILL)
            self.p.wait(20)
        self.p = None

    def stop(self): self.kill(); shutil.rmtree(self.home, ignore_errors=True)

    def connection(self, id):
        "The file that says how to talk to a kernel"
        return next(self.home.rglob(f'kernel-{id}.json'))

# --- pages

class Pages:
    "What a test opens, and what its pages must not do"
    def __init__(self, browser, servers): self.browser,self.servers,self.open,self.bad,self.n = browser,servers,[],[],0

    def page(self, allowed, dark, width, height):
        ctx = self.browser.new_context(viewport=dict(width=width, height=height), color_scheme='dark' if dark else 'light', reduced_motion='reduce')
        page = ctx.new_page(); page.ssl_end,page.ssl_client = [],None; self.open.append(page)
        told = lambda what: None if any(re.search(p, what) for p,_ in THEIRS) else self.bad.append(what)
        page.on('console', lambda m: told(f'console error: {m.text} ({m.location.get("url", "")})') if m.type == 'error' else None)
        page.on('pageerror', lambda e: told(f'page error: {e}\n{getattr(e, "stack", "") or ""}'))
        page.on('request', lambda r: None if r.url.startswith(allowed) else told(f'asked for {r.url[:200]}'))
        page.on('websocket', lambda w: None if w.url.startswith(tuple(a.replace('http', 'ws') for a in allowed)) else told(f'asked for {w.url[:200]}'))
        return page

    def server(self, kind):
        if kind not in self.servers: self.servers[kind] = Server(kind)
        return self.servers[kind]

    def notebook(self, server, cells, files):
        import nbformat
        self.n += 1
        folder = Path(tempfile.mkdtemp(dir=server.root)); path = folder/'lesson.ipynb'
        for k,v in (files or {}).items(): (folder/k).parent.mkdir(parents=True, exist_ok=True); (folder/k).write_bytes(v if isinstance(v, bytes) else v.encode())
        nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells], metadata=dict(kernelspec=dict(name='python3', display_name='Python 3', language='python')))
        nbformat.write(nb, path)
        return path

    def lab(self, cells, dark=False, width=1300, height=1000, run=True, timeout=120, files=None):
        "A notebook of these cells in JupyterLab, all of them run; `files`: name -> text or bytes, beside it"
        s = self.server('lab'); path = self.notebook(s, cells, files)
        page = self.page((s.url, 'data:', 'blob:'), dark, width, height); page.set_default_timeout(1000*timeout)
        page.goto(f'{s.url}/doc/tree/{path.relative_to(s.root)}?reset')
        page.wait_for_function('window.jupyterapp?.shell?.currentWidget?.sessionContext', timeout=1000*timeout)
        id = page.evaluate('''async () => { const a = window.jupyterapp; await a.restored; const w = a.shell.currentWidget;
            await w.context.ready; await w.sessionContext.ready; await w.sessionContext.session.kernel.info; return w.sessionContext.session.kernel.id; }''')
        page.ssl_kernel,page.ssl_folder = (s,id),path.parent; page.ssl_end.append(lambda: s.end_kernel(id))
        if dark: theme(page, 'dark')
        if run: run_all(page)
        return page

    def voila(self, cells, dark=False, width=1300, height=1000, timeout=120, files=None):
        "A notebook of these cells in Voila"
        s = self.server('voila'); path = self.notebook(s, [*cells, "from IPython.display import HTML, display\ndisplay(HTML('<i id=ssl-ready></i>'))"], files)
        page = self.page((s.url, 'data:', 'blob:'), dark, width, height); page.set_default_timeout(1000*timeout)
        page.goto(f'{s.url}/voila/render/{path.relative_to(s.root)}?theme={"dark" if dark else "light"}', wait_until='domcontentloaded', timeout=1000*timeout)
        try: id = page.evaluate('JSON.parse(document.getElementById("jupyter-config-data").textContent).kernelId')
        except Exception: raise AssertionError(f'Voila: {page.inner_text("body")[-3000:]}') from None
        page.ssl_kernel,page.ssl_folder = (s,id),path.parent; page.ssl_end.append(lambda: s.end_kernel(id))
        failed = page.locator('.jp-OutputArea-output pre', has_text='Traceback (most recent call last)')      # Voila stops at the first
        page.locator('#ssl-ready').or_(failed).first.wait_for(state='attached')
        if failed.count(): pytest.fail('a cell failed in Voila:\n' + failed.first.inner_text(), pytrace=False)
        return page

    def static(self, path, dark=False, width=1300, height=1000):
        "A page from file://"
        page = self.page(('file:', 'data:', 'blob:'), dark, width, height)
        page.goto(Path(path).resolve().as_uri())
        return page

    def close(self):
        "Close everything; give what the pages did wrong"
        for page in self.open:
            if page.ssl_client: _thread.submit(page.ssl_client.stop_channels).result(20)
            with contextlib.suppress(Exception): page.context.close()
            for f in page.ssl_end: f()
        return self.bad

def _plain(s): return re.sub(r'\x1b\[[0-9;]*m', '', s)

def run_all(page):
    "Run every cell in JupyterLab; a cell that fails is the test's failure, with its traceback"
    outputs = page.evaluate('''async () => { const a = window.jupyterapp, w = a.shell.currentWidget; await a.commands.execute('notebook:run-all-cells');
        return w.content.model.sharedModel.toJSON().cells.flatMap((c) => c.outputs || []).filter((o) => o.output_type === 'error').map((o) => (o.traceback || []).join('\\n') || `${o.ename}: ${o.evalue}`); }''')
    if outputs: pytest.fail('a cell failed in JupyterLab:\n' + _plain(outputs[0]), pytrace=False)

def run_cell(page, i):
    "Run the cell number `i` in JupyterLab; a failure is the test's"
    error = page.evaluate('''async (i) => { const a = window.jupyterapp, w = a.shell.currentWidget; w.content.activeCellIndex = i; await a.commands.execute('notebook:run-cell');
        const e = (w.content.model.sharedModel.toJSON().cells[i].outputs || []).find((o) => o.output_type === 'error'); return e ? (e.traceback || []).join('\\n') : null; }''', i)
    if error: pytest.fail('a cell failed in JupyterLab:\n' + _plain(error), pytrace=False)

def restart(page):
    "Restart JupyterLab's kernel, without running anything; what the page showed stays until cells are run again"
    page.evaluate('async () => { const s = window.jupyterapp.shell.currentWidget.sessionContext; await s.session.kernel.restart(); await s.session.kernel.info; }')

# --- kernel: one thread of its own, since Playwright keeps this one's event loop

_thread = ThreadPoolExecutor(1)

def _answer(page, code, expr, timeout):
    from jupyter_client import BlockingKernelClient
    s,id = page.ssl_kernel
    if page.ssl_client is None:
        page.ssl_client = c = BlockingKernelClient(connection_file=str(s.connection(id))); c.load_connection_file(); c.start_channels(); c.wait_for_ready(timeout)
    c = page.ssl_client
    m = c.execute(code, silent=True, store_history=False, user_expressions={'x':f"__import__('json').dumps({expr})"} if expr else {})
    end = time.time()+timeout
    while time.time() < end:
        try: r = c.get_shell_msg(timeout=max(.1, end-time.time()))
        except queue.Empty: break
        if r['parent_header'].get('msg_id') == m: return r['content']
    raise AssertionError(f'the kernel did not answer within {timeout} s: {expr or code}')

def kernel(page, expr, code='', timeout=60):
    "The value of `expr` in the page's kernel, after running `code`; anything JSON can hold. `kernel(page, None, 'x = 1')` only runs code"
    f = _thread.submit(_answer, page, code, expr, timeout)
    while not f.done(): page.wait_for_timeout(20)              # the page goes on meanwhile
    r = f.result()
    got = r if r.get('status') == 'error' else r.get('user_expressions', {}).get('x', {})
    if got.get('status') == 'error': raise AssertionError(_plain('\n'.join(got['traceback'])))
    if expr: import ast; return json.loads(ast.literal_eval(got['data']['text/plain']))

# --- what a test does with a page

def theme(page, name):
    "Make the page dark or light, by the means of the place it is in"
    if name not in ('dark', 'light'): raise ValueError(f"theme is {name!r}: 'dark' or 'light'")
    page.emulate_media(color_scheme=name)
    if page.evaluate('!!window.jupyterapp?.commands?.hasCommand("apputils:change-theme")'): page.evaluate('async (t) => { await window.jupyterapp.commands.execute("apputils:change-theme", {theme: t}); }', f'JupyterLab {name.title()}')
    elif page.evaluate('"jpThemeLight" in document.body.dataset'): page.evaluate('(l) => { document.body.dataset.jpThemeLight = l; }', str(name == 'light').lower())
    page.wait_for_function('(t) => [...document.querySelectorAll(".ssl-widget")].every((o) => o.dataset.theme === t)', arg=name); page.wait_for_timeout(150)       # once the widgets have noticed

def picture_hash(page, selector):
    "A hash of what the first such element looks like now"
    return hashlib.md5(page.locator(selector).first.screenshot(animations='disabled')).hexdigest()

def until(page, f, what='it', timeout=15):
    "The first true value of `f()`, waiting for it"
    end = time.time()+timeout
    while True:
        if v := f(): return v
        assert time.time() < end, f'{what} did not happen within {timeout} s'
        page.wait_for_timeout(50)

def changed(page, selector, before, timeout=15):
    "Wait until the element looks otherwise than `before`, a `picture_hash`; give the new hash"
    return until(page, lambda: (h := picture_hash(page, selector)) != before and h, f'another picture of {selector}', timeout)

def still(page, selector, timeout=15):
    "Wait until the element has stopped changing; give its hash"
    last = [None]
    def same(): h = picture_hash(page, selector); ok = h == last[0]; last[0] = h; return ok and h
    return until(page, same, f'a still picture of {selector}', timeout)
