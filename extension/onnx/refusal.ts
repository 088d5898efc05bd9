import { InspectorError } from '../shared/errors.ts';
import type { Where } from '../shared/where.ts';

/**
 * Thrown for a use of an operator that is valid ONNX and not supported here, with outputs of the right shapes where they
 * are known, so that what follows can be checked too. Other Errors mean that node and inputs do not fit each other.
 */
export class RefusedUse extends Error {
  constructor(
    reason: string,
    readonly outputs?: unknown,
  ) {
    super(reason);
  }
}

/**
 * What `work` gives, which builds on nodes that have been accepted: their derivatives, or what the runtime takes in their place. A
 * use that is refused only there is an InspectorError that names the node at which `b` is, or `where`; any other error is a defect, and
 * stays one.
 */
export function tellingNode<T>(b: { readonly origin: string | undefined }, work: () => T, where?: Where): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RefusedUse)) throw error;
    const place = where ?? (b.origin === undefined ? undefined : { node: b.origin });
    const reason = `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`;
    throw new InspectorError(reason, 'Take smaller data, or shorter axes and windows.', { where: place, cause: error });
  }
}
