import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Klingd, KlingdError } from '../../../protocol/clients/node/klingd.mjs';

const command = process.env.KLINGD ?? 'klingd';

function bench(t, scale = '0.02') {
  const folder = mkdtempSync(join(tmpdir(), 'klingd-node-'));
  const running = [];
  t.after(async () => {
    await Promise.all(running.map((klingd) => klingd.close({ graceMs: 100 })));
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    folder,
    start(more = []) {
      const klingd = new Klingd({ command, args: ['--provider', 'simulator', '--simulator-time-scale', scale,
        '--state', join(folder, 'state'), '--storage', `file://${folder}/images`, ...more] });
      running.push(klingd);
      return klingd;
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

test('a generation is stored, and told of as it goes', async (t) => {
  const klingd = bench(t).start();
  const states = [];
  klingd.on('task-updated', (task) => states.push(task.state));
  const task = await klingd.generate({ prompt: 'a lighthouse', wait_for: 'stored' });
  assert.equal(task.state, 'stored');
  assert.ok(existsSync(task.images[0].path));
  assert.equal(readFileSync(task.images[0].path).subarray(1, 4).toString(), 'PNG');
  assert.ok(states.includes('submitted') || states.includes('processing'), states.join());
});

test('twenty at once are twenty tasks', async (t) => {
  const klingd = bench(t).start();
  const tasks = await Promise.all(Array.from({ length: 20 }, (_, i) =>
    klingd.generate({ prompt: `lighthouse ${i}`, wait_for: 'stored' })));
  assert.equal(new Set(tasks.map((task) => task.id)).size, 20);
  tasks.forEach((task, i) => assert.equal(task.request.prompt, `lighthouse ${i}`));
});

test('an error has its fields', async (t) => {
  const klingd = bench(t).start();
  await assert.rejects(klingd.generate({ prompt: 'x', aspect_ratio: '7:1' }), (error) =>
    error instanceof KlingdError && error.code === -32602 && error.kind === 'invalid_params'
    && error.charged === 'no' && error.retryable === false && error.pointer === '/aspect_ratio');
});

test('an aborted wait resolves with the task, which is waited for again', async (t) => {
  const klingd = bench(t, '0.1').start();
  const abort = new AbortController();
  klingd.once('task-updated', () => abort.abort());
  const task = await klingd.generate({ prompt: 'slow', wait_for: 'stored' }, { signal: abort.signal });
  assert.notEqual(task.state, 'stored');
  assert.equal((await klingd.status({ id: task.id, wait_for: 'stored' })).state, 'stored');
});

test('when klingd is killed the waiter hears so, and the task lives on', async (t) => {
  const place = bench(t, '0.1');
  // One that outlives klingd, and so does the ledger.
  const simulator = spawn(command, ['simulate', '--time-scale', '0.1'], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => simulator.kill());
  const address = String((await once(simulator.stdout, 'data'))[0]).trim();
  const first = place.start(['--base-url', address]);
  const { id } = await first.generate({ prompt: 'slow' });
  const waits = first.status({ id, wait_for: 'stored' });
  process.kill(first.pid, 'SIGKILL');
  await assert.rejects(waits, (error) => error.kind === 'connection' && /SIGKILL.*ledger/.test(error.message));
  assert.equal((await place.start(['--base-url', address]).status({ id, wait_for: 'stored' })).state, 'stored');
});

const READ = `import { createInterface } from 'node:readline';
const lines = createInterface({ input: process.stdin });
const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n');\n`;

test('answers out of order, garbage and unknown notifications', async (t) => {
  const klingd = bench(t).fake(`${READ}const held = [];
lines.on('line', (line) => { held.push(JSON.parse(line)); if (held.length < 3) return;
process.stdout.write('garbage\\n\\nnull\\n'); say({ method: 'news', params: {} });
for (const r of held.reverse()) say({ id: r.id, result: r.params.n, extra: 1 }); });`);
  assert.deepEqual(await Promise.all([1, 2, 3].map((n) => klingd.request('x', { n }))), [1, 2, 3]);
});

test('a character split between chunks is whole', async (t) => {
  const klingd = bench(t).fake(`${READ}lines.on('line', async (line) => {
for (const byte of Buffer.from(JSON.stringify({ id: JSON.parse(line).id, result: '灯台🗼' }) + '\\n')) {
process.stdout.write(Buffer.of(byte)); await new Promise((go) => setTimeout(go, 2)); } });`);
  assert.equal(await klingd.request('x'), '灯台🗼');
});

test('five megabytes go both ways', async (t) => {
  const klingd = bench(t).fake(`${READ}lines.on('line', (line) => {
const r = JSON.parse(line); say({ id: r.id, result: r.params.text }); });`);
  const text = 'é'.repeat(2_500_000);
  assert.ok(await klingd.request('x', { text }) === text);
});

test('death in mid-line rejects every waiter', async (t) => {
  const klingd = bench(t).fake(`${READ}lines.once('line', () => process.stdout.write('{"id":1,', () => process.exit(3)));`);
  const ends = await Promise.allSettled([klingd.request('x'), klingd.request('y')]);
  for (const end of ends) assert.match(String(end.reason?.message), /exit code 3/);
});
