// Checks recorded events: node check.mjs FILE.jsonl...; a line is {"dir":"c2s"|"s2c","event":{…}}.
// Always against the table of events.mjs; against the schemas of OpenAI's own document too,
// if they are there: in $SWITCHBOARD_SCHEMA, else in shared/schema beside the repository.
// Client events that a test sends in order to be refused have an event_id that begins with bad_.

import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv/dist/2020.js';
import { wrong } from './events.mjs';

const folder = process.env.SWITCHBOARD_SCHEMA ?? fileURLToPath(new URL('../../../shared/schema', import.meta.url));

/** The check against OpenAI's schemas, like wrong; undefined without them. */
function bySchema() {
  if (!existsSync(`${folder}/openai-defs.json`)) {
    if (process.env.SWITCHBOARD_SCHEMA) throw new Error(`there is no openai-defs.json in ${folder}`);
    return undefined;
  }
  const { ga } = JSON.parse(readFileSync(`${folder}/index.json`, 'utf8'));
  const document = JSON.parse(readFileSync(`${folder}/openai-defs.json`, 'utf8'));
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema(nullable(document), 'openai');
  return (dir, event) => {
    const names = ga[dir === 'c2s' ? 'client' : 'server'][event.type];
    if (!names) return 'is of an unknown type';
    const checks = names.map((name) => ajv.getSchema(`openai#/$defs/${name}`));
    if (checks.some((check) => check(event))) return '';
    return checks[0].errors.map((e) => `${e.instancePath} ${e.message}`).slice(0, 4).join(', ');
  };
}

/** Optional members may be null: the live API sends such nulls, and so do the document's own examples. */
function nullable(schema) {
  if (Array.isArray(schema)) return schema.map(nullable);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(Object.entries(schema).map(([word, value]) => {
    if (['required', 'enum', 'const'].includes(word)) return [word, value];
    if (word !== 'properties') return [word, nullable(value)];
    const member = ([name, s]) => [name, schema.required?.includes(name) ? nullable(s) : { anyOf: [nullable(s), { type: 'null' }] }];
    return [word, Object.fromEntries(Object.entries(value).map(member))];
  }));
}

const checks = { 'the table of events.mjs': wrong };
const schema = bySchema();
if (schema) checks[`the schemas in ${folder}`] = schema;
else console.log("OpenAI's schemas are not here (SWITCHBOARD_SCHEMA): events are held against the table of events.mjs only");

let failed = 0;
for (const file of process.argv.slice(2)) {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  const meant = lines.filter(({ dir, event }) => !(dir === 'c2s' && event.event_id?.startsWith('bad_')));
  const types = new Set(meant.map(({ dir, event }) => `${dir} ${event.type}`));
  for (const [name, check] of Object.entries(checks)) {
    const faults = new Map();
    for (const { dir, event } of meant) {
      const why = check(dir, event);
      if (why) faults.set(`${dir} ${event.type}: ${why}`, event);
    }
    failed += faults.size;
    console.log(`${basename(file)}: ${meant.length} events of ${types.size} types against ${name}: ${faults.size} faults`);
    for (const [fault, event] of faults) console.log(`  ${fault}\n    ${JSON.stringify(event).slice(0, 1000)}`);
  }
  if (meant.length === 0) failed++;
}
process.exitCode = failed ? 1 : 0;
