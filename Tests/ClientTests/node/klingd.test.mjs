import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Klingd, KlingdError } from '../../../protocol/clients/node/klingd.mjs';

const command = process.env.KLINGD ?? 'klingd';
const client = fileURLToPath(new URL('../../../protocol/clients/node/klingd.mjs', import.meta.url));

/** A folder, and what starts klingd in it; all is ended and removed after the test. */
function bench(t, scale = '0.02') {
  const folder = mkdtempSync(join(tmpdir(), 'klingd-node-'));
  const running = [];
  t.after(async () => {
    await Promise.all(running.map((klingd) => klingd.close({ graceMs: 100 })));
    rmSync(folder, { recursive: true, force: true });
  });
  const args = ['--provider', 'simulator', '--state', join(folder, 'state'), '--storage', `file://${folder}/images`];
  return {
    folder,
    args: [...args, '--simulator-time-scale', scale],
    start(more = ['--simulator-time-scale', scale]) {
      const klingd = new Klingd({ command, args: [...args, ...more] });
      running.push(klingd);
      return klingd;
    },
    /** A simulator that outlives klingd. */
    async simulator(...more) {
      const simulator = spawn(command, ['simulate', '--time-scale', scale, ...more], { stdio: ['ignore', 'pipe', 'ignore'] });
      t.after(() => simulator.kill());
      const address = String((await once(simulator.stdout, 'data'))[0]).trim();
      return {
        args: ['--base-url', address],
        bill: async () => (await fetch(`${address}/_simulator/bill`)).json(),
        async fault(fault) {
          const body = JSON.stringify({ faults: [fault] });
          assert.ok((await fetch(`${address}/_simulator/faults`, { method: 'POST', body })).ok);
        },
      };
    },
    fake(script) {
      const path = join(folder, 'fake.mjs');
      writeFileSync(path, `#!${process.execPath}\n${script}`);
      chmodSync(path, 0o755);
      const klingd = new Klingd({ command: path });
      running.push(klingd);
      return klingd;
    },
  };
}

async function until(condition) {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    const value = await condition();
    if (value) return value;
    await new Promise((go) => setTimeout(go, 10));
  }
  return assert.fail(`never: ${condition}`);
}

/** What a program prints, and how it ends. */
async function run(args, env = {}) {
  const child = spawn(process.execPath, [client, ...args], { env: { ...process.env, KLINGD: command, ...env } });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => { said.out += chunk; });
  child.stderr.on('data', (chunk) => { said.err += chunk; });
  const [code] = await once(child, 'close');
  return { code, ...said };
}

const READ = `import { createInterface } from 'node:readline';
const lines = createInterface({ input: process.stdin });
const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n');\n`;

