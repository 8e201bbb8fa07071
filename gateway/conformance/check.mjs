// Checks recorded events against OpenAI's schemas: node check.mjs FILE.jsonl...; a line is {"dir":"c2s"|"s2c","event":{…}}.
// Client events that a test sends in order to be refused have an event_id that begins with bad_.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import Ajv from 'ajv/dist/2020.js';

const document = JSON.parse(readFileSync(new URL('../../cmd/simulator/standin/testdata/openai.json', import.meta.url), 'utf8'));
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema(document, 'openai');

/** What is wrong with an event that goes in direction dir; '' if nothing is. */
function wrong(dir, event) {
  const names = document.events[dir === 'c2s' ? 'client' : 'server'][event.type];
  if (!names) return 'is of an unknown type';
  const checks = names.map((name) => ajv.getSchema(`openai#/$defs/${name}`));
  if (checks.some((check) => check(event))) return '';
  return checks[0].errors.map((e) => `${e.instancePath} ${e.message}`).slice(0, 4).join(', ');
}

let failed = 0;
for (const file of process.argv.slice(2)) {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  const meant = lines.filter(({ dir, event }) => !(dir === 'c2s' && event.event_id?.startsWith('bad_')));
  const types = new Set(meant.map(({ dir, event }) => `${dir} ${event.type}`));
  const faults = new Map();
  for (const { dir, event } of meant) {
    const why = wrong(dir, event);
    if (why) faults.set(`${dir} ${event.type}: ${why}`, event);
  }
  failed += faults.size;
  console.log(`${basename(file)}: ${meant.length} events of ${types.size} types: ${faults.size} faults`);
  for (const [fault, event] of faults) console.log(`  ${fault}\n    ${JSON.stringify(event).slice(0, 1000)}`);
  if (meant.length === 0) failed++;
}
process.exitCode = failed ? 1 : 0;
