// Bundles test/unit/*.test.ts (Node 20 reads no TypeScript) and runs them with node --test.

import { spawnSync } from "node:child_process";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";

const root = path.join(import.meta.dirname, "..");
const out = path.join(root, "node_modules", ".cache", "unit");
const tests = (await readdir(path.join(root, "test", "unit"))).filter((name) => name.endsWith(".test.ts"));

await build({
  absWorkingDir: root,
  entryPoints: tests.map((name) => `test/unit/${name}`),
  outdir: out,
  bundle: true,
  platform: "node",
  format: "esm",
  outExtension: { ".js": ".mjs" },
  packages: "bundle",
  sourcemap: "inline",
  logLevel: "warning",
});
const files = tests.map((name) => path.join(out, name.replace(/\.ts$/, ".mjs")));
const { status } = spawnSync(process.execPath, ["--test", "--enable-source-maps", ...files], { stdio: "inherit" });
process.exit(status ?? 1);
