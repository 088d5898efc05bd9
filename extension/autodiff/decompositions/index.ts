import type { Definitions, Operator, Operators } from '../../onnx/operator.ts';
import type { OperatorName } from '../../onnx/operatorTypes.ts';
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
import { type RefusedName, refused } from './refused.ts';
import { resizing } from './resize.ts';
import { sampling } from './sampling.ts';
import { selection } from './selection.ts';
import { sequences } from './sequence.ts';
import { spectral } from './spectral.ts';

/** What every operator of ONNX is made of that is not refused: one that is forgotten does not compile. */
const definitions: Definitions<Exclude<OperatorName, RefusedName>> = {
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
  ...sampling,
  ...selection,
  ...sequences,
  ...spectral,
  ...program,
};

/** Every operator of the default domain that is known, by name. A definition is only called with calls of its operator. */
export const operators: Operators = new Map([...refused, ...(Object.entries(definitions) as [string, Operator][])]);
