import * as vscode from 'vscode';
import { argumentMarkdown, hoverMarkdown } from '../../advice/hover.ts';
import { measuredMarkdown } from '../../advice/measured.ts';
import type { OptimizerConfig } from '../../configs/config.ts';
import type { MeasuredRun } from '../../shared/protocol.ts';
import { type Configurations, SELECTOR } from '../configurations.ts';
import { documentationLink } from '../documentation/documentation.ts';
import type { Settings } from '../settings.ts';
import { measuredFor } from './measuredFor.ts';
import type { MeasuredRuns } from './measuredRuns.ts';
import { type PictureTheme, strengthPicture } from './strengthPicture.ts';

/** What the settings under the mouse do, on an optimizer's name and on each of its arguments. */
export function registerHover(
  configurations: Configurations,
  settings: Settings,
  runs: MeasuredRuns,
): vscode.Disposable {
  return vscode.languages.registerHoverProvider(SELECTOR, {
    async provideHover(document, position, token) {
      if (token.isCancellationRequested || !settings.get('hover.enabled', document)) return undefined;
      const target = await configurations.at(document, position);
      if (!target || token.isCancellationRequested) return undefined;
      const { config, hyperparameter, range } = target;
      const text = hyperparameter
        ? argumentMarkdown(config, hyperparameter)
        : constructorMarkdown(config, await measuredFor(runs, config, document, patience));
      return text === undefined ? undefined : new vscode.Hover(restricted(text), range);
    },
  });
}

/** How long the hover waits for the disk; what comes later is there the next time. */
const patience = 15;

/** Editors show about 250 pixels without scrolling: the verdict, a warning and the picture. */
function constructorMarkdown(config: OptimizerConfig, run: MeasuredRun | undefined): string {
  const picture = strengthPicture(config, pictureTheme(vscode.window.activeColorTheme.kind));
  const links = [
    `[What this means](${documentationLink('strength')})`,
    '[On the Implicit Bias of Adam](https://arxiv.org/abs/2309.00079)',
    `[On batch sizes](https://arxiv.org/abs/2602.01642)`,
  ].join(' · ');
  return hoverMarkdown(config, {
    ...(picture && { picture: picture.markdown }),
    ...(run && { measured: measuredMarkdown(run) }),
    footer: links,
  });
}

/** Links may open this extension's documentation and web pages, and run nothing else. */
function restricted(text: string): vscode.MarkdownString {
  const markdown = new vscode.MarkdownString(text);
  markdown.isTrusted = { enabledCommands: ['optimizerBias.openDocumentation'] };
  return markdown;
}

function pictureTheme(kind: vscode.ColorThemeKind): PictureTheme {
  switch (kind) {
    case vscode.ColorThemeKind.Light:
      return 'light';
    case vscode.ColorThemeKind.HighContrast:
      return 'contrastDark';
    case vscode.ColorThemeKind.HighContrastLight:
      return 'contrastLight';
    default:
      return 'dark';
  }
}
