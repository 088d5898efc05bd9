import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import Ajv from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { jobText, kubernetesQueue, submitKubernetes } from '../../extension/plans/kubernetes.ts';
import { type KubernetesOptions, kubernetesJob, merged } from '../../extension/plans/kubernetesJob.ts';
import { submissionsOf } from '../../extension/plans/submissions.ts';
import { messageOf } from '../support/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'kubernetes-'));
const path = process.env.PATH;
before(() => {
  process.env.PATH = `${folder}${delimiter}${path}`;
});
after(() => {
  process.env.PATH = path;
  rmSync(folder, { recursive: true, force: true });
});

const program = 'optimizer-bias';
const tasks = {
  name: 'optimizer-bias-0a1b2c3d',
  folder: "/data/a 'plan' of $(HOME)",
  tasks: [3, 5, 9],
  group: 1,
  program,
};
const full: KubernetesOptions = {
  image: 'registry.example.org/bias:1',
  claim: 'work',
  mount: '/data',
  namespace: 'training',
  resources: { cpu: '4', memory: '4Gi', 'nvidia.com/gpu': '1' },
  throttle: 2,
  retries: 1,
};

/** As much of a Job as the tests look at. */
interface Job {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: {
    readonly completionMode: string;
    readonly completions: number;
    readonly parallelism: number;
    readonly backoffLimitPerIndex?: number;
    readonly maxFailedIndexes?: number;
    readonly podReplacementPolicy?: string;
    readonly podFailurePolicy: {
      readonly rules: readonly {
        readonly action: string;
        readonly onExitCodes?: { readonly containerName: string; readonly operator: string; readonly values: number[] };
        readonly onPodConditions?: readonly { readonly type: string; readonly status: string }[];
      }[];
    };
    readonly template: {
      readonly spec: {
        readonly restartPolicy: string;
        readonly nodeSelector?: object;
        readonly tolerations?: readonly object[];
        readonly volumes?: readonly { readonly name: string }[];
        readonly containers: readonly {
          readonly name: string;
          readonly image: string;
          readonly command: readonly string[];
          readonly env?: readonly { readonly name: string; readonly value?: string }[];
          readonly volumeMounts?: readonly { readonly mountPath: string; readonly name: string }[];
        }[];
      };
    };
  };
}
const jobOf = (options: KubernetesOptions, changed: Partial<typeof tasks> = {}): Job =>
  kubernetesJob({ ...tasks, ...changed }, options) as unknown as Job;

// The published schema is written for the API's own formats, which say how wide a number is.
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
const isJob = ajv.compile(JSON.parse(readFileSync(join('test', 'plans', 'job.schema.json'), 'utf8')));

test('a Job is one by the published schema of the API, which finds mistakes', () => {
  for (const options of [{ image: 'bias' }, full]) {
    assert.ok(isJob(JSON.parse(JSON.stringify(jobOf(options)))), ajv.errorsText(isJob.errors));
    assert.doesNotMatch(jobText(kubernetesJob(tasks, options)), /[&*]\w/, 'nothing is told by reference');
    assert.ok(isJob(parse(jobText(kubernetesJob(tasks, options)))), ajv.errorsText(isJob.errors));
  }
  const wrong = merged(JSON.parse(JSON.stringify(jobOf(full))), { spec: { backoffLimitPerIndx: 1 } });
  assert.ok(!isJob(wrong));
  assert.match(ajv.errorsText(isJob.errors), /additional properties/);
});

test('a Job keeps the rules that the API’s server holds beside its schema', () => {
  for (const options of [{ image: 'bias' }, full]) {
    const { metadata, spec } = jobOf(options);
    const { containers, restartPolicy } = spec.template.spec;
    assert.equal(spec.completionMode, 'Indexed');
    assert.equal(spec.completions, 3);
    assert.ok(spec.backoffLimitPerIndex !== undefined && spec.maxFailedIndexes! <= spec.completions);
    // Pods are called after the Job and their index, in a label of 63 characters.
    assert.ok(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(metadata.name) && metadata.name.length <= 63 - '-100000'.length);
    assert.equal(restartPolicy, 'Never', 'podFailurePolicy is for pods that are not restarted');
    assert.equal(spec.podReplacementPolicy, 'Failed', 'the only policy that podFailurePolicy goes with');
    for (const { onExitCodes } of spec.podFailurePolicy.rules) {
      if (!onExitCodes) continue;
      assert.ok(containers.some(({ name }) => name === onExitCodes.containerName));
      assert.ok(!onExitCodes.values.includes(0));
    }
  }
});

test('code 2 fails a task for good; where it was stopped, no retry is counted', () => {
  const { rules } = jobOf(full).spec.podFailurePolicy;
  // The first rule that fits decides.
  const action = (code: number) => rules.find(({ onExitCodes }) => onExitCodes?.values.includes(code))?.action;
  assert.deepEqual([1, 2, 75, 137].map(action), [undefined, 'FailIndex', 'Ignore', undefined]);
  assert.ok(
    rules.some(
      ({ action, onPodConditions }) => action === 'Ignore' && onPodConditions?.[0].type === 'DisruptionTarget',
    ),
  );
});

