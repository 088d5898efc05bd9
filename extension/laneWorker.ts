import { parentPort, workerData } from 'node:worker_threads';
import { type LaneAnswer, type LanePhases, type LaneRequest, type Place, tensorFor } from './engine/lanePool.ts';
import { Session } from './engine/session.ts';
import { elementCount, type Tensor } from './onnx/tensor.ts';

/**
 * The thread of one lane: holds a part of the data, loads programs and runs the one it is asked for. Programs take and leave
 * their tensors in this thread's memory, since the runtime does not work on shared memory; what other threads read or write
 * is copied from and to there.
 */
const data = workerData as ReadonlyMap<string, Tensor>;

interface Phase {
  readonly session: Session;
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
}

interface Group {
  readonly phases: readonly Phase[];
  readonly shared: LanePhases['shared'];
}

const groups: Group[] = [];

async function load({ phases, data: parts, shared }: LanePhases): Promise<void> {
  const memory = new Map(
    parts.map(({ name, type, shape, feed, from }): [string, Tensor] => {
      const all = data.get(feed)!.data;
      return [name, { type, shape, data: all.subarray(from, from + elementCount(shape)) as never }];
    }),
  );
  const tensors = (places: readonly Place[]) =>
    new Map(
      places.map((place): [string, Tensor] => {
        const tensor = memory.get(place.name) ?? tensorFor(place);
        memory.set(place.name, tensor);
        return [place.name, tensor];
      }),
    );
  const loaded: Phase[] = [];
  for (const { bytes, optimise, inputs, outputs } of phases) {
    const session = await Session.create(bytes, 'cpu', 1, { optimise });
    loaded.push({ session, inputs: tensors(inputs), outputs: tensors(outputs) });
  }
  groups.push({ phases: loaded, shared });
}

async function run({ phases, shared }: Group, phase: number): Promise<void> {
  const { session, inputs, outputs } = phases[phase];
  for (const [name, tensor] of inputs) {
    const source = shared.get(name);
    if (source) (tensor.data as Float32Array).set(source);
  }
  await session.runInto(inputs, outputs);
  for (const [name, tensor] of outputs) shared.get(name)?.set(tensor.data as Float32Array);
}

/** Does what is asked and says how it ended. */
async function answer(request: LaneRequest): Promise<void> {
  let said: LaneAnswer = {};
  try {
    if ('load' in request) await load(request.load);
    else await run(groups[request.group], request.phase);
  } catch (error) {
    said = { error: (error as Error).message };
  }
  parentPort!.postMessage(said);
}

parentPort!.on('message', (request: LaneRequest) => void answer(request));
