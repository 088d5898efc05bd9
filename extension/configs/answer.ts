import { Analyser, analyseCells } from './analyse.ts';
import { parameterLines } from './parameterLines.ts';
import { withPlaces } from './places.ts';
import { type AnalysisResult, type AnalysisTask, NO_RESULT, type Place } from './protocol.ts';
import type { Surroundings } from './python/analyse.ts';
import { trainingFacts } from './training.ts';
import { FolderWorkspace } from './workspace.ts';

const analyser = new Analyser();

/** Carries out one task; an error of the analysis itself leaves the result empty, and is told of as such. */
export function answer(task: AnalysisTask): AnalysisResult {
  try {
    return carriedOut(task);
  } catch {
    return { ...NO_RESULT, incomplete: 'failed' };
  }
}

function carriedOut(task: AnalysisTask): AnalysisResult {
  if (task.kind === 'forget') {
    analyser.forget(task.uri);
    return NO_RESULT;
  }
  if (task.kind === 'training') return { ...NO_RESULT, training: trainingFacts(task.text) };
  const { workspace, around } = surroundings(task.place);
  if (task.kind === 'lines') {
    const lines = parameterLines(task.text, task.tensors, task.others, around);
    return { ...NO_RESULT, lines, asked: workspace?.asked ?? [] };
  }
  const { configs, isPartial } =
    task.kind === 'cells' ? analyseCells(task.cells, around) : analyser.analyse(task.uri, task, around);
  const most = task.most ?? Number.POSITIVE_INFINITY;
  const incomplete = configs.length > most ? 'many' : isPartial ? 'nested' : undefined;
  return {
    ...NO_RESULT,
    configs: withPlaces(configs.slice(0, most), {
      ...(task.kind === 'cells' ? { cells: task.cells } : task.language !== 'notebook' && { own: task.text }),
      file: (path) => workspace?.read(path),
      root: task.place?.root ?? '',
    }),
    asked: workspace?.asked ?? [],
    ...(task.kind === 'text' && task.tellsSights && { sights: workspace?.sights ?? [] }),
    ...(incomplete && { incomplete }),
  };
}

function surroundings(place: Place | undefined): { workspace?: FolderWorkspace; around?: Surroundings } {
  if (!place) return {};
  const workspace = new FolderWorkspace(place.root, new Map(place.open));
  return { workspace, around: { path: place.path, workspace } };
}
