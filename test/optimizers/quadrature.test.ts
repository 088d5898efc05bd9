import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { gaussRule, type Rule } from '../../extension/optimizers/quadrature.ts';
import { assertClose } from './support.ts';

const apply = ({ nodes, weights }: Rule, f: (x: number) => number) =>
  nodes.reduce((sum, x, i) => sum + weights[i] * f(x), 0);

test('the rule is exact for polynomials of degree below twice the number of nodes', () => {
  const point = fc.double({ min: -1, max: 1, noNaN: true });
  const weight = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.tuple(point, weight), { minLength: 1, maxLength: 200 }), (measure) => {
      const points = measure.map(([x]) => x);
      const weights = measure.map(([, w]) => w);
      const rule = gaussRule(points, weights);
      assert.equal(rule.nodes.length, 10);
      assert.ok(rule.weights.every((w) => w >= 0));
      const mass = weights.reduce((sum, w) => sum + w, 0);
      for (let degree = 0; degree < 20; degree++) {
        const expected = measure.reduce((sum, [x, w]) => sum + w * x ** degree, 0);
        const error = Math.abs(apply(rule, (x) => x ** degree) - expected);
        assert.ok(error <= 1e-12 * Math.max(mass, 1e-300), `degree ${degree}: error ${error} of mass ${mass}`);
      }
    }),
  );
});

test('the sums over past steps are reproduced', () => {
  for (const [b, n] of [
    [0.9, 15],
    [0.9, 60],
    [0.99, 150],
    [0.999, 1200],
    [0.9999, 5000],
  ]) {
    const steps = Array.from({ length: n }, (_, l) => l);
    const points = steps.map((l) => Math.log(-Math.expm1((l + 1) * Math.log(b))));
    const weights = steps.map((l) => b ** (n - l));
    const rule = gaussRule(points, weights);
    for (const eps of [1e-8, 0.03, 0.3, 3]) {
      for (const f of [(x: number) => 1 / (Math.exp(x / 2) + eps), (x: number) => 1 / Math.sqrt(Math.exp(x) + eps)]) {
        const expected = points.reduce((sum, x, i) => sum + weights[i] * f(x), 0);
        assertClose(apply(rule, f), expected, b < 0.9995 ? 1e-8 : 1e-7, `b=${b}, n=${n}, ε=${eps}`);
      }
    }
  }
});

test('measures on a single point and without mass', () => {
  const points = Array(50).fill(0.25);
  assertClose(
    apply(gaussRule(points, Array(50).fill(2)), (x) => 1 / x),
    400,
    1e-14,
    'single point',
  );
  assert.equal(apply(gaussRule(points, Array(50).fill(0)), Math.cos), 0);
  assert.equal(apply(gaussRule([], []), Math.cos), 0);
});
