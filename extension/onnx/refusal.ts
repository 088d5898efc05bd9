import { InspectorError } from '../shared/errors.ts';

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
 * use that is refused only there is an InspectorError that names the node at which `b` is; any other error is a defect, and stays one.
 */
export function tellingNode<T>(b: { readonly origin: string | undefined }, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RefusedUse)) throw error;
    const { origin, message } = { origin: b.origin, message: error.message };
    throw new InspectorError(
      `${message.charAt(0).toUpperCase()}${message.slice(1)}.`,
      'Take smaller data, or shorter axes and windows.',
      { where: origin === undefined ? undefined : { node: origin }, cause: error },
    );
  }
}
