import assert from 'node:assert/strict';
import { test } from 'node:test';
import { analyse } from '../../extension/configs/analyse.ts';
import { type PictureTheme, strengthPicture } from '../../extension/features/code/strengthPicture.ts';

const THEMES: readonly PictureTheme[] = ['dark', 'light', 'contrastDark', 'contrastLight'];

function adam(args: string) {
  const text = `from torch import optim\noptim.Adam(p, ${args})\n`;
  return analyse({ path: 'train.py', language: 'python', text })[0];
}

test('the curve rises from the axis towards the limit, inside the picture', () => {
  const { svg } = strengthPicture(adam('lr=1e-3'), 'dark')!;
  const points = /points="([^"]+)"/
    .exec(svg)![1]
    .split(' ')
    .map((pair) => pair.split(',').map(Number));
  const [width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)!.slice(1).map(Number);
  for (const [x, y] of points) assert.ok(x >= 0 && x <= width && y >= 0 && y <= height, `${x},${y}`);
  points.slice(1).forEach(([x, y], i) => {
    assert.ok(x > points[i][0] && y <= points[i][1], `${x},${y} after ${points[i]}`);
  });
});

test('the words say what the picture shows', () => {
  const { description, markdown } = strengthPicture(adam('lr=1e-3'), 'dark')!;
  assert.match(description, /half at step 1,271, anti-regularizing 0\.99 in the long run/);
  assert.ok(markdown.startsWith(`![${description}](data:image/svg+xml;base64,`));
  // Brackets would end the description early.
  assert.doesNotMatch(description, /[[\]]/);
  assert.match(strengthPicture(adam('lr=1e-3, betas=(0.99, 0.9)'), 'dark')!.description, /, regularizing 0\.09 in/);
});

test('every theme has colours of its own, and both signs differ in each', () => {
  const colours = THEMES.flatMap((theme) =>
    ['betas=(0.9, 0.99)', 'betas=(0.99, 0.9)'].map((betas) => {
      const { svg } = strengthPicture(adam(`lr=1e-3, ${betas}`), theme)!;
      return /<polyline[^>]* stroke="([^"]+)"/.exec(svg)![1];
    }),
  );
  assert.equal(new Set(colours).size, 2 * THEMES.length);
});

test('no picture without a curve', () => {
  assert.equal(strengthPicture(adam('lr=unknown()'), 'dark'), undefined);
  assert.equal(strengthPicture(adam('lr=1e-3, betas=(0.9, 0.9)'), 'dark'), undefined);
  assert.equal(strengthPicture(adam('lr=0'), 'dark'), undefined);
});
