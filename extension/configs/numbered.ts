/** Names that exporters number, which tell nothing of where a tensor comes from: `val_3`, `onnx::LSTM_17`, `W0__52`. */
export const isNumbered = (name: string): boolean =>
  /^(?:val_\d+|onnx::\w+|[WRB]\d*__\d+|const_fold_opt__\d+)$/.test(name);
