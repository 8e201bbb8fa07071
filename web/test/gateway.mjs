// The gateway's own binary in demo mode, a real Redis that several of them share, and a network in front that can fail.

import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";

const binary = process.env.SWITCHBOARD_BIN ?? path.join(import.meta.dirname, "..", "..", "bin", "switchboard");

/** Starts the demo on a free port. The line `page  http://…/#key=sk-…` is its contract with tools. */
export async function startGateway(env = {}) {
  const child = spawn(binary, ["--demo", "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  const exited = once(child, "exit");
  let log = "";
  child.stderr.on("data", (data) => {
    log += data;
  });
  const page = await new Promise((resolve, reject) => {
    child.on("error", reject);
    exited.then(() => reject(new Error(`the gateway ended before it was ready:\n${log}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const match = line.match(/^page {2}(\S+)$/);
      if (match) resolve(match[1]);
    });
  });
  const url = new URL(page);
  return {
    page,
    origin: url.origin,
    host: url.host,
    key: new URLSearchParams(url.hash.slice(1)).get("key"),
    log: () => log,
    /** Ends it at once, as kill -9 does: nothing is handed over. */
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
    async stop() {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** Starts a Redis server that persists nothing, on a free port. */
export async function startRedis() {
  const port = await freePort();
  const child = spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  await new Promise((resolve, reject) => {
    child.on("error", reject);
    exited.then(() => reject(new Error("redis-server ended before it was ready")));
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.includes("Ready to accept connections")) resolve();
    });
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** A TCP proxy to the first of `hosts` that accepts: cut() loses all connections, refuse(true) takes no new ones, stall() passes on nothing over those that there are. */
export async function startNetwork(...hosts) {
  const sockets = new Set();
  let refusing = false;
  const server = net.createServer(async (client) => {
    if (refusing) return client.destroy();
    client.on("error", () => {});
    const upstream = await connectFirst(hosts);
    if (!upstream || client.destroyed) {
      upstream?.destroy();
      return client.destroy();
    }
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ]) {
      sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    cut,
    stall() {
      for (const socket of sockets) {
        socket.unpipe();
        socket.resume();
      }
    },
    refuse(on) {
      refusing = on;
    },
    async stop() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}

async function connectFirst(hosts) {
  for (const host of hosts) {
    const [address, port] = host.split(":");
    const socket = net.connect(Number(port), address);
    try {
      await once(socket, "connect");
      return socket;
    } catch {
      // It refuses: the next.
    }
  }
}
