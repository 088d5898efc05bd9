import { type Check, type GpuState, remediesOf } from '../../engine/gpu/checks.ts';
import { inEditorBriefly } from '../../shared/editorWords.ts';

/** The report as Markdown. */
export function gpuReport({ cuda, webgpu }: GpuState): string {
  const list = (checks: readonly Check[]) =>
    checks.map(({ what, found, detail }) => `- ${found ? '✓' : '✗'} ${what}: ${detail}`).join('\n');
  const todo = (checks: readonly Check[]) =>
    remediesOf(checks, inEditorBriefly)
      .map(({ what, remedy }, i) => `${i + 1}. **${what.join(', ')}.** ${remedy}`)
      .join('\n');
  const verdict = (checks: readonly Check[], yes: string) =>
    checks.every(({ found }) => found) ? yes : `To do:\n\n${todo(checks)}`;
  return `# GPU for Optimizer Bias

Everything works on the CPU. A GPU makes runs of larger models faster.

## CUDA

${list(cuda)}

${verdict(cuda, 'CUDA is ready: the device “auto” uses it.')}

## WebGPU

${list(webgpu)}

${verdict(webgpu, 'WebGPU is ready: choose the device “webgpu” in “Inspect…”.')}
`;
}
