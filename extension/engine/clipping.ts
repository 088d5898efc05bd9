import type { GraphBuilder } from '../onnx/builder.ts';
import type { Value } from '../onnx/graph.ts';
import { reduceBlocks } from './layout.ts';

/** What torch.nn.utils.clip_grad_norm_ adds to the norm before it divides by it. */
const offset = 1e-6;

/** The gradient as an optimizer sees it, and products with its Jacobian. */
export interface Seen {
  readonly gradient: Value;
  /** From H·v the product of the Jacobian of `gradient` and v. */
  jacobian(product: Value): Value;
}

/** The gradient as it is. */
export const unclipped = (gradient: Value): Seen => ({ gradient, jacobian: (product) => product });

/**
 * F = c·g with c = min(1, limit/(‖g‖₂ + 10⁻⁶)), as torch.nn.utils.clip_grad_norm_ makes it. Where c < 1,
 *
 *     (∂F/∂θ)·v = c·[Hv − g·⟨g, Hv⟩/(‖g‖·(‖g‖ + 10⁻⁶))].
 *
 * @param gradient [length of θ], 0 at fillers
 * @param limit scalar of the type of the gradient
 */
export function clipped(b: GraphBuilder, gradient: Value, limit: Value): Seen {
  const dot = (x: Value, y: Value) => b.reduceSum(reduceBlocks(b, 'ReduceSum', [b.mul(x, y)]));
  const norm = b.sqrt(dot(gradient, gradient));
  const divisor = b.affine(norm, 1, offset);
  const one = b.scalar('float64', 1);
  const factor = b.min(one, b.div(b.cast(limit, 'float64'), divisor));
  const scale = b.cast(factor, gradient.type);
  return {
    gradient: b.mul(scale, gradient),
    jacobian(product) {
      const along = b.div(dot(gradient, product), b.mul(norm, divisor));
      const share = b.where(b.less(factor, one), along, b.scalar('float64', 0));
      return b.mul(scale, b.sub(product, b.mul(b.cast(share, gradient.type), gradient)));
    },
  };
}
