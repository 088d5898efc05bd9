import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';

/** Where the scripts and style sheets of webviews are. */
const pages = (extension: vscode.Uri) => vscode.Uri.joinPath(extension, 'dist', 'webview');

/** What a webview may do: run our scripts, and read nothing but our folder. */
export const pageOptions = (extension: vscode.Uri): vscode.WebviewOptions => ({
  enableScripts: true,
  localResourceRoots: [pages(extension)],
});

/** What stands on the tabs of webviews. */
export const pageIcon = (extension: vscode.Uri): vscode.Uri => vscode.Uri.joinPath(extension, 'media', 'icon.svg');

/**
 * The page of a webview: an empty body with one script. Nothing but our script (by its nonce), our style sheet and the style
 * elements of the toolkit (by the same nonce) is accepted.
 */
export function pageHtml(
  webview: vscode.Webview,
  extension: vscode.Uri,
  name: 'panel' | 'model' | 'experiment',
  title: string,
): string {
  const nonce = randomBytes(16).toString('base64');
  const address = (file: string) => webview.asWebviewUri(vscode.Uri.joinPath(pages(extension), file));
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src ${webview.cspSource} 'nonce-${nonce}';`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta property="csp-nonce" content="${nonce}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${address(name === 'experiment' ? 'experiment.css' : 'panel.css')}">
<title>${title}</title>
</head>
<body>
<script nonce="${nonce}" src="${address(`${name}.js`)}"></script>
</body>
</html>`;
}
