import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** Why there can be no SLURM here, or false: what `test` takes as its `skip`. */
export const slurmMissing = (): string | false => {
  const missing = ['munged', 'slurmctld', 'slurmd', 'sbatch'].filter(
    (name) => !['/usr/sbin', '/usr/bin', '/usr/local/bin', '/usr/local/sbin'].some((at) => existsSync(join(at, name))),
  );
  return missing.length > 0 && `${missing.join(', ')} not installed (apt-get install slurm-wlm munge)`;
};

/** One task of an array as `squeue` tells it. */
export interface QueuedTask {
  /** The number of the whole array. */
  readonly job: string;
  readonly index: number;
  readonly state: string;
  readonly reason: string;
  readonly node: string;
}

/**
 * A SLURM of its own on the loopback: munged with a key of its own, a controller without an accounting database, and two
 * nodes, `n1` and `n2`, with `cpus` processors each. Jobs of the partition `high` take nodes away from those of the others:
 * in `low`, the default one, a job is told by the signal that it asked for and has a minute; in `spot` it is ended by SIGTERM at
 * once. Either is put back into the queue.
 */
export class Slurm {
  private readonly supervisor: ChildProcess;

  private constructor(
    /** Everything that it writes. */
    readonly folder: string,
    /** For `sbatch` and the others: where the configuration is. */
    readonly env: NodeJS.ProcessEnv,
  ) {
    const daemons = [
      ['munged', '--foreground', '--force', ...mungeFiles(folder)],
      ['slurmctld', '-D', '-c'],
      ['slurmd', '-D', '-N', 'n1'],
      ['slurmd', '-D', '-N', 'n2'],
    ];
    // The shell ends them when its input does: also where the process of the tests is killed.
    const lines = daemons.map((words, i) => `${words.join(' ')} >daemon${i}.out 2>&1 </dev/null & pids="$pids $!"`);
    const shell = `PATH=$PATH:/usr/sbin\n${lines.join('\nsleep 0.2\n')}\ncat >/dev/null\nkill $pids; wait`;
    this.supervisor = spawn('bash', ['-c', shell], { cwd: folder, env, stdio: ['pipe', 'ignore', 'ignore'] });
  }

