// A complete client for the lfr-engine socket API in Node: see docs/api.md for the protocol.
//
//   const engine = await connect({ path: "/run/lfr-engine/api.sock", role: "operator" });
//   const state = await engine.call("state.get");
//   for await (const event of engine.subscribe("alerts", { cursor: 0 })) { … }

import { createHash, createHmac } from "node:crypto";
import net from "node:net";
import tls from "node:tls";
import { decode, encode } from "@msgpack/msgpack";

const VERSION = 1;
const FRAME_BYTES = 8 * 1024 * 1024;

export class EngineError extends Error {
  constructor({ code, text, field }) {
    super(field ? `${code}: ${field}: ${text}` : `${code}: ${text}`);
    this.code = code;
    this.field = field;
  }
}

/** The answer to a challenge; the token itself never travels. */
export function proof(token, nonce) {
  const [prefix, name, secret] = token.trim().split(".");
  if (prefix !== "lfr1" || !secret) throw new Error("not a token");
  const clientKey = createHmac("sha256", Buffer.from(secret, "base64url"))
    .update("lfr-engine client key")
    .digest();
  const storedKey = createHash("sha256").update(clientKey).digest();
  const zero = Buffer.from([0]);
  const said = Buffer.concat([
    Buffer.from("lfr-engine"), zero, Buffer.from(String(VERSION)), zero,
    Buffer.from(name), zero, Buffer.from(nonce),
  ]);
  const mask = createHmac("sha256", storedKey).update(said).digest();
  return { name, proof: clientKey.map((byte, index) => byte ^ mask[index]) };
}

/** Connect to {path} or to {host, port, ca, cert, key}; resolves once welcomed. */
export function connect({ role, token, client = "node-example", ...where }) {
  return new Promise((resolve, reject) => {
    const socket = where.path
      ? net.connect(where.path)
      : tls.connect({ minVersion: "TLSv1.3", ...where });
    const engine = new Engine(socket, { role, token, client, resolve, reject });
    socket.on("data", (chunk) => engine.received(chunk));
    socket.on("error", (error) => engine.lost(error));
    socket.on("close", () => engine.lost(new Error("the engine closed the connection")));
  });
}

class Engine {
  constructor(socket, hello) {
    this.socket = socket;
    this.hello = hello;
    this.buffer = Buffer.alloc(0);
    this.lastId = 0;
    this.calls = new Map();
    this.feeds = new Map();
    this.error = null;
  }

  /** Run a command; rejects with EngineError when the engine says no. */
  call(command, args = {}, { deadlineMs = 30_000 } = {}) {
    if (this.error) return Promise.reject(this.error);
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.calls.set(id, { resolve, reject });
      this.send({ type: "request", id, command, args, deadline_ms: deadlineMs });
    });
  }

  /**
   * Follow a topic. Yields {cursor, body}, and the notices {lagged: n} and {truncated: cursor}.
   * Credit is granted as events are taken, so at most `window` wait in memory.
   */
  async *subscribe(topic, { args = {}, cursor, window = 64 } = {}) {
    const id = ++this.lastId;
    const feed = { queue: [], wake: () => {}, ended: null };
    this.feeds.set(id, feed);
    const wish = { type: "subscribe", id, topic, args, credit: window };
    this.send(cursor === undefined ? wish : { ...wish, cursor });
    let taken = 0;
    try {
      for (;;) {
        if (feed.queue.length) {
          const item = feed.queue.shift();
          if ("body" in item && ++taken >= window / 2) {
            this.send({ type: "credit", id, n: taken });
            taken = 0;
          }
          yield item;
        } else if (feed.ended) {
          if (feed.ended instanceof Error) throw feed.ended;
          return;
        } else {
          await new Promise((resolve) => (feed.wake = resolve));
        }
      }
    } finally {
      if (!feed.ended && !this.error) this.send({ type: "cancel", id });
    }
  }

  /** Say goodbye; nothing may be called afterwards. */
  close() {
    if (this.error) return;
    this.send({ type: "goodbye" });
    this.socket.end();
  }

  send(message) {
    const body = encode(message);
    const frame = Buffer.alloc(4 + body.length);
    frame.writeUInt32BE(body.length);
    frame.set(body, 4);
    this.socket.write(frame);
  }

  received(chunk) {
    this.buffer = Buffer.concat([this.buffer, chunk]);
    while (this.buffer.length >= 4) {
      const size = this.buffer.readUInt32BE();
      if (size === 0 || size > FRAME_BYTES) return this.lost(new Error("not the protocol"));
      if (this.buffer.length < 4 + size) return;
      const message = decode(this.buffer.subarray(4, 4 + size));
      this.buffer = this.buffer.subarray(4 + size);
      this.hear(message);
    }
  }

  hear(message) {
    const { type, id } = message;
    const feed = this.feeds.get(id);
    const put = (item) => {
      feed.queue.push(item);
      feed.wake();
    };
    if (type === "challenge") this.greet(message);
    else if (type === "welcome") {
      this.welcome = message;
      this.hello.resolve(this);
    } else if (type === "response") this.settle(id, "resolve", message.result);
    else if (type === "error" && id === undefined) this.lost(new EngineError(message));
    else if (type === "error" && feed) this.finish(id, new EngineError(message));
    else if (type === "error") this.settle(id, "reject", new EngineError(message));
    else if (type === "event") put({ cursor: message.cursor, body: message.body });
    else if (type === "lagged") put({ lagged: message.missed });
    else if (type === "truncated") put({ truncated: message.resumed });
    else if (type === "ended") this.finish(id, true);
    else if (type === "ping") this.send({ type: "pong", n: message.n ?? 0 });
    else if (type === "goodbye") this.lost(new Error(`the engine left: ${message.reason ?? ""}`));
    // subscribed and pong need no answer; a type we do not know comes from a later version
  }

  greet({ versions, nonce }) {
    if (!versions.includes(VERSION)) return this.lost(new Error(`engine speaks ${versions}`));
    const { role, token, client } = this.hello;
    const message = { type: "hello", version: VERSION, client, capabilities: ["credit"] };
    if (role) message.role = role;
    if (token) {
      const answer = proof(token, nonce);
      message.token = answer.name;
      message.proof = answer.proof;
    }
    this.send(message);
  }

  settle(id, how, value) {
    this.calls.get(id)?.[how](value);
    this.calls.delete(id);
  }

  finish(id, how) {
    const feed = this.feeds.get(id);
    this.feeds.delete(id);
    feed.ended = how;
    feed.wake();
  }

  lost(error) {
    if (this.error) return;
    this.error = error;
    this.hello.reject(error);
    for (const { reject } of this.calls.values()) reject(error);
    this.calls.clear();
    for (const id of [...this.feeds.keys()]) this.finish(id, error);
    this.socket.destroy();
  }
}
