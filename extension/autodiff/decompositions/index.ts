import type { Operators } from '../../onnx/operator.ts';
import { activations } from './activations.ts';
import { attentions } from './attention.ts';
import { convolutions } from './convolution.ts';
import { einsums } from './einsum.ts';
import { elementwise } from './elementwise.ts';
import { losses } from './loss.ts';
import { movement } from './movement.ts';
import { normalisations } from './normalisation.ts';
import { pooling } from './pooling.ts';
import { product } from './product.ts';
import { program } from './program.ts';
import { recurrentNetworks } from './recurrent.ts';
import { reductions } from './reduction.ts';
import { refused } from './refused.ts';
import { resizing } from './resize.ts';
import { selection } from './selection.ts';
import { sequences } from './sequence.ts';

/** Every operator of the default domain that can be read, with its definition in terms of primitives. */
export const operators: Operators = new Map(
  Object.entries({
    ...refused,
    ...normalisations,
    ...losses,
    ...recurrentNetworks,
    ...elementwise,
    ...activations,
    ...reductions,
    ...einsums,
    ...attentions,
    ...product,
    ...movement,
    ...convolutions,
    ...pooling,
    ...resizing,
    ...selection,
    ...sequences,
    ...program,
  }),
);
