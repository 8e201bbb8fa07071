// Builds src/ into dist/, which the Go binary embeds: hashed assets, and the pages with their names.
// Nothing is inline and no worklet is a blob, so that the page lives under a strict Content-Security-Policy.

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = import.meta.dirname;
const from = (...parts) => path.join(root, ...parts);
const assets = from("dist", "assets");

/** What the pages load. */
const entries = ["voice/main.tsx", "voice/main.css", "fleet/main.tsx", "fleet/main.css", "jobs/main.tsx", "jobs/main.css"];

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  metafile: true,
  target: "es2023",
  outdir: "dist/assets",
  publicPath: "/assets",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".woff2": "file" },
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
};

/** The names that esbuild gave to its entry points, by source path. */
function outputs({ metafile }) {
  const names = new Map();
  for (const [file, { entryPoint }] of Object.entries(metafile.outputs)) {
    if (entryPoint) names.set(entryPoint, `/assets/${path.basename(file)}`);
  }
  return names;
}

/** Writes one file under a hashed name and returns its address. */
async function writeHashed(name, contents) {
  const { name: stem, ext } = path.parse(name);
  const hash = createHash("sha256").update(contents).digest("hex").slice(0, 8);
  await writeFile(path.join(assets, `${stem}-${hash}${ext}`), contents);
  return `/assets/${stem}-${hash}${ext}`;
}

/** Writes file.br and file.gz beside a text that they make smaller; the program serves them as they are. */
async function compress(file) {
  if (![".css", ".html", ".js", ".svg", ".txt"].includes(path.extname(file))) return;
  const contents = await readFile(file);
  const best = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: contents.length } };
  for (const [ending, smaller] of [
    [".br", brotliCompressSync(contents, best)],
    [".gz", gzipSync(contents, { level: constants.Z_BEST_COMPRESSION })],
  ]) {
    if (smaller.length < contents.length) await writeFile(file + ending, smaller);
  }
}

/** The licences of what is bundled, as they ask for. */
async function licences() {
  const { dependencies } = JSON.parse(await readFile(from("package.json")));
  const bundled = [...Object.keys(dependencies), "@preact/signals-core"].sort();
  const texts = bundled.map(async (name) => `${name}\n\n${await readFile(from("node_modules", name, "LICENSE"), "utf8")}`);
  return (await Promise.all(texts)).join(`\n${"-".repeat(80)}\n\n`);
}

await rm(from("dist"), { recursive: true, force: true });
await mkdir(assets, { recursive: true });

const worklets = outputs(await build({ ...common, format: "iife", entryPoints: ["src/audio/capture.worklet.ts", "src/audio/player.worklet.ts"] }));
const built = outputs(
  await build({
    ...common,
    format: "esm",
    splitting: true,
    entryPoints: entries.map((entry) => `src/${entry}`),
    define: {
      CAPTURE_WORKLET: JSON.stringify(worklets.get("src/audio/capture.worklet.ts")),
      PLAYER_WORKLET: JSON.stringify(worklets.get("src/audio/player.worklet.ts")),
    },
  }),
);

const addresses = {
  ...Object.fromEntries(entries.map((entry) => [entry, built.get(`src/${entry}`)])),
  "shared/mark.svg": await writeHashed("mark.svg", await readFile(from("src", "shared", "mark.svg"))),
  "licenses.txt": await writeHashed("licenses.txt", await licences()),
};
for (const page of ["index.html", "fleet.html", "jobs.html"]) {
  let html = await readFile(from("src", page), "utf8");
  for (const [source, address] of Object.entries(addresses)) html = html.replace(`"${source}"`, `"${address}"`);
  await writeFile(from("dist", page), html);
}
for (const folder of [from("dist"), assets]) {
  for (const name of await readdir(folder)) await compress(path.join(folder, name));
}
