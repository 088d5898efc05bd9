/** What a training script does beside its optimizer's settings, as far as it is written out. */
export interface TrainingFacts {
  readonly batchSize?: number;
  /** Largest norm of the gradient; true where it is clipped to something that is not written out. */
  readonly clipNorm?: number | true;
  readonly dropout?: true;
  readonly mixedPrecision?: true;
}

/** Scripts are read up to here. */
const mostCharacters = 1_000_000;

/**
 * Finds the batch size, clipping by norm, dropout and mixed precision in the text of a Python script. Nothing is evaluated: what
 * a name or a file gives is not found, and the first of several values is taken.
 */
export function trainingFacts(source: string): TrainingFacts {
  const text = source.slice(0, mostCharacters).replace(/#[^\n]*/g, '');
  const batch = /\bbatch_size\s*(?::\s*int\s*)?=\s*(\d{1,9})\b|["']--batch[-_]size["'][^)\n]{0,200}?\bdefault\s*=\s*(\d{1,9})\b/.exec(text); // biome-ignore format: one pattern
  const size = Number(batch?.[1] ?? batch?.[2]);
  const clip = /\bclip_grad_norm_?\s*\(((?:[^()]|\([^()]{0,200}\)){0,300})/.exec(text);
  const norm = clip && /(?:max_norm\s*=|,)\s*(\d+(?:\.\d*)?(?:e-?\d+)?)\s*(?:,|$)/.exec(clip[1]);
  return {
    ...(size > 0 && { batchSize: size }),
    ...(clip && { clipNorm: norm && Number(norm[1]) > 0 ? Number(norm[1]) : true }),
    ...(/\bDropout\w*\s*\(|\bdropout\w*\s*=\s*(?:0?\.\d*[1-9]|[1-9])/.test(text) && { dropout: true }),
    ...(/\bautocast\s*\(|\bGradScaler\s*\(|\b(?:fp16|bf16)\s*=\s*True\b/.test(text) && { mixedPrecision: true }),
  };
}
