import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { activationEvents, contributes, restrictedConfigurations, schemaFile } from '../../extension/contributions.ts';
import { projectSchema } from '../../extension/shared/target.ts';

const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

/** UPDATE_MANIFEST=1 writes what the tables say into package.json, in place of comparing. */
test('package.json contributes what the typed tables say', () => {
  const manifest = read('package.json');
  const derived = { contributes: contributes(), activationEvents: activationEvents() };
  if (process.env.UPDATE_MANIFEST) {
    Object.assign(manifest, derived);
    manifest.capabilities.untrustedWorkspaces.restrictedConfigurations = restrictedConfigurations();
    writeFileSync('package.json', `${JSON.stringify(manifest, null, 2)}\n`);
  }
  const hint = 'UPDATE_MANIFEST=1 node test/run.mjs manifest brings package.json up to date';
  assert.deepEqual(manifest.contributes, JSON.parse(JSON.stringify(derived.contributes)), hint);
  assert.deepEqual(manifest.activationEvents, derived.activationEvents, hint);
  const { restrictedConfigurations: restricted } = manifest.capabilities.untrustedWorkspaces;
  assert.deepEqual(restricted, restrictedConfigurations(), hint);
});

test('every placeholder of the manifest has a text, and every text is used', () => {
  const used = [...readFileSync('package.json', 'utf8').matchAll(/"%([^%"]+)%"/g)].map(([, key]) => key);
  assert.deepEqual([...new Set(used)].sort(), Object.keys(read('package.nls.json')).sort());
});

test('the schema of the project file is what the table of settings says', () => {
  if (process.env.UPDATE_MANIFEST) writeFileSync(schemaFile, `${JSON.stringify(projectSchema(), null, 2)}\n`);
  const hint = 'UPDATE_MANIFEST=1 node test/run.mjs manifest brings the schema up to date';
  assert.deepEqual(read(schemaFile), JSON.parse(JSON.stringify(projectSchema())), hint);
});
