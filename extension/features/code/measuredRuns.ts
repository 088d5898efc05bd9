import { join } from 'node:path';
import { escapeMarkdown } from '../../advice/hover.ts';
import type { OptimizerConfig } from '../../configs/config.ts';
import { effectHeadline, effectSentence, oscillationText } from '../../shared/effectWords.ts';
import { baseName, number, percent, shorten } from '../../shared/format.ts';
import type { RunHeader } from '../../shared/protocol.ts';
import { doubt, strength } from '../../shared/verdict.ts';
import { reader } from '../reading/reader.ts';
import type { Measured } from './measured.ts';

export type { Measured };

/** What runs below `runs/` of a workspace folder have measured; read in the background and kept for a short time. */
export class MeasuredRuns {
  private readonly fresh: number;
  private readonly folders = new Map<string, { at: number; runs: Promise<readonly Measured[]> }>();
  /** What has been read is looked at again after `fresh` milliseconds. */
  constructor(fresh = 2000) {
    this.fresh = fresh;
  }

  /** The latest run with the settings of a configuration; undefined where there is none. Never throws. */
  async find(config: OptimizerConfig, folder: string): Promise<Measured | undefined> {
    return (await this.in(folder)).find(({ header }) => isOf(header, config));
  }

  /** What has been read is looked at again the next time. */
  forget(): void {
    this.folders.clear();
  }

  /** Latest first. */
  private in(folder: string): Promise<readonly Measured[]> {
    const known = this.folders.get(folder);
    if (known && Date.now() - known.at < this.fresh) return known.runs;
    const runs = reader.ask('measured', join(folder, 'runs')).catch(() => []);
    this.folders.set(folder, { at: Date.now(), runs });
    return runs;
  }
}

/** A run has the settings of a configuration if all that is known of both is the same; the learning rate has to be known. */
function isOf({ optimizer }: RunHeader, config: OptimizerConfig): boolean {
  if (optimizer.name !== config.optimizer) return false;
  if (typeof config.hyperparameters.get('lr')?.value !== 'number') return false;
  return Object.entries(optimizer.hyper).every(([name, value]) => {
    const entry = config.hyperparameters.get(name);
    return entry === undefined || entry.value === value || (entry.value === null && entry.from === 'default');
  });
}

/** `Measured 2026-11-20: +12 % against β₂ = β₁ (loss 2.3 → 0.2)`: what stands above a configuration; undefined where nothing was measured. */
export function measuredLens({ header, last }: Measured): string | undefined {
  const headline = effectHeadline(header, typeof last.effect === 'number' ? last : undefined);
  if (headline === undefined || !header.reference?.converged) return undefined;
  return `Measured ${dateOf(header)}: ${headline} against ${shorten(header.reference.label)}${stageOf({ header, last })}`;
}

/** The day on which a run began, 2026-11-20. */
const dateOf = ({ started }: RunHeader): string => started.slice(0, 10);

/** What of the training was measured: from which loss to which; how far it has come where that is not known yet. */
const stageOf = ({ header, last }: Pick<Measured, 'header' | 'last'>): string =>
  lossRange(header) || (last.loss === null || last.loss === undefined ? '' : ` (until loss ${number(last.loss)})`);

const lossRange = ({ effect }: RunHeader): string =>
  effect && effect.losses.length > 1 ? ` (loss ${number(effect.losses[0])} → ${number(effect.losses.at(-1))})` : '';

/**
 * What a run adds to the hover, as Markdown: `Measured 2026-11-20 on digits.onnx (loss 2.3 → 0.2): At equal loss …`; where it was
 * held against nothing, what the theory says at its last step.
 */
export function measuredMarkdown({ header, last }: Measured): string {
  const where = `${escapeMarkdown(dateOf(header))} on ${escapeMarkdown(baseName(header.model.path))}`;
  const effect = typeof last.effect === 'number' ? last : undefined;
  const sentence = effectSentence(header, effect);
  if (sentence !== undefined) {
    const oscillation = header.reference?.converged && effect && oscillationText(effect);
    return `**Measured** ${where}${escapeMarkdown(lossRange(header))}: ${escapeMarkdown(sentence, 600)}${oscillation ? ` At the end ${oscillation}.` : ''}`;
  }
  const { belowSwitchShare, hKappa, step } = last;
  const parts = [
    strength(hKappa),
    typeof belowSwitchShare === 'number' && `${percent(belowSwitchShare)} below the switch`,
  ];
  const validity = doubt(last) ? 'The theory is not reliable there.' : 'The theory holds there.';
  return `**Inspected** ${where}, step ${Number(step)}: ${parts.filter(Boolean).join(' · ')}. ${validity}`;
}
