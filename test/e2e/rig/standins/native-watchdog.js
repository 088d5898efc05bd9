// In place of native-watchdog, which only ends an orphaned extension host whose event loop is blocked.
exports.start = () => {};
exports.exit = (code) => process.exit(code ?? 0);
