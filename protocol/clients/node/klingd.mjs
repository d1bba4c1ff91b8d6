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
 * @typedef {{http_status?: number, code?: number, message?: string, request_id?: string}} ProviderError
 * @typedef {{kind: string, charged: 'no' | 'yes' | 'unknown', retryable: boolean, message?: string,
 *   retry_after_ms?: number, pointer?: string, provider?: ProviderError}} TaskError
 * @typedef {{id: string, task_id: string | null, external_task_id: string,
 *   state: 'queued' | 'submitting' | 'submitted' | 'processing' | 'storing' | 'stored' | 'failed' | 'unresolved',
 *   watch: 'active' | 'cancelled' | 'ended', charged: 'no' | 'yes' | 'unknown',
 *   request: Record<string, unknown>, images: Image[], error: TaskError | null, message?: string,
 *   warnings?: unknown[]}} Task
 * @typedef {Record<string, unknown>} Params
 * @typedef {{signal?: AbortSignal}} RequestOptions
 * @typedef {{id: number, line: string, isSent: boolean, resolve: (value: any) => void, reject: (error: unknown) => void,
 *   done: () => void}} Call
 */

const MAX_LINE_BYTES = 16 * 1024 * 1024;
// klingd reads no more, not even a cancel, while 1,024 requests wait.
const MAX_IN_FLIGHT = 1000;
// JSON.stringify writes half a surrogate pair as an escape, and nothing else so; klingd could not tell whose line it was.
const HALF_A_PAIR = /(?<!\\)(?:\\\\)*\\ud[89a-f][0-9a-f]{2}/;
const LF = 0x0a;
const STDERR_KEPT = 64 * 1024;

/**
 * An error that klingd answered: no task was made by that request. Or, with kind `connection`, klingd ended before it
 * answered: with charged `unknown` it may have made a task, and the same generate with the same `idempotency_key` is
 * that task, paid once; with charged `no` the request was not sent, or klingd took nothing since it did not like its
 * options.
 */
export class KlingdError extends Error {
  /** @param {string} message @param {number} code @param {any} [data] */
  constructor(message, code, data) {
    super(message);
    data ??= {};
    this.name = 'KlingdError';
    this.code = code;
    /** @type {string} */ this.kind = data.kind ?? 'internal';
    /** @type {'no' | 'yes' | 'unknown'} */ this.charged = data.charged ?? 'unknown';
    /** @type {boolean} */ this.retryable = data.retryable ?? false;
    /** @type {number | undefined} */ this.retryAfterMs = data.retry_after_ms;
    /** @type {string | undefined} */ this.pointer = data.pointer;
    /** @type {ProviderError | undefined} */ this.provider = data.provider;
  }
}

/**
 * One `klingd serve`. Emits `task-updated` (task, seq), and the same under `task-updated:ID`.
 *
 * Aborting a request sends `$/cancelRequest`. That ends the wait and not the job, and klingd answers with the task
 * as it is; so the promise resolves with that task and does not reject with an AbortError, unless nothing was sent yet.
 */
export class Klingd extends EventEmitter {
  #child;
  #nextId = 1;
  /** @type {Map<number, Call>} */ #waiting = new Map();
  /** @type {Call[]} */ #unsent = [];
  /** @type {string[]} */ #cancels = [];
  #inFlight = 0;
  #isFull = false;
  /** @type {Buffer[]} */ #parts = [];
  #hasSpoken = false;
  /** @type {string | undefined} */ #ended;
  /** @type {Promise<void>} */ #exited;
  /** @type {Promise<void> | undefined} */ #closing;

  /** The end of klingd's log, if it is captured. */ stderrText = '';

