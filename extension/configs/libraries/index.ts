import { HUGGINGFACE } from './huggingface.ts';
import { IMPLEMENTATIONS } from './implementations.ts';
import { KERAS } from './keras.ts';
import type { Library } from './library.ts';
import { OPTAX } from './optax.ts';
import { PLATFORMS } from './platforms.ts';
import { PYTORCH } from './pytorch.ts';
import { TOOLKITS } from './toolkits.ts';

/**
 * Every constructor the analysis knows. Signatures list arguments in the library's order up to the last positional one
 * that matters; `*` starts the keyword-only ones; no default means required, `=~` the optimizer's own default in that framework,
 * and a value one of the library's own.
 */
export const LIBRARIES: readonly Library[] = [
  ...PYTORCH,
  ...KERAS,
  ...OPTAX,
  ...HUGGINGFACE,
  ...IMPLEMENTATIONS,
  ...TOOLKITS,
  ...PLATFORMS,
];
