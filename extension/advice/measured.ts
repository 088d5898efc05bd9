import type { OptimizerConfig } from '../configs/config.ts';
import { effectHeadline, effectSentence, oscillationText, slowStretch } from '../shared/effectWords.ts';
import { baseName, finePercent, number, percent, shorten } from '../shared/format.ts';
import type { MeasuredRun, RunHeader } from '../shared/protocol.ts';
import { doubt, strength } from '../shared/verdict.ts';
import { escapeMarkdown } from './hover.ts';

/** A run has the settings of a configuration if all that is known of both is the same; the learning rate has to be known. */
export function isRunOf({ optimizer }: RunHeader, config: OptimizerConfig): boolean {
  if (optimizer.name !== config.optimizer) return false;
  if (typeof config.hyperparameters.get('lr')?.value !== 'number') return false;
  return Object.entries(optimizer.hyper).every(([name, value]) => {
    const entry = config.hyperparameters.get(name);
    return entry === undefined || entry.value === value || (entry.value === null && entry.from === 'default');
  });
}

/** `Measured 2026-11-20: +12 % against β₂ = β₁ (loss 2.3 → 0.2)`: what stands above a configuration; undefined where nothing was measured. */
export function measuredTitle(run: MeasuredRun): string | undefined {
  const headline = headlineOf(run);
  const { header } = run;
  if (headline === undefined || !header.reference) return undefined;
  return `Measured ${dateOf(header)}: ${headline} against ${shorten(header.reference.label)}${stageOf(run)}`;
}

/** `measured +12 % to loss 0.183, 2026-11-20`: the same where there is little room. */
export function measuredHint({ header, last }: MeasuredRun): string | undefined {
  if (typeof last.effect !== 'number' || !header.reference?.converged) return undefined;
  return `measured ${finePercent(last.effect, true)} to loss ${number(last.loss)}, ${dateOf(header)}`;
}

const headlineOf = ({ header, last }: MeasuredRun): string | undefined =>
  header.reference?.converged ? effectHeadline(header, typeof last.effect === 'number' ? last : undefined) : undefined;

/** The day on which a run began, 2026-11-20. */
export const dateOf = ({ started }: RunHeader): string => started.slice(0, 10);

/** What of the training was measured: from which loss to which; how far it has come where that is not known yet. */
const stageOf = ({ header, last }: Pick<MeasuredRun, 'header' | 'last'>): string =>
  lossRange(header) || (last.loss === null || last.loss === undefined ? '' : ` (until loss ${number(last.loss)})`);

const lossRange = ({ effect }: RunHeader): string =>
  effect && effect.losses.length > 1 ? ` (loss ${number(effect.losses[0])} → ${number(effect.losses.at(-1))})` : '';

/**
 * What a run adds to the hover, as Markdown: `Measured 2026-11-20 on digits.onnx (loss 2.3 → 0.2): At equal loss …`; where it was
 * held against nothing, what the theory says at its last step.
 */
export function measuredMarkdown({ header, last }: MeasuredRun): string {
  const where = `${escapeMarkdown(dateOf(header))} on ${escapeMarkdown(baseName(header.model.path))}`;
  const effect = typeof last.effect === 'number' ? last : undefined;
  const sentence = effectSentence(header, effect);
  if (sentence !== undefined) {
    const told = header.effect && slowStretch(header.effect) !== undefined;
    const oscillation = header.reference?.converged && !told && effect && oscillationText(effect);
    const losses = lossRange(header).trim();
    return `**Measured** ${where}${losses && ` ${escapeMarkdown(losses)}`}: ${escapeMarkdown(sentence, 600)}${oscillation ? ` At the end ${oscillation}.` : ''}`;
  }
  const { belowSwitchShare, hKappa, step } = last;
  const parts = [
    strength(hKappa),
    typeof belowSwitchShare === 'number' && `${percent(belowSwitchShare)} below the switch`,
  ];
  const validity = doubt(last) ? 'The theory is not reliable there.' : 'The theory holds there.';
  return `**Inspected** ${where}, step ${Number(step)}: ${parts.filter(Boolean).join(' · ')}. ${validity}`;
}
