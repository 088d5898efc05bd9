/** The calls of both PyTorch exporters that keep names, normalisation, tied and separate parameters as they are. */
export const wholeExport = {
  dynamo: 'torch.onnx.export(model, args, "model.onnx", dynamo=True, optimize=False, external_data=False)',
  legacy:
    'torch.onnx.export(model, args, "model.onnx", dynamo=False, training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False)',
} as const;
