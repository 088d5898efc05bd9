import type { StepRecord, TensorRecord } from '../engine/stepRecord.ts';
import type { Measures } from '../optimizers/measures.ts';
import type { MeasureFields, StepLine, TensorLine } from '../shared/protocol.ts';
import { hasTensors } from '../shared/steps.ts';

/** JSON has no NaN and no infinities. */
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

function measureFields(measures: Measures): MeasureFields {
  return {
    kappa: measures.kappaEffective,
    hKappa: measures.hKappa,
    kappaMin: measures.kappaMin,
    kappaMax: measures.kappaMax,
    negativeShare: measures.negativeShare,
    belowSwitchShare: measures.belowSwitchShare,
    relativeSize: measures.relativeSize,
    cosine: measures.cosine,
    normRate: finite(measures.normRate.correction),
    normRateBase: finite(measures.normRate.base),
    lossRate: finite(measures.lossRate.correction),
    lossRateBase: finite(measures.lossRate.base),
    net: measures.net,
    validShare: measures.validShare,
    selfCheck: measures.selfCheck,
  };
}

function tensorLine(record: TensorRecord): TensorLine {
  return {
    perturbedNorm: finite(record.perturbedNorm),
    gradientNorm1: finite(record.gradientNorm1),
    gradientNorm2: finite(record.gradientNorm2),
    ...(record.measures && measureFields(record.measures)),
  };
}

/** The line of `steps.jsonl` for a record; `names` are those of the tensors. */
export function stepLine(record: StepRecord, names: readonly string[]): StepLine {
  return {
    step: record.step,
    loss: finite(record.loss),
    ...(record.batchLosses && { batchLosses: record.batchLosses.map(finite) }),
    perturbedNorm: finite(record.perturbedNorm),
    gradientNorm1: finite(record.gradientNorm1),
    gradientNorm2: finite(record.gradientNorm2),
    ...(record.measures && {
      correctionNorm: finite(record.correctionNorm!),
      ...measureFields(record.measures),
    }),
    tensors: Object.fromEntries(names.map((name, i) => [name, tensorLine(record.tensors[i])])),
  };
}

/** A line with further fields of the model (t = 0) and of each tensor, where it has them; the tensors stay last. */
export function withFields(
  line: StepLine,
  names: readonly string[],
  fields: (t: number) => Partial<TensorLine>,
): StepLine {
  const { tensors, ...rest } = line;
  const added = hasTensors(line)
    ? Object.fromEntries(names.map((name, i) => [name, { ...tensors[name], ...fields(i + 1) }]))
    : tensors;
  return { ...rest, ...fields(0), tensors: added };
}
