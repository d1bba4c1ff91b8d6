#!/usr/bin/env node
// @ts-check
// A client of klingd's native protocol: one file, no packages, Node 18 or newer.

import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {{index: number, url?: string, uri?: string, path?: string, bytes?: number, sha256?: string,
 *   media_type?: string, width?: number, height?: number}} Image
 * @typedef {{kind: string, charged: 'no' | 'yes' | 'unknown', retryable: boolean, message?: string,
 *   retry_after_ms?: number, pointer?: string}} TaskError
 * @typedef {{id: string, task_id: string | null, external_task_id: string,
 *   state: 'queued' | 'submitting' | 'submitted' | 'processing' | 'storing' | 'stored' | 'failed' | 'unresolved',
 *   watch: 'active' | 'cancelled' | 'ended', charged: 'no' | 'yes' | 'unknown',
 *   request: Record<string, unknown>, images: Image[], error: TaskError | null, message?: string,
 *   warnings?: unknown[]}} Task
 * @typedef {Record<string, unknown>} Params
 * @typedef {{signal?: AbortSignal}} RequestOptions
 */

const MAX_LINE_BYTES = 16 * 1024 * 1024;
const LF = 0x0a;

/** An error that klingd answered, or (kind `connection`) the end of klingd itself. */
export class KlingdError extends Error {
  /** @param {string} message @param {number} code @param {any} [data] */
  constructor(message, code, data = {}) {
    super(message);
    this.name = 'KlingdError';
    this.code = code;
    /** @type {string} */ this.kind = data.kind ?? 'internal';
    /** @type {'no' | 'yes' | 'unknown'} */ this.charged = data.charged ?? 'unknown';
    /** @type {boolean} */ this.retryable = data.retryable ?? false;
    /** @type {number | undefined} */ this.retryAfterMs = data.retry_after_ms;
    /** @type {string | undefined} */ this.pointer = data.pointer;
  }
}

/**
 * One `klingd serve`. Emits `task-updated` (task, seq), and the same under `task-updated:ID`.
 *
 * Aborting a request sends `$/cancelRequest`. That ends the wait and not the job, and klingd answers with the task
 * as it is; so the promise resolves with that task and does not reject with an AbortError.
 */
