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
