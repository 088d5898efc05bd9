import { basename } from 'node:path';
import * as vscode from 'vscode';
import { inEditor } from '../../shared/editorWords.ts';
import { setting, shorten } from '../../shared/format.ts';
import { capitalised, strength } from '../../shared/verdict.ts';
import { typedCommand } from '../typedCommand.ts';
import { type Entry, type State, stateOf } from './entries.ts';

/** What the Runs view shows of an entry. Names come from files: plain text, never Markdown. */
export function treeItem(entry: Entry): vscode.TreeItem {
  const { folder, name } = entry;
  const state = stateOf(entry);
  const item = new vscode.TreeItem(name);
  item.id = folder;
  item.description = describe(entry);
  item.iconPath = new vscode.ThemeIcon(icon(entry, state));
  item.contextValue = contextValue(entry, state);
  item.tooltip = tooltip(entry, state);
  item.accessibilityInformation = { label: [name, kinds[entry.kind], stateWords(state), item.description].join(', ') };
  if (entry.kind === 'damaged') return item;
  if (entry.kind === 'plan') {
    item.command = typedCommand('Open', 'optimizerBias.collectPlan', { folder });
    return item;
  }
  item.command = typedCommand('Open', entry.kind === 'run' ? 'optimizerBias.openRun' : 'optimizerBias.openExperiment', {
    folder,
  });
  if (entry.kind === 'sweep') item.collapsibleState = vscode.TreeItemCollapsibleState.Collapsed;
  return item;
}

const kinds: Readonly<Record<Entry['kind'], string>> = {
  run: 'inspection',
  sweep: 'sweep',
  experiment: 'experiment',
  plan: 'plan',
  damaged: 'folder',
};

/** What the menus of an entry depend on. */
function contextValue(entry: Entry, state: State): string {
  if (entry.kind === 'run') return entry.point ? 'point' : 'run';
  if (entry.kind === 'plan') return state === 'finished' ? 'plan' : 'plan.unfinished';
  if (entry.kind !== 'sweep') return entry.kind;
  return state !== 'running' && entry.done < entry.sweep.points.length ? 'sweep.unfinished' : 'sweep';
}

/** The settings, or what came out, in a few words. */
export function describe(entry: Entry): string {
  switch (entry.kind) {
    case 'run': {
      const { hKappaLimit, optimizer, effect, reference } = entry.run.header;
      const { lr, beta2 } = optimizer.hyper;
      const measured =
        effect && reference?.converged ? `${effect.headline} against ${shorten(reference.label)}` : undefined;
      const said = hKappaLimit === null || hKappaLimit === undefined ? optimizer.title : strength(hKappaLimit);
      return [measured ?? said, lr !== undefined && `lr ${setting(lr)}`, beta2 !== undefined && `β₂ ${setting(beta2)}`]
        .filter(Boolean)
        .join(' · ');
    }
    case 'sweep': {
      const { request, points } = entry.sweep;
      const axes = request.axes.map(({ name, values }) => `${name} ${values.map(setting).join(', ')}`);
      return [...axes, entry.done < points.length && `${entry.done} of ${points.length} points`]
        .filter(Boolean)
        .join(' · ');
    }
    case 'plan': {
      const { done, running, queued, failed } = entry.counts;
      const told = Object.entries({ running, queued, failed }).flatMap(([state, n]) =>
        n > 0 ? [`${n} ${state}`] : [],
      );
      return [entry.of, [`${done} of ${entry.points} points`, ...told].join(', ')].join(' · ');
    }
    case 'damaged':
      return 'cannot be read';
    case 'experiment': {
      const { title, result } = entry.experiment;
      const agreement = result?.agreement === 'measured' ? undefined : result?.agreement;
      return [title, agreement].filter(Boolean).join(' · ');
    }
  }
}

const stateWords = (state: State): string => (state === 'cancelled' ? 'stopped by you' : state);

const stateIcons: Readonly<Record<State, string>> = {
  waiting: 'clock',
  finished: 'pass',
  running: 'sync~spin',
  cancelled: 'circle-slash',
  failed: 'error',
  interrupted: 'warning',
  damaged: 'warning',
};

/** Finished sweeps and experiments are told apart from inspections; for all others the state matters more. */
function icon(entry: Entry, state: State): string {
  if (state !== 'finished') return stateIcons[state] ?? 'circle-outline';
  return {
    run: stateIcons.finished,
    sweep: 'layers',
    experiment: 'beaker',
    plan: 'checklist',
    damaged: stateIcons.damaged,
  }[entry.kind];
}

function tooltip(entry: Entry, state: State): string {
  const when = `${capitalised(stateWords(state))}, ${new Date(entry.started).toLocaleString()}`;
  return [...details(entry), when, failure(entry)].filter(Boolean).join('\n');
}

function details(entry: Entry): string[] {
  switch (entry.kind) {
    case 'run': {
      const { model, optimizer, data, loss, device, hKappaLimit, effect } = entry.run.header;
      const hyper = Object.entries(optimizer.hyper).map(([key, value]) => `${key} ${setting(value)}`);
      return [
        model.path,
        `${optimizer.title}: ${hyper.join(', ')}`,
        `${data.samples} samples, ${loss}, ${device}`,
        effect?.sentence ?? '',
        typeof hKappaLimit === 'number' ? `In the long run, by the settings alone: ${strength(hKappaLimit)}` : '',
      ];
    }
    case 'sweep': {
      const { base, seeds } = entry.sweep.request;
      return [
        `${basename(base.model)}, ${base.optimizer}, ${base.steps} steps`,
        describe(entry),
        seeds.length > 1 ? `seeds ${seeds.join(', ')}` : '',
      ];
    }
    case 'plan':
      return [`Plan of a ${entry.of}`, describe(entry)];
    case 'damaged':
      return ['What this folder was to hold is damaged, or was written by another version. It can be deleted.'];
    case 'experiment': {
      const { title, figure, result } = entry.experiment;
      return [title, figure, result?.sentence ?? ''];
    }
  }
}

function failure(entry: Entry): string {
  if (entry.kind === 'sweep' || entry.kind === 'plan' || entry.kind === 'damaged') return '';
  const message = entry.kind === 'run' ? entry.run.header.message : entry.experiment.message;
  return message === undefined ? '' : inEditor(message, entry.kind === 'run' ? 'inspect' : 'experiment');
}