test('a completion index becomes the first point of its task, whatever the path of the plan', {
  skip: process.platform === 'win32',
}, () => {
  const place = "/data/a 'plan' of $(HOME) \\ \"$x";
  writeFileSync(join(folder, 'optimizer-bias'), '#!/bin/sh\nprintf "%s|" "$@"\n');
  chmodSync(join(folder, 'optimizer-bias'), 0o755);
  const run = (index: number, group: number) => {
    const [{ command }] = jobOf(full, { folder: place, group }).spec.template.spec.containers;
    // As the kubelet does it: $(NAME) is replaced where there is such a variable, and $$( is $(.
    const [shell, ...words] = command.map((word) => word.replaceAll('$$(', '$('));
    const env = { ...process.env, JOB_COMPLETION_INDEX: `${index}` };
    return execFileSync(shell, words, { env, encoding: 'utf8' });
  };
  assert.deepEqual(
    [0, 1, 2].map((index) => run(index, 1)),
    [3, 5, 9].map((point) => `--point|${point}|--in|${place}|`),
  );
  assert.equal(run(2, 4), `--point|36|--group|4|--in|${place}|`);
});

test('a patch is merged: keys by name, lists whose items have names by those, others whole', () => {
  const patch = join(folder, 'patch.yaml');
  writeFileSync(
    patch,
    `metadata: {namespace: other}
spec:
  maxFailedIndexes: null
  template:
    spec:
      nodeSelector: {pool: cpu}
      tolerations: [{key: spot, operator: Exists}]
      containers:
        - name: task
          env: [{name: HOME, value: /tmp}]
          volumeMounts: [{name: plan, mountPath: /models, subPath: models}]
      volumes: [{name: scratch, emptyDir: {}}]
`,
  );
  const job = jobOf({ ...full, patch });
  assert.ok(isJob(JSON.parse(JSON.stringify(job))), ajv.errorsText(isJob.errors));
  assert.equal(job.metadata.namespace, 'other');
  assert.ok(!('maxFailedIndexes' in job.spec));
  const { containers, nodeSelector, tolerations, volumes } = job.spec.template.spec;
  assert.deepEqual(nodeSelector, { pool: 'cpu' });
  assert.equal(tolerations?.length, 1);
  assert.deepEqual(
    volumes?.map(({ name }) => name),
    ['plan', 'scratch'],
  );
  assert.equal(containers.length, 1);
  assert.equal(containers[0].image, full.image);
  assert.deepEqual(
    containers[0].env?.map(({ name, value }) => `${name}=${value}`),
    ['HOME=/tmp'],
  );
  assert.deepEqual(
    containers[0].volumeMounts?.map(({ mountPath }) => mountPath),
    ['/data', '/models'],
  );
});

test('more tasks than a Job has indices are refused', () => {
  const many = Array.from({ length: 100_001 }, (_, i) => i);
  assert.equal(
    messageOf(() => jobOf(full, { tasks: many, group: 4 })),
    'A Job has up to 100,000 tasks, and these are 100,001.\nGive --group 5 or more: as many points are one task then.',
  );
});

test('a patch that is none is refused with its place', () => {
  const patch = join(folder, 'bad.yaml');
  writeFileSync(patch, '- a\n');
  assert.match(
    messageOf(() => jobOf({ ...full, patch })),
    /bad\.yaml": holds no parts of a Job\.\nWrite it like a Job/,
  );
  writeFileSync(patch, 'a: [');
  assert.match(
    messageOf(() => jobOf({ ...full, patch })),
    /bad\.yaml": cannot be read: /,
  );
  assert.match(
    messageOf(() => jobOf({ ...full, patch: join(folder, 'none') })),
    /none": cannot be read: no such file/,
  );
});

/** A `kubectl` that keeps what it is given, and answers with a file. */
function fakeKubectl(script: string): void {
  writeFileSync(join(folder, 'kubectl'), `#!/bin/sh\ncd '${folder}'\n${script}\n`);
  chmodSync(join(folder, 'kubectl'), 0o755);
}

test('a Job is made with kubectl, and what it has yet to finish is not submitted again', {
  skip: process.platform === 'win32',
}, () => {
  fakeKubectl('case $1 in create) cat > applied.yaml;; *) echo "$@" > asked; cat answer.json;; esac');
  const name = submitKubernetes(folder, { ...tasks, tasks: [3, 5, 9, 10] }, full, {});
  const applied = parse(readFileSync(join(folder, 'applied.yaml'), 'utf8')) as Job;
  assert.equal(applied.metadata.name, name);
  const queued = (status: object) => {
    writeFileSync(join(folder, 'answer.json'), JSON.stringify({ status }));
    return kubernetesQueue(submissionsOf(folder))?.map(({ task }) => task);
  };
  assert.deepEqual(queued({}), [3, 5, 9, 10]);
  assert.equal(
    readFileSync(join(folder, 'asked'), 'utf8').trim(),
    `get job ${name} --ignore-not-found -o json --namespace training`,
  );
  assert.deepEqual(queued({ completedIndexes: '0-1', failedIndexes: '3' }), [9]);
  assert.deepEqual(queued({ completedIndexes: '0-1', conditions: [{ type: 'Failed', status: 'True' }] }), []);
  // A Job that is gone.
  writeFileSync(join(folder, 'answer.json'), '');
  assert.deepEqual(kubernetesQueue(submissionsOf(folder)), []);
  fakeKubectl('echo "no such host" >&2; exit 1');
  assert.equal(kubernetesQueue(submissionsOf(folder)), undefined);
  assert.equal(submissionsOf(folder).length, 1);
  const told = messageOf(() => submitKubernetes(folder, tasks, full, {}));
  assert.match(told, /^kubectl did not make the Job: no such host\nNothing was submitted\./);
  assert.equal(submissionsOf(folder).length, 1, 'what was refused was not submitted');
});
