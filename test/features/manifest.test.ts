import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { activationEvents, contributes, restrictedConfigurations, schemas } from '../../extension/manifest.ts';
import { manifestTexts, withTexts } from '../../extension/manifestTexts.ts';

const descriptions = (['untrustedWorkspaces', 'virtualWorkspaces'] as const).map(
  (name) => [name, manifestTexts[`capability.${name}`]] as const,
);

const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

/** UPDATE_MANIFEST=1 writes what the tables say into package.json, in place of comparing. */
test('package.json contributes what the typed tables say', () => {
  const manifest = read('package.json');
  const derived = { contributes: contributes(), activationEvents: activationEvents() };
  const capabilities = manifest.capabilities;
  if (process.env.UPDATE_MANIFEST) {
    Object.assign(manifest, derived);
    for (const [name, text] of descriptions) capabilities[name].description = text;
    manifest.capabilities.untrustedWorkspaces.restrictedConfigurations = restrictedConfigurations();
    writeFileSync('package.json', `${JSON.stringify(manifest, null, 2)}\n`);
  }
  const hint = 'UPDATE_MANIFEST=1 node test/run.mjs manifest brings package.json up to date';
  assert.deepEqual(manifest.contributes, JSON.parse(JSON.stringify(derived.contributes)), hint);
  assert.deepEqual(manifest.activationEvents, derived.activationEvents, hint);
  const { restrictedConfigurations: restricted } = manifest.capabilities.untrustedWorkspaces;
  assert.deepEqual(restricted, restrictedConfigurations(), hint);
  for (const [name, text] of descriptions) assert.equal(capabilities[name].description, text, hint);
});

test('every text of the manifest is used, and no placeholder is left', () => {
  const manifest = readFileSync('package.json', 'utf8');
  assert.doesNotMatch(manifest, /"%[^"%]+%"/);
  const texts: Record<string, string> = { ...manifestTexts };
  assert.deepEqual(
    Object.keys(texts).filter((key) => !manifest.includes(JSON.stringify(texts[key]))),
    [],
  );
  assert.throws(() => withTexts(['%no.such.text%']), /no text "no\.such\.text"/);
});

for (const [file, schema] of schemas)
  test(`${file} is what its table says`, () => {
    if (process.env.UPDATE_MANIFEST) writeFileSync(file, `${JSON.stringify(schema(), null, 2)}\n`);
    const hint = 'UPDATE_MANIFEST=1 node test/run.mjs manifest brings the schema up to date';
    assert.deepEqual(read(file), JSON.parse(JSON.stringify(schema())), hint);
  });