export class Klingd extends EventEmitter {
  #child;
  #nextId = 1;
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void, done: () => void}>} */
  #waiting = new Map();
  /** @type {Buffer[]} */ #parts = [];
  #partBytes = 0;
  #skipping = false;
  /** @type {KlingdError | undefined} */ #ended;
  /** @type {Promise<void>} */ #exited;
  /** @type {Promise<void>} */ #writes = Promise.resolve();
  /** @type {Promise<void> | undefined} */ #closing;

  /** @param {{command?: string, args?: string[], env?: NodeJS.ProcessEnv}} [options] `args` follow `serve`. */
  constructor({ command = process.env.KLINGD ?? 'klingd', args = [], env = process.env } = {}) {
    super();
    this.#child = spawn(command, ['serve', ...args], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout.on('data', (chunk) => this.#read(chunk));
    // A broken pipe is told by the process's end, which has the better words.
    this.#child.stdin.on('error', () => {});
    this.#exited = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#end(`klingd could not be started: ${error.message}`, 'no');
        resolve();
      });
      // A descendant may hold stdout open, so waiters are not left to `close` alone.
      this.#child.once('exit', (code, signal) => {
        const grace = setTimeout(() => this.#child.stdout.destroy(), 500);
        this.#child.once('close', () => {
          clearTimeout(grace);
          this.#end(`klingd ended (${signal ?? `exit code ${code}`}); what it took on lives on in the ledger: `
            + 'start klingd again and ask with list or status', 'unknown');
          resolve();
        });
      });
    });
  }

  get pid() { return this.#child.pid; }

  /** @param {Params} params @param {RequestOptions} [options] @returns {Promise<Task>} */
  generate(params, options) { return this.request('generate', params, options); }
  /** @param {Params} params @param {RequestOptions} [options] @returns {Promise<Task>} */
  status(params, options) { return this.request('status', params, options); }
  /** @param {Params} [params] @returns {Promise<{tasks: Task[], next_cursor?: string}>} */
  list(params) { return this.request('list', params); }
  /** @param {Params} params @returns {Promise<Task>} */
  watch(params) { return this.request('watch', params); }
  /** @param {Params} params @returns {Promise<Task>} */
  cancelWatch(params) { return this.request('cancel-watch', params); }
  /** @param {Params} params @returns {Promise<Task>} */
  resolve(params) { return this.request('resolve', params); }
  /** @param {Params} [params] @returns {Promise<{events: {seq: number, task: Task}[], next: string}>} */
  events(params) { return this.request('events', params); }
  /** @returns {Promise<any>} */
  serverInfo() { return this.request('server-info'); }

  /**
   * @param {string} method @param {Params} [params] @param {RequestOptions} [options] @returns {Promise<any>}
   */
  request(method, params = {}, { signal } = {}) {
    if (this.#ended) return Promise.reject(this.#ended);
    // Nothing was sent, so there is no task to resolve with.
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const line = JSON.stringify({ jsonrpc: '2.0', id, method, params }) + '\n';
      if (Buffer.byteLength(line) > MAX_LINE_BYTES) {
        reject(new KlingdError('the request is longer than 16 MiB', -32600, { kind: 'too_large', charged: 'no' }));
        return;
      }
      const cancel = () => this.#write(JSON.stringify({ jsonrpc: '2.0', method: '$/cancelRequest', params: { id } }) + '\n');
      signal?.addEventListener('abort', cancel, { once: true });
      this.#waiting.set(id, { resolve, reject, done: () => signal?.removeEventListener('abort', cancel) });
      this.#write(line);
    });
  }

  /** Ends the input, waits, then SIGTERM, then SIGKILL. @param {{graceMs?: number}} [options] @returns {Promise<void>} */
  close({ graceMs = 2000 } = {}) {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() { await this.close(); }

  /** @param {number} graceMs */
  async #close(graceMs) {
    const within = (/** @type {number} */ ms) => {
      /** @type {NodeJS.Timeout | undefined} */ let timer;
      const late = new Promise((resolve) => { timer = setTimeout(() => resolve(false), ms); });
      return Promise.race([this.#exited.then(() => true), late]).finally(() => clearTimeout(timer));
    };
    this.#writes.then(() => this.#child.stdin.end());
    if (await within(graceMs)) return;
    this.#child.kill('SIGTERM');
    if (await within(5000)) return;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** @param {string} line */
  #write(line) {
    this.#writes = this.#writes.then(() => {
      const { stdin } = this.#child;
      if (this.#ended || !stdin.writable || stdin.write(line)) return;
      return new Promise((resolve) => {
        const go = () => { stdin.off('drain', go); stdin.off('close', go); resolve(undefined); };
        stdin.on('drain', go);
        stdin.on('close', go);
      });
    });
  }

  /** Lines are cut as bytes, so that a character split between chunks is whole again. @param {Buffer} chunk */
  #read(chunk) {
    let start = 0;
    for (let end; (end = chunk.indexOf(LF, start)) >= 0; start = end + 1) {
      this.#keep(chunk.subarray(start, end));
      if (!this.#skipping) this.#take(Buffer.concat(this.#parts).toString('utf8'));
      this.#parts = [];
      this.#partBytes = 0;
      this.#skipping = false;
    }
    this.#keep(chunk.subarray(start));
  }

  /** @param {Buffer} part */
  #keep(part) {
    this.#partBytes += part.length;
    if (this.#partBytes > MAX_LINE_BYTES) { this.#skipping = true; this.#parts = []; }
    if (!this.#skipping && part.length) this.#parts.push(part);
  }

  /** @param {string} line */
  #take(line) {
    let message;
    try { message = JSON.parse(line); } catch { return; }
    if (message === null || typeof message !== 'object') return;
    if (message.method === 'task-updated' && message.params?.task) {
      const { task, seq } = message.params;
      this.emit('task-updated', task, seq);
      this.emit(`task-updated:${task.id}`, task, seq);
      return;
    }
    const waiter = this.#waiting.get(message.id);
    if (!waiter || !('result' in message || 'error' in message)) return;
    this.#waiting.delete(message.id);
    waiter.done();
    if (message.error) waiter.reject(new KlingdError(message.error.message, message.error.code, message.error.data));
    else waiter.resolve(message.result);
  }

  /** @param {string} message @param {'no' | 'unknown'} charged */
  #end(message, charged) {
    if (this.#ended) return;
    this.#ended = new KlingdError(message, 0, { kind: 'connection', charged, retryable: true });
    for (const waiter of this.#waiting.values()) { waiter.done(); waiter.reject(this.#ended); }
    this.#waiting.clear();
  }
}

async function main() {
  const prompt = process.argv[2];
  if (!prompt) { console.error('usage: node klingd.mjs PROMPT [KLINGD-SERVE-OPTION...]'); return 64; }
  const klingd = new Klingd({ args: process.argv.slice(3) });
  try {
    const task = await klingd.generate({ prompt, wait_for: 'stored' });
    for (const image of task.images) if (image.path ?? image.uri) console.log(image.path ?? image.uri);
    if (task.state === 'stored') return 0;
    console.error(`${task.id} is ${task.state}, charged: ${task.charged}${task.error ? `: ${task.error.message}` : ''}`);
    return 1;
  } catch (error) {
    if (!(error instanceof KlingdError)) throw error;
    console.error(`${error.message} (${error.kind}, charged: ${error.charged})`);
    return 1;
  } finally {
    await klingd.close();
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) process.exitCode = await main();
