// Stands in the place of the extension's bundle in tests inside the extension host, between the editor and the extension. It
// leaves for the tests in `globalThis.witness` what the one hands to the other.
const vscode = require('vscode');
const extension = require('./bundle.js');

exports.activate = (context) => {
  const trees = new Map();
  const { createTreeView } = vscode.window;
  vscode.window.createTreeView = (view, options) => {
    trees.set(view, options.treeDataProvider);
    return createTreeView(view, options);
  };
  globalThis.witness = { context, trees, activate: () => extension.activate(context) };
  extension.activate(context);
};
