import { lower } from '../autodiff/lowering/index.ts';
import { classAxis, isBinaryCrossEntropy, isCrossEntropy } from '../engine/loss.ts';
import { labelFeed, type Problem } from '../engine/problem.ts';
import { type Device, Session } from '../engine/session.ts';
import { GraphBuilder } from '../onnx/builder.ts';
import type { Value } from '../onnx/graph.ts';
import { elementCount, type Tensor } from '../onnx/tensor.ts';
import { encodeModel } from '../onnx/write.ts';
import { InspectorError } from '../shared/errors.ts';
import { rowsOf } from './rows.ts';
import type { RunningStatistics } from './runningStatistics.ts';

/** Loss on a data set, and the share of right answers where the loss is one of classification. */
export interface Evaluation {
  readonly loss: number;
  readonly accuracy: number | null;
}

/** Most samples of one pass. */
const mostRows = 1024;

interface Part {
  readonly session: Session;
  readonly rows: number;
}

/** Evaluates a model on a data set, such as a test set, at any θ of the layout of its parameters. */
export class Evaluator {
  private constructor(
    private readonly problem: Problem,
    private readonly parts: readonly Part[],
    private readonly starts: readonly { readonly part: number; readonly from: number }[],
    private readonly statistics: RunningStatistics | undefined,
  ) {}

  /** `statistics` stand for the running statistics of BatchNormalization; the problem then is that of the inference form. */
  static async load(
    problem: Problem,
    device: Device,
    threads?: number,
    statistics?: RunningStatistics,
  ): Promise<Evaluator> {
    const { samples, fixedBatch, indivisible } = problem;
    const size = fixedBatch ?? (indivisible === undefined ? Math.min(samples, mostRows) : samples);
    if (samples % size !== 0 && fixedBatch !== undefined)
      throw new InspectorError(
        `The model is bound to batches of ${size}, and the test set has ${samples} samples, which is no multiple of that.`,
        'Export the model with a dynamic batch axis, or cut the test set.',
      );
    const rest = samples % size;
    const parts: Part[] = [];
    for (const rows of rest === 0 ? [size] : [size, rest]) {
      const bytes = encodeModel(lower(graphOf(problem, rows, statistics?.shapes)));
      parts.push({ rows, session: await Session.create(bytes, device, threads) });
    }
    const starts = Array.from({ length: Math.ceil(samples / size) }, (_, i) => ({
      part: (i + 1) * size <= samples ? 0 : 1,
      from: i * size,
    }));
    return new Evaluator(problem, parts, starts, statistics);
  }

  async evaluate(theta: Tensor): Promise<Evaluation> {
    const { problem } = this;
    let loss = 0;
    let right = 0;
    let counted = 0;
    const statistics = [...((await this.statistics?.at(theta)) ?? [])];
    for (const { part, from } of this.starts) {
      const { session, rows } = this.parts[part];
      const feeds = new Map<string, Tensor>([
        ['theta', theta],
        ...statistics.map(([name, tensor]): [string, Tensor] => [`statistics/${name}`, tensor]),
      ]);
      for (const { name, tensor, perSample } of problem.feeds)
        feeds.set(`data/${name}`, perSample ? rowsOf(tensor, from, rows) : tensor);
      const results = await session.run(feeds);
      loss += (results.get('loss')!.data as Float64Array)[0];
      const answers = rightAnswers(problem, results.get('prediction')!, feeds.get(`data/${labelFeed}`));
      right += answers.right;
      counted += answers.counted;
    }
    return { loss, accuracy: counted === 0 ? null : right / counted };
  }

  /** Ends the statistics, too, once, whoever shares them. */
  async release(): Promise<void> {
    await this.statistics?.release();
    for (const { session } of this.parts) await session.release();
  }
}

function graphOf(problem: Problem, rows: number, statistics: ReadonlyMap<string, number> = new Map()) {
  const b = new GraphBuilder();
  const { layout, floatType } = problem;
  const theta = b.input('theta', floatType, [layout.length]);
  const data = new Map(
    problem.feeds.map(({ name, tensor, perSample }) => [
      name,
      b.input(`data/${name}`, tensor.type, perSample ? [rows, ...tensor.shape.slice(1)] : tensor.shape),
    ]),
  );
  const parameters = new Map([
    ...layout.split(b, theta),
    ...[...statistics].map(([name, size]): [string, Value] => [name, b.input(`statistics/${name}`, floatType, [size])]),
  ]);
  return {
    scope: b,
    inputs: b.inputs,
    outputs: [
      { name: 'loss', value: problem.emit(b, parameters, data) },
      { name: 'prediction', value: b.cast(problem.predict(b, parameters, data), 'float64') },
    ],
  };
}

/** Right answers among the labelled positions: the largest logit, or the sign of the only one. */
function rightAnswers({ loss }: Problem, prediction: Tensor, labels: Tensor | undefined) {
  const none = { right: 0, counted: 0 };
  if (!labels) return none;
  const z = prediction.data as Float64Array;
  if (isBinaryCrossEntropy(loss)) {
    const threshold = loss === 'bce' ? 0.5 : 0;
    const y = labels.data as Float64Array;
    return {
      right: z.reduce((sum, value, i) => sum + (value > threshold === y[i] > 0.5 ? 1 : 0), 0),
      counted: z.length,
    };
  }
  const axis = isCrossEntropy(loss) ? classAxis(prediction.shape, labels.shape) : undefined;
  if (axis === undefined) return none;
  const classes = prediction.shape[axis];
  const inner = elementCount(prediction.shape.slice(axis + 1));
  let right = 0;
  let counted = 0;
  (labels.data as BigInt64Array).forEach((label, position) => {
    if (label < 0n) return;
    counted++;
    const start = Math.floor(position / inner) * classes * inner + (position % inner);
    let best = 0;
    for (let k = 1; k < classes; k++) if (z[start + k * inner] > z[start + best * inner]) best = k;
    if (best === Number(label)) right++;
  });
  return { right, counted };
}