  /** Starts it, and waits until both nodes are idle. Throws with the daemons' own words where they do not come up. */
  static async start({ cpus = 4 } = {}): Promise<Slurm> {
    const folder = mkdtempSync(join(tmpdir(), 'slurm-'));
    chmodSync(folder, 0o755);
    for (const name of ['state', 'n1', 'n2']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'munge.key'), randomBytes(1024), { mode: 0o400 });
    writeFileSync(join(folder, 'slurm.conf'), configuration(folder, await freePorts(3), cpus));
    writeFileSync(join(folder, 'cgroup.conf'), 'CgroupAutomount=no\n');
    const slurm = new Slurm(folder, { ...process.env, SLURM_CONF: join(folder, 'slurm.conf') });
    try {
      await slurm.until(() => slurm.run('sinfo', '-h', '-N', '-p', 'low', '-o', '%T') === 'idle\nidle', 30);
    } catch {
      const told = ['daemon0.out', 'daemon1.out', 'daemon2.out', 'daemon3.out']
        .map((name) => slurm.tail(name))
        .join('\n');
      await slurm.stop();
      throw new Error(`SLURM did not start.\n${told}`);
    }
    return slurm;
  }

  /** Ends its jobs and its daemons, and takes its folder away. */
  async stop(): Promise<void> {
    try {
      this.run('scancel', '--me');
      this.run('scancel', '--me', '--signal=KILL');
      await this.until(() => this.run('squeue', '-h') === '', 10);
    } catch {
      // The controller does not answer: what runs ends with the daemons.
    }
    const gone = new Promise((done) => this.supervisor.once('exit', done));
    this.supervisor.stdin?.end();
    await gone;
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What one of SLURM's own programs answers, without the last line's end. Throws where it fails. */
  run(program: string, ...args: string[]): string {
    return execFileSync(program, args, {
      env: this.env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trimEnd();
  }

  /** The tasks of the user's arrays that are waiting, running or ending. */
  queue(): QueuedTask[] {
    const lines = this.run('squeue', '-h', '-r', '-o', '%F|%K|%T|%r|%N').split('\n');
    return lines
      .filter((line) => line !== '')
      .map((line) => {
        const [job, index, state, reason, node] = line.split('|');
        return { job, index: Number(index), state, reason, node };
      });
  }

  /**
   * Waits until nothing is left in the queue. SLURM lets a task that was put back wait for two minutes, during which its node
   * may clean up. Here two seconds are enough: what begins in the second in which it was ended is taken for what was ended.
   */
  async drained(seconds: number): Promise<void> {
    const hastened = new Map<string, number>();
    await this.until(() => {
      const queue = this.queue();
      for (const { job, index, reason } of queue) {
        const task = `${job}_${index}`;
        // It says so for a moment longer than it waits, and may come back later for another time.
        if (reason !== 'BeginTime' || performance.now() - (hastened.get(task) ?? Number.NEGATIVE_INFINITY) < 5000)
          continue;
        hastened.set(task, performance.now());
        this.run('scontrol', 'update', `JobId=${task}`, 'StartTime=now+2');
      }
      return queue.length === 0;
    }, seconds);
  }

  /** Waits until something holds; throws after a time that is only reached where it never does. */
  async until(holds: () => boolean, seconds: number): Promise<void> {
    for (const end = Date.now() + seconds * 1000; ; await pause(100)) {
      try {
        if (holds()) return;
      } catch (error) {
        if (Date.now() > end) throw error;
      }
      if (Date.now() > end) throw new Error(`Waited ${seconds} s in vain; in the queue: ${this.tail('ctld.log')}`);
    }
  }

  private tail(name: string): string {
    try {
      return `${name}: …${readFileSync(join(this.folder, name), 'utf8').slice(-1500)}`;
    } catch {
      return `${name}: nothing`;
    }
  }
}

const mungeFiles = (folder: string): string[] =>
  Object.entries({ socket: 'munge.sock', 'key-file': 'munge.key', 'pid-file': 'munge.pid', 'log-file': 'munge.log' })
    .map(([option, name]) => `--${option}=${join(folder, name)}`)
    .concat(`--seed-file=${join(folder, 'munge.seed')}`);

/** Neither accounting nor control groups: it has to come up in a container, for root and for anybody else. */
function configuration(folder: string, [controller, ...nodes]: readonly number[], cpus: number): string {
  const host = hostname().split('.')[0];
  const user = userInfo().username;
  const settings: Readonly<Record<string, string | number>> = {
    ClusterName: 'loopback',
    SlurmctldHost: `${host}(127.0.0.1)`,
    SlurmctldPort: controller,
    SlurmUser: user,
    SlurmdUser: user,
    AuthType: 'auth/munge',
    AuthInfo: `socket=${join(folder, 'munge.sock')}`,
    StateSaveLocation: join(folder, 'state'),
    SlurmdSpoolDir: join(folder, '%n'),
    SlurmctldPidFile: join(folder, 'ctld.pid'),
    SlurmdPidFile: join(folder, '%n.pid'),
    SlurmctldLogFile: join(folder, 'ctld.log'),
    SlurmdLogFile: join(folder, '%n.log'),
    SlurmdParameters: 'config_overrides',
    ProctrackType: 'proctrack/linuxproc',
    TaskPlugin: 'task/none',
    SwitchType: 'switch/none',
    MpiDefault: 'none',
    JobAcctGatherType: 'jobacct_gather/none',
    AccountingStorageType: 'accounting_storage/none',
    SelectType: 'select/cons_tres',
    SelectTypeParameters: 'CR_CPU',
    SchedulerType: 'sched/backfill',
    SchedulerParameters: 'sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0',
    PreemptType: 'preempt/partition_prio',
    PreemptMode: 'REQUEUE',
    SlurmctldParameters: 'preempt_send_user_signal',
    KillWait: 10,
    ReturnToService: 2,
    MaxArraySize: 101,
  };
  return [
    ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
    ...nodes.map(
      (port, i) =>
        `NodeName=n${i + 1} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${port} CPUs=${cpus} RealMemory=2000 State=UNKNOWN`,
    ),
    'PartitionName=low Nodes=n1,n2 Default=YES PriorityTier=1 GraceTime=60 MaxTime=INFINITE State=UP',
    'PartitionName=spot Nodes=n1,n2 PriorityTier=1 GraceTime=0 MaxTime=INFINITE State=UP',
    'PartitionName=high Nodes=n1,n2 PriorityTier=10 PreemptMode=off MaxTime=INFINITE State=UP',
    '',
  ].join('\n');
}

/** Ports that nobody listens on; all are held until the last is known, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}
