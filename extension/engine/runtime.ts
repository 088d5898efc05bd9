/** What turns off ONNX Runtime's telemetry: it reads the variable when its library loads, whatever the value. */
export const withoutTelemetry = { ORT_DISABLE_TELEMETRY: '1' } as const;

/**
 * Sees to it that the runtime, wherever this process loads it, neither writes an identifier and a database below the user's
 * folders nor opens a connection. A thread's environment is a copy that native code does not see: whoever starts threads calls
 * this first.
 */
export function turnOffTelemetry(): void {
  Object.assign(process.env, withoutTelemetry);
}

/** The runtime: the one place that loads its library. */
export function loadRuntime(): Promise<typeof import('onnxruntime-node')> {
  turnOffTelemetry();
  return import('onnxruntime-node');
}
