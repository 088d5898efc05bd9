import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { evaluateOperator, row } from './evaluate.ts';
import { checkOperator } from './harness.ts';

const cases: [equation: string, ...shapes: number[][]][] = [
  ['ij,jk->ik', [2, 3], [3, 4]],
  ['ij,kj->ik', [2, 3], [4, 3]],
  ['ji,jk->ik', [3, 2], [3, 4]],
  ['ij,jk->ki', [2, 3], [3, 4]],
  ['ij,jk', [2, 3], [3, 4]],
  ['bij,bjk->bik', [2, 3, 4], [2, 4, 2]],
  ['bhid, bhjd -> bhij', [2, 3, 4, 2], [2, 3, 5, 2]],
  ['bhij,bjhd->bihd', [2, 3, 4, 5], [2, 5, 3, 2]],
  ['ijk->kji', [2, 3, 4]],
  ['ijk->j', [2, 3, 4]],
  ['ij->', [2, 3]],
  ['ba', [2, 3]],
  ['ii->i', [3, 3]],
  ['ii', [3, 3]],
  ['bii->b', [2, 3, 3]],
  ['i,i->', [4], [4]],
  ['i,j->ij', [3], [4]],
  ['i,j->ji', [3], [4]],
  ['ij,ij->ij', [2, 3], [2, 3]],
  ['ij,ij->i', [2, 3], [2, 3]],
  ['ij,ij->', [2, 3], [2, 3]],
  ['...ij,...jk->...ik', [2, 3, 4], [2, 4, 2]],
  ['...i->...', [2, 3, 4]],
  ['i...->...i', [2, 3, 4]],
  ['b...d,de->b...e', [2, 3, 2, 4], [4, 5]],
  ['bn,anm,bm->ba', [2, 3], [4, 3, 5], [2, 5]],
  ['ij,jk,kl->il', [2, 3], [3, 4], [4, 2]],
  ['bcxd,md->bcxm', [2, 3, 4, 2], [5, 2]],
  ['abcd,bd->ac', [2, 3, 2, 4], [3, 4]],
  ['iij,j->i', [3, 3, 2], [2]],
];

describe('Einsum: value, gradient and Hessian product', () => {
  for (const [equation, ...shapes] of cases) {
    const label = `${equation} ${JSON.stringify(shapes)}`;
    it(label, () =>
      checkOperator({ op: 'Einsum', label, inputs: shapes.map((shape) => ({ shape })), attributes: { equation } }),
    );
  }

  // The runtime wants all ellipses to stand for as many axes.
  it('an ellipsis broadcasts', () =>
    checkOperator({
      op: 'Einsum',
      label: 'broadcasting ellipsis',
      inputs: [{ shape: [5, 2, 3, 4] }, { shape: [2, 4, 2] }],
      attributes: { equation: '...ij,...jk->...ik' },
      oracle: 'none',
    }));

  const refused: [equation: string, message: RegExp][] = [
    ['i,j->ij', /2 terms for 1 inputs/],
    ['ij->i', /does not fit a tensor of 1 axes/],
    ['i->j', /"j" of the result stands in no term/],
    ['1->1', /is no term of an equation/],
  ];
  for (const [equation, message] of refused) {
    it(`${equation} of a vector is refused`, () =>
      assert.rejects(evaluateOperator({ op: 'Einsum', attributes: { equation }, at: [row(1, 2)] }), message));
  }
});