  /**
   * `args` follow `serve`. klingd's log is passed on (`inherit`), or its end is kept in `stderrText` (`capture`).
   * @param {{command?: string, args?: string[], env?: NodeJS.ProcessEnv, stderr?: 'inherit' | 'capture'}} [options]
   */
  constructor({ command = process.env.KLINGD ?? 'klingd', args = [], env = process.env, stderr = 'inherit' } = {}) {
    super();
    this.#child = spawn(command, ['serve', ...args],
      { env, stdio: ['pipe', 'pipe', stderr === 'capture' ? 'pipe' : 'inherit'] });
    this.#child.stdout.on('data', (chunk) => this.#read(chunk));
    this.#child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.stderrText = (this.stderrText + text).slice(-STDERR_KEPT);
    });
    // A broken pipe is told by the process's end, which has the better words.
    this.#child.stdin.on('error', () => {});
    this.#child.stdin.on('drain', () => { this.#isFull = false; this.#send(); });
    this.#exited = new Promise((resolve) => {
      this.#child.on('error', (error) => {
        if (this.#child.pid !== undefined) return; // Such as a signal that could not be sent: its exit is still to come.
        for (const call of this.#waiting.values()) call.isSent = false;
        this.#end(`klingd could not be started: ${error.message}`);
        resolve();
      });
      // A descendant may hold stdout open, so waiters are not left to `close` alone.
      this.#child.once('exit', (code, signal) => {
        const grace = setTimeout(() => {
          this.#child.stdout.destroy();
          this.#child.stderr?.destroy();
        }, 500);
        this.#child.once('close', () => {
          clearTimeout(grace);
          const tookNothing = code === 2 && !this.#hasSpoken;
          this.#end(`klingd ended (${signal ?? `exit code ${code}`})${tookNothing ? this.#lastWords() : ''}`, tookNothing);
          resolve();
        });
      });
    });
  }

  get pid() { return this.#child.pid; }
  /** Of klingd, once it has ended and not by a signal. */
  get exitCode() { return this.#child.exitCode; }

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
    const over = this.#ended ?? (this.#closing && 'the client is closed');
    if (over) return Promise.reject(notSent(over));
    // Nothing was sent, so there is no task to resolve with.
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const line = JSON.stringify({ jsonrpc: '2.0', id, method, params }, finite) + '\n';
      if (Buffer.byteLength(line) > MAX_LINE_BYTES) {
        throw new KlingdError('the request is longer than 16 MiB', -32600, { kind: 'too_large', charged: 'no' });
      }
      if (HALF_A_PAIR.test(line)) {
        throw new KlingdError('a text in params is not Unicode: it has half a surrogate pair', -32602,
          { kind: 'invalid_params', charged: 'no' });
      }
      const abort = () => {
        if (call.isSent) {
          this.#cancels.push(JSON.stringify({ jsonrpc: '2.0', method: '$/cancelRequest', params: { id } }) + '\n');
          this.#send();
        } else {
          this.#unsent.splice(this.#unsent.indexOf(call), 1);
          this.#waiting.delete(id);
          reject(signal?.reason);
        }
      };
      const call = { id, line, isSent: false, resolve, reject, done: () => signal?.removeEventListener('abort', abort) };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.set(id, call);
      this.#unsent.push(call);
      this.#send();
    });
  }

  /**
   * Ends klingd's input: what was asked is answered, for `graceMs` at the most. Then SIGTERM, at which klingd answers
   * with the tasks as they are and ends within 3.5 s, and after `termMs` SIGKILL.
   * @param {{graceMs?: number, termMs?: number}} [options] @returns {Promise<void>}
   */
  close({ graceMs = 2000, termMs = 5000 } = {}) {
    this.#closing ??= this.#close(graceMs, termMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() { await this.close(); }

  /** @param {number} graceMs @param {number} termMs */
  async #close(graceMs, termMs) {
    const within = (/** @type {number} */ ms) => {
      /** @type {NodeJS.Timeout | undefined} */ let timer;
      const late = new Promise((resolve) => { timer = setTimeout(() => resolve(false), ms); });
      return Promise.race([this.#exited.then(() => true), late]).finally(() => clearTimeout(timer));
    };
    await undefined; // #closing is set from here on.
    this.#send();
    if (await within(graceMs)) return;
    this.#child.kill('SIGTERM');
    if (await within(termMs)) return;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** Writes as much as klingd takes; when the client is closed and all is written, ends its input. */
  #send() {
    const { stdin } = this.#child;
    while (!this.#ended && !this.#isFull && stdin.writable) {
      let line = this.#cancels.shift();
      if (line === undefined && this.#inFlight < MAX_IN_FLIGHT) {
        const call = this.#unsent.shift();
        if (call) {
          line = call.line;
          call.line = '';
          call.isSent = true;
          this.#inFlight += 1;
        }
      }
      if (line === undefined && this.#closing && this.#unsent.length === 0) stdin.end();
      if (line === undefined) return;
      this.#isFull = !stdin.write(line);
    }
  }

  /** Lines are cut as bytes, so that a character split between chunks is whole again. @param {Buffer} chunk */
  #read(chunk) {
    let start = 0;
    for (let end; (end = chunk.indexOf(LF, start)) >= 0; start = end + 1) {
      this.#parts.push(chunk.subarray(start, end));
      this.#take(Buffer.concat(this.#parts));
      this.#parts = [];
    }
    if (start < chunk.length) this.#parts.push(chunk.subarray(start));
  }

  /** @param {Buffer} line */
  #take(line) {
    let message;
    try { message = JSON.parse(line.toString('utf8')); } catch { return; }
    if (message === null || typeof message !== 'object') return;
    this.#hasSpoken = true;
    if (message.method === 'task-updated' && message.params?.task) {
      const { task, seq } = message.params;
      this.emit('task-updated', task, seq);
      this.emit(`task-updated:${task.id}`, task, seq);
      return;
    }
    const call = this.#waiting.get(message.id);
    if (!call?.isSent || !('result' in message || 'error' in message)) return;
    this.#waiting.delete(message.id);
    this.#inFlight -= 1;
    call.done();
    if (message.error) call.reject(new KlingdError(message.error.message, message.error.code, message.error.data));
    else call.resolve(message.result);
    this.#send();
  }

  /** The line that tells why klingd does not start; the usage that follows an error is long. */
  #lastWords() {
    const lines = this.stderrText.split('\n').map((line) => line.trim()).filter(Boolean);
    const why = lines.find((line) => line.startsWith('Error')) ?? lines.at(-1);
    return why ? `: ${why.slice(0, 500)}` : '';
  }

  /** @param {string} why @param {boolean} [tookNothing] */
  #end(why, tookNothing = false) {
    if (this.#ended) return;
    this.#ended = why;
    for (const call of this.#waiting.values()) {
      call.done();
      if (!call.isSent) call.reject(notSent(why));
      else if (tookNothing) call.reject(new KlingdError(`klingd took nothing, and no money was spent: ${why}`, 0,
        { kind: 'connection', charged: 'no' }));
      else call.reject(new KlingdError(
        `${why} before it answered, and money may have been spent: what it took lives on in the ledger. The same `
        + 'generate with the same idempotency_key is the same task, paid once; list and status tell of it',
        0, { kind: 'connection', charged: 'unknown', retryable: true }));
    }
    this.#waiting.clear();
  }
}

