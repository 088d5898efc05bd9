import type { Optimizer } from '../optimizers/optimizer.ts';
import { quoteName } from '../shared/errors.ts';
import type { GroupRequest } from '../shared/request.ts';
import { UsageError } from './options.ts';

/** `GLOB: weight_decay=0, lr=1e-4`, as the command line has it. Throws a UsageError that says how it is written. */
export function parseGroup(text: string, optimizer: Optimizer): GroupRequest {
  const fail = (what: string): never => {
    throw new UsageError(
      `The group ${quoteName(text, 200)} ${what}.`,
      "It is written 'GLOB: NAME=VALUE, NAME=VALUE', such as '*.bias: weight_decay=0, lr=1e-4'.",
    );
  };
  const colon = text.lastIndexOf(':');
  const glob = text.slice(0, Math.max(0, colon)).trim();
  if (glob === '') fail(colon < 0 ? 'has no colon behind its glob' : 'has no glob before its colon');
  const hyper: Record<string, number | boolean | string> = {};
  for (const part of text.slice(colon + 1).split(',')) {
    const [key, value, ...more] = part.split('=').map((piece) => piece.trim());
    if (!key || !value || more.length > 0) fail(`has ${quoteName(part.trim())} in place of NAME=VALUE`);
    const spec = optimizer.hyperparameters.find(({ name, option }) => name === key || option === key);
    if (!spec)
      throw new UsageError(
        `The group ${quoteName(text, 200)} sets ${quoteName(key)}, which is no hyper-parameter of ${optimizer.title}.`,
        `It has ${optimizer.hyperparameters.map(({ name }) => name).join(', ')}.`,
      );
    if (Object.hasOwn(hyper, spec.name)) fail(`sets ${spec.name} twice`);
    hyper[spec.name] =
      spec.kind === 'number'
        ? Number(value)
        : spec.kind === 'boolean'
          ? truth(value, () => fail(`sets ${key} to ${quoteName(value)}`))
          : value;
  }
  return { glob, hyper };
}

function truth(text: string, fail: () => never): boolean {
  if (!/^(true|false)$/i.test(text)) fail();
  return text.toLowerCase() === 'true';
}
