// toxiproxy-node-client: what its users do. See ../clients_test.py.
"use strict";

const assert = require("node:assert/strict");
const net = require("node:net");
const { afterEach, test } = require("node:test");
const { Toxiproxy, ToxiproxyError } = require("toxiproxy-node-client");

const ECHO = process.env.ECHO;
const server = new Toxiproxy(`http://${process.env.PROXY_API}`);

function connect(proxy) {
  const at = proxy.listen.lastIndexOf(":");
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(proxy.listen.slice(at + 1)), proxy.listen.slice(0, at));
    socket.once("connect", () => resolve(socket));
    socket.once("error", reject);
  });
}

// What comes back for a text, up to its length or the end of the connection, and after how long.
function roundTrip(socket, text = "hello") {
  return new Promise((resolve, reject) => {
    const start = process.hrtime.bigint();
    let back = "";
    const finish = () => {
      socket.removeAllListeners("data").removeAllListeners("end").removeAllListeners("error");
      resolve({ back, ms: Number(process.hrtime.bigint() - start) / 1e6 });
    };
    socket.on("data", (data) => {
      back += data;
      if (back.length >= text.length) finish();
    });
    socket.once("end", finish);
    socket.once("error", reject);
    socket.write(text);
  });
}

async function check(proxy) {
  const socket = await connect(proxy);
  const { back } = await roundTrip(socket);
  socket.destroy();
  assert.equal(back, "hello");
}

const refused = (proxy) => assert.rejects(connect(proxy), { code: "ECONNREFUSED" });

const fails = (promise, status) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof ToxiproxyError);
    assert.equal(error.message, `Request failed with status code ${status}`);
    return true;
  });

afterEach(async () => {
  for (const proxy of Object.values(await server.getAll())) await proxy.remove();
});

test("proxies", async () => {
  assert.match(await server.getVersion(), /"version"/);
  const proxy = await server.createProxy({ name: "one", listen: "127.0.0.1:0", upstream: ECHO });
  assert.notEqual(proxy.listen, "127.0.0.1:0");
  assert.equal(proxy.enabled, true);
  await check(proxy);
  assert.deepEqual(Object.keys(await server.getAll()), ["one"]);
  assert.deepEqual((await server.get("one")).toJson(), proxy.toJson());
  const moved = await proxy.update({ enabled: true, listen: proxy.listen, upstream: "127.0.0.1:9" });
  assert.equal(moved.upstream, "127.0.0.1:9");
  assert.equal(moved.listen, proxy.listen);
  await proxy.remove();
  assert.deepEqual(await server.getAll(), {});
  await refused(proxy);
});

test("populate", async () => {
  const made = await server.populate([
    { name: "a", listen: "127.0.0.1:0", upstream: ECHO },
    { name: "b", listen: "127.0.0.1:0", upstream: ECHO },
  ]);
  assert.deepEqual(Object.keys(made), ["a", "b"]);
  await check(made.a);
  await check(made.b);
  await made.a.addToxic({ name: "kept", type: "latency", stream: "upstream", toxicity: 1, attributes: { latency: 1, jitter: 0 } });
  const again = await server.populate([
    { name: "a", listen: made.a.listen, upstream: ECHO },
    { name: "b", listen: made.b.listen, upstream: "127.0.0.1:9" },
  ]);
  assert.equal((await again.a.getToxic("kept")).type, "latency");
  assert.equal(again.b.upstream, "127.0.0.1:9");
});

test("toxics", async () => {
  const proxy = await server.createProxy({ name: "one", listen: "127.0.0.1:0", upstream: ECHO });
  const socket = await connect(proxy);
  const toxic = await proxy.addToxic({ type: "latency", attributes: { latency: 100 } });
  assert.deepEqual(toxic.toJson(), {
    attributes: { latency: 100, jitter: 0 }, name: "latency_downstream", stream: "downstream", toxicity: 1, type: "latency",
  });
  assert.ok((await roundTrip(socket)).ms >= 99.9);
  const slower = await toxic.update({ attributes: { latency: 200 }, toxicity: 1 });
  assert.deepEqual(slower.attributes, { latency: 200, jitter: 0 });
  assert.ok((await roundTrip(socket)).ms >= 199.9);
  assert.deepEqual((await proxy.getToxic("latency_downstream")).attributes, slower.attributes);
  await toxic.remove();
  await fails(proxy.getToxic("latency_downstream"), 404);
  assert.equal((await roundTrip(socket)).back, "hello");
  socket.destroy();

  await proxy.addToxic({ name: "three", type: "limit_data", stream: "downstream", toxicity: 1, attributes: { bytes: 3 } });
  const cut = await connect(proxy);
  assert.equal((await roundTrip(cut)).back, "hel");
  cut.destroy();
});

test("down and reset", async () => {
  const proxy = await server.createProxy({ name: "one", listen: "127.0.0.1:0", upstream: ECHO });
  const socket = await connect(proxy);
  await roundTrip(socket);
  const ended = new Promise((resolve) => socket.once("close", resolve));
  socket.resume();
  socket.on("error", () => {});
  const disabled = await proxy.update({ enabled: false, listen: proxy.listen, upstream: ECHO });
  assert.equal(disabled.enabled, false);
  await ended;
  await refused(proxy);
  await proxy.update({ enabled: true, listen: proxy.listen, upstream: ECHO });
  await check(proxy);
  await proxy.addToxic({ name: "stop", type: "timeout", stream: "upstream", toxicity: 1, attributes: { timeout: 0 } });
  await proxy.update({ enabled: false, listen: proxy.listen, upstream: ECHO });
  await server.reset();
  assert.equal((await server.get("one")).enabled, true);
  await fails(proxy.getToxic("stop"), 404);
  await check(proxy);
});

test("errors", async () => {
  const body = { name: "one", listen: "127.0.0.1:0", upstream: ECHO };
  const proxy = await server.createProxy(body);
  await fails(server.createProxy(body), 409);
  await fails(server.createProxy({ name: "two", listen: "127.0.0.1:0" }), 400);
  await fails(server.populate([{ name: "three", listen: "127.0.0.1:0" }]), 400);
  await fails(server.get("none"), 404);
  await fails(proxy.addToxic({ type: "latncy", attributes: {} }), 400);
  await fails(proxy.addToxic({ type: "latency", stream: "sideways", attributes: {} }), 400);
  await fails(proxy.addToxic({ type: "latency", attributes: { latency: "long" } }), 400);
  const toxic = await proxy.addToxic({ type: "noop", attributes: {} });
  await fails(proxy.addToxic({ type: "noop", attributes: {} }), 409);
  await toxic.remove();
  await fails(toxic.remove(), 404);
  await fails(toxic.update({ attributes: {} }), 404);
  await proxy.remove();
  await fails(proxy.remove(), 404);
  await fails(proxy.update({ enabled: true }), 404);
});