/** JSON.stringify would write null for it, which counts as not given. @param {string} name @param {unknown} value */
function finite(name, value) {
  if (typeof value !== 'number' || Number.isFinite(value)) return value;
  throw new KlingdError(`'${name}' is ${value}, which JSON has not`, -32602, { kind: 'invalid_params', charged: 'no' });
}

/** @param {string} why */
function notSent(why) {
  return new KlingdError(`not sent: ${why}`, 0, { kind: 'connection', charged: 'no', retryable: true });
}

/** 0: stored, 1: failed, 2: wrong usage, 3: not finished. */
async function main() {
  const prompt = process.argv[2];
  if (!prompt || prompt.startsWith('-')) {
    console.error('usage: node klingd.mjs PROMPT [KLINGD-SERVE-OPTION...]');
    return 2;
  }
  // Node has put it for bytes that are not UTF-8, and another prompt than the one given is not to be paid for.
  if (process.argv.slice(2).some((argument) => argument.includes('\ufffd'))) {
    console.error('not sent, and no money was spent: an argument is not UTF-8, or has U+FFFD in it');
    return 2;
  }
  const klingd = new Klingd({ args: process.argv.slice(3) });
  try {
    const task = await klingd.generate({ prompt, wait_for: 'stored' });
    for (const image of task.images) if (image.path ?? image.uri) console.log(image.path ?? image.uri);
    if (task.state === 'stored') return 0;
    console.error(`${task.id} is ${task.state}, charged: ${task.charged}${task.error ? `: ${task.error.message}` : ''}`);
    return task.state === 'failed' ? 1 : 3;
  } catch (error) {
    if (!(error instanceof KlingdError)) throw error;
    console.error(`${error.message} (${error.kind}, charged: ${error.charged})`);
    if (error.kind === 'invalid_params' || klingd.exitCode === 2) return 2;
    return error.kind === 'connection' && error.charged !== 'no' ? 3 : 1;
  } finally {
    await klingd.close();
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) process.exitCode = await main();