// Side by side, since most of their time is waiting.
describe('the client', { concurrency: 6 }, () => {
  it('a generation is stored, and told of as it goes', async (t) => {
    const klingd = bench(t).start();
    const states = [];
    klingd.on('task-updated', (task) => states.push(task.state));
    const task = await klingd.generate({ prompt: 'a lighthouse', wait_for: 'stored' });
    assert.equal(task.state, 'stored');
    assert.ok(existsSync(task.images[0].path));
    assert.equal(readFileSync(task.images[0].path).subarray(1, 4).toString(), 'PNG');
    assert.ok(states.includes('submitted') || states.includes('processing'), states.join());
  });

  it('eight at once are eight tasks', async (t) => {
    const klingd = bench(t).start();
    const tasks = await Promise.all(Array.from({ length: 8 }, (_, i) =>
      klingd.generate({ prompt: `lighthouse ${i}`, wait_for: 'stored' })));
    assert.equal(new Set(tasks.map((task) => task.id)).size, 8);
    tasks.forEach((task, i) => assert.equal(task.request.prompt, `lighthouse ${i}`));
  });

  it('an error has its fields', async (t) => {
    const klingd = bench(t).start();
    await assert.rejects(klingd.generate({ prompt: 'x', aspect_ratio: '7:1' }), (error) =>
      error instanceof KlingdError && error.code === -32602 && error.kind === 'invalid_params'
      && error.charged === 'no' && error.retryable === false && error.pointer === '/aspect_ratio');
  });

  it('an aborted wait resolves with the task, which is waited for again', async (t) => {
    const klingd = bench(t, '0.1').start();
    const abort = new AbortController();
    klingd.once('task-updated', () => abort.abort());
    const task = await klingd.generate({ prompt: 'slow', wait_for: 'stored' }, { signal: abort.signal });
    assert.notEqual(task.state, 'stored');
    assert.equal((await klingd.status({ id: task.id, wait_for: 'stored' })).state, 'stored');
  });

  it('when klingd is killed the waiter hears so, and the same key is the same task, paid once', async (t) => {
    const place = bench(t, '0.1');
    const simulator = await place.simulator();
    const first = place.start(simulator.args);
    const params = { prompt: 'slow', wait_for: 'stored', idempotency_key: 'k' };
    const waits = first.generate(params);
    await once(first, 'task-updated');
    process.kill(first.pid, 'SIGKILL');
    await assert.rejects(waits, (error) => error instanceof KlingdError && error.kind === 'connection'
      && error.charged === 'unknown' && error.retryable
      && /SIGKILL.*money may have been spent.*same idempotency_key is the same task, paid once/.test(error.message));
    await assert.rejects(first.serverInfo(), (error) => error.kind === 'connection' && error.charged === 'no'
      && /^not sent: .*SIGKILL/.test(error.message));
    assert.equal((await place.start(simulator.args).generate(params)).state, 'stored');
    assert.equal((await simulator.bill()).paid_tasks, 1);
  });

  it('answers out of order, garbage and unknown notifications', async (t) => {
    const klingd = bench(t).fake(`${READ}const held = [];
  lines.on('line', (line) => { held.push(JSON.parse(line)); if (held.length < 3) return;
  process.stdout.write('garbage\\n\\nnull\\n'); say({ method: 'news', params: {} });
  for (const r of held.reverse()) say({ id: r.id, result: r.params.n, extra: 1 }); });`);
    assert.deepEqual(await Promise.all([1, 2, 3].map((n) => klingd.request('x', { n }))), [1, 2, 3]);
  });

  it('a character split between chunks is whole', async (t) => {
    const klingd = bench(t).fake(`${READ}lines.on('line', async (line) => {
  for (const byte of Buffer.from(JSON.stringify({ id: JSON.parse(line).id, result: '灯台🗼' }) + '\\n')) {
  process.stdout.write(Buffer.of(byte)); await new Promise((go) => setTimeout(go, 2)); } });`);
    assert.equal(await klingd.request('x'), '灯台🗼');
  });

  it('five megabytes go both ways', async (t) => {
    const klingd = bench(t).fake(`${READ}lines.on('line', (line) => {
  const r = JSON.parse(line); say({ id: r.id, result: r.params.text }); });`);
    const text = 'é'.repeat(2_500_000);
    assert.ok(await klingd.request('x', { text }) === text);
  });

  it('an answer may be longer than a request', async (t) => {
    const klingd = bench(t).fake(`${READ}lines.on('line', (line) => {
  say({ id: JSON.parse(line).id, result: 'x'.repeat(20 << 20) }); });`);
    assert.equal((await klingd.request('x')).length, 20 << 20);
  });

  it('a klingd that does not like its options took nothing, and is quoted', async () => {
    const klingd = new Klingd({ command, args: ['--no-such-option'], stderr: 'capture' });
    await assert.rejects(klingd.generate({ prompt: 'x' }), (error) => error.kind === 'connection'
      && error.charged === 'no' && /no money was spent.*exit code 2\): Error: .*no-such-option/.test(error.message));
    assert.match(klingd.stderrText, /Usage/);
    await klingd.close();
  });

  it('exit code 2 after an answer may have taken something', async (t) => {
    const klingd = bench(t).fake(`${READ}say({}); lines.once('line', () => process.exit(2));`);
    await assert.rejects(klingd.request('x'), { kind: 'connection', charged: 'unknown' });
  });

  it('death in mid-line rejects every waiter', async (t) => {
    const klingd = bench(t).fake(`${READ}lines.once('line', () => process.stdout.write('{"id":1,', () => process.exit(3)));`);
    const ends = await Promise.allSettled([klingd.request('x'), klingd.request('y')]);
    for (const end of ends) assert.match(String(end.reason?.message), /exit code 3/);
  });

  it('more waits than klingd reads can be aborted', async (t) => {
    const klingd = bench(t, '10').start();
    const { id } = await klingd.generate({ prompt: 'x' });
    const aborts = Array.from({ length: 1100 }, () => new AbortController());
    const wait = ({ signal }) => klingd.status({ id, wait_for: 'stored' }, { signal });
    const most = aborts.slice(0, 999).map(wait);
    const thousandth = klingd.serverInfo();
    const waits = Promise.allSettled([...most, ...aborts.slice(999).map(wait)]);
    await thousandth;
    const info = klingd.serverInfo();
    aborts.slice(0, 1000).forEach((abort) => abort.abort());
    assert.equal((await info).name, 'klingd');
    aborts.slice(1000).forEach((abort) => abort.abort());
    for (const wait of await waits) assert.equal(wait.value?.id ?? wait.reason.name, wait.value ? id : 'AbortError');
  });

  it('an aborted signal, or one that aborts before the request is sent, sends nothing', async (t) => {
    const klingd = bench(t).fake(`${READ}const seen = [];
  lines.on('line', (line) => { const r = JSON.parse(line); seen.push(r.method);
  if (r.method === 'seen') say({ id: r.id, result: seen });
  if (r.params.id === 1) say({ id: 1, result: null }); });`);
    await assert.rejects(klingd.request('never', {}, { signal: AbortSignal.abort() }), { name: 'AbortError' });
    const first = new AbortController();
    const held = [klingd.request('held', {}, { signal: first.signal })];
    for (let i = 1; i < 1000; i += 1) held.push(klingd.request('held'));
    const abort = new AbortController();
    const never = klingd.request('never', {}, { signal: abort.signal });
    abort.abort();
    await assert.rejects(never, { name: 'AbortError' });
    const seen = klingd.request('seen');
    first.abort();
    assert.deepEqual((await seen).filter((method) => method !== 'held'), ['$/cancelRequest', 'seen']);
    await klingd.close({ graceMs: 100 });
    assert.equal((await Promise.allSettled(held)).filter((end) => end.reason?.kind === 'connection').length, 999);
  });

  it('cancel-watch, watch, list, status and events', async (t) => {
    const klingd = bench(t, '0.1').start();
    const told = [];
    const { id, task_id: taskId } = await klingd.generate({ prompt: 'a ship' });
    klingd.on(`task-updated:${id}`, (task, seq) => told.push([task.state, seq]));
    const { events_cursor: after } = await klingd.serverInfo();
    const wait = klingd.status({ id, wait_for: 'stored' });
    const cancelled = await klingd.cancelWatch({ id });
    assert.equal(cancelled.watch, 'cancelled');
    assert.ok(cancelled.message);
    assert.equal((await wait).watch, 'cancelled');
    assert.deepEqual((await klingd.list({ watch: 'cancelled' })).tasks.map((task) => task.id), [id]);
    assert.equal((await klingd.watch({ id })).watch, 'active');
    assert.equal((await klingd.status({ task_id: taskId, wait_for: 'stored' })).state, 'stored');
    const { events, next } = await klingd.events({ after });
    assert.deepEqual(events.map(({ task }) => [task.id, task.state]), [[id, 'stored']]);
    assert.deepEqual((await klingd.events({ after: next })).events, []);
    await until(() => told.at(-1)?.[0] === 'stored');
    assert.deepEqual(told.map(([, seq]) => seq), told.map(([, seq]) => seq).sort((a, b) => a - b));
    assert.equal((await klingd.generate({ prompt: 'a ship', dry_run: true })).dry_run, true);
  });

  it('resolve gives up what is unresolved', async (t) => {
    const place = bench(t);
    const simulator = await place.simulator('--no-find-by-external-id');
    await simulator.fault({ on: 'create', kind: 'taken_then_cut' });
    const klingd = place.start(simulator.args);
    const { id } = await klingd.generate({ prompt: 'x', wait_for: 'queued' });
    await until(async () => (await klingd.status({ id })).state === 'unresolved');
    const task = await klingd.resolve({ id, abandon: true });
    assert.deepEqual([task.state, task.charged, task.error.kind], ['failed', 'unknown', 'withdrawn']);
    await assert.rejects(klingd.resolve({ id, abandon: true }), { code: 10003, kind: 'conflict' });
  });

  it('an error of the provider is told as it is', async (t) => {
    const klingd = bench(t).fake(`${READ}lines.on('line', (line) => { const r = JSON.parse(line); say({ id: r.id, error:
  r.method === 'bare' ? { code: 7, message: 'bare', data: null } : { code: 10009, message: 'slowly', data: { kind: 'throttled',
  charged: 'no', retryable: true, retry_after_ms: 1500, provider: { http_status: 429, code: 1302 } } } }); });`);
    await assert.rejects(klingd.request('x'), { name: 'KlingdError', message: 'slowly', code: 10009, kind: 'throttled',
      charged: 'no', retryable: true, retryAfterMs: 1500, provider: { http_status: 429, code: 1302 } });
    await assert.rejects(klingd.request('bare'), { message: 'bare', code: 7, kind: 'internal', charged: 'unknown' });
  });

  it('what klingd could not tell whose it is is not sent', async (t) => {
    const klingd = bench(t).start();
    await assert.rejects(klingd.generate({ prompt: 'half \ud83d' }), { kind: 'invalid_params', charged: 'no' });
    await assert.rejects(klingd.generate({ prompt: 'x', image_fidelity: NaN }), { kind: 'invalid_params', charged: 'no' });
    await assert.rejects(klingd.generate({ prompt: 'x'.repeat(17 << 20) }), { kind: 'too_large', charged: 'no' });
    const prompt = 'no \\ud83d, a whole 🗼, a \\\\ud83d';
    assert.equal((await klingd.generate({ prompt, dry_run: true })).would_send.parameters.prompt, prompt);
  });

  it('close lets klingd answer, and is once', async (t) => {
    const klingd = bench(t).start();
    const waits = klingd.generate({ prompt: 'x', wait_for: 'stored' });
    const closed = klingd.close({ graceMs: 20_000 });
    assert.equal(klingd.close(), closed);
    await assert.rejects(klingd.serverInfo(), (error) => error.kind === 'connection' && error.charged === 'no'
      && /not sent: the client is closed/.test(error.message));
    assert.equal((await waits).state, 'stored');
    await closed;
    assert.equal(klingd.exitCode, 0);
  });

  it('close ends the input, and klingd ends by that', async (t) => {
    const klingd = bench(t).fake(`${READ}lines.on('line', (line) => say({ id: JSON.parse(line).id, result: 1 }));
  lines.on('close', () => process.exit(7));`);
    assert.equal(await klingd.request('x'), 1);
    await klingd.close({ graceMs: 20_000 });
    assert.equal(klingd.exitCode, 7);
  });

  it('the end of klingd is told also while a child of it holds its output open', async (t) => {
    const klingd = bench(t).fake(`import { spawn } from 'node:child_process';
  ${READ}const child = spawn('sleep', ['60'], { stdio: ['ignore', 'inherit', 'ignore'], detached: true });
  lines.on('line', (line) => { const r = JSON.parse(line); if (r.method === 'end') process.exit(4);
  say({ id: r.id, result: child.pid }); });`);
    const pid = await klingd.request('child');
    t.after(() => process.kill(pid));
    const asked = performance.now();
    await assert.rejects(klingd.request('end'), /exit code 4/);
    assert.ok(performance.now() - asked < 20_000);
  });

  it('close ends by SIGTERM a klingd that works on, which answers with the task as it is', async (t) => {
    const klingd = bench(t, '100').start();
    const waits = klingd.generate({ prompt: 'x', wait_for: 'stored' });
    await once(klingd, 'task-updated');
    await klingd.close({ graceMs: 50, termMs: 20_000 });
    const task = await waits;
    assert.ok(task.id && task.state !== 'stored', task.state);
    assert.equal(klingd.exitCode, 0);
  });

  it('close ends by SIGKILL what ignores SIGTERM', async (t) => {
    const klingd = bench(t).fake(`import { writeFileSync } from 'node:fs';
  process.on('SIGTERM', () => writeFileSync(new URL('terminated', import.meta.url), ''));
  ${READ}lines.on('line', (line) => say({ id: JSON.parse(line).id, result: import.meta.url }));
  setInterval(() => {}, 1000);`);
    const path = new URL('terminated', await klingd.request('where'));
    await klingd.close({ graceMs: 50, termMs: 300 });
    assert.ok(existsSync(path), 'SIGTERM came first');
    assert.throws(() => process.kill(klingd.pid, 0), { code: 'ESRCH' });
    assert.equal(klingd.exitCode, null);
  });

  it('a klingd that cannot be started is told', async (t) => {
    const klingd = new Klingd({ command: join(bench(t).folder, 'none') });
    await assert.rejects(klingd.serverInfo(), (error) => error.kind === 'connection' && error.charged === 'no'
      && /could not be started.*ENOENT/.test(error.message));
    await klingd.close();
  });

  it('as a program it prints paths, or why not', async (t) => {
    const { args } = bench(t);
    const [stored, wrong, unknown, usage, none] = await Promise.all([
      run(['a lighthouse', ...args]), run(['x'.repeat(501), ...args]), run(['x', '--no-such-option']), run([]),
      run(['x'], { KLINGD: '/nonexistent' })]);
    assert.equal(stored.code, 0, stored.err);
    assert.ok(existsSync(stored.out.trim()), stored.out);
    assert.deepEqual([wrong.code, wrong.out], [2, ''], wrong.err);
    assert.match(wrong.err, /prompt.*\(invalid_params, charged: no\)/);
    assert.deepEqual([unknown.code, unknown.out], [2, ''], unknown.err);
    assert.match(unknown.err, /^Error: .*no-such-option[^]*no money was spent: klingd ended \(exit code 2\)/);
    // By a shell, since Node gives nothing but UTF-8 to its children.
    const latin = spawn('sh', ['-c', 'exec "$0" "$1" "$(printf "caf\\351")"', process.execPath, client],
      { stdio: ['ignore', 'inherit', 'pipe'] });
    const [[said], [code]] = await Promise.all([once(latin.stderr, 'data'), once(latin, 'close')]);
    assert.equal(code, 2);
    assert.match(String(said), /^not sent, and no money was spent: an argument is not UTF-8/);
    assert.equal(usage.code, 2);
    assert.match(usage.err, /^usage: /);
    assert.equal(none.code, 1);
    assert.match(none.err, /could not be started.*charged: no/);
  });
});
