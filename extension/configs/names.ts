/** Names of optimizers in strings, reduced to letters and digits, to canonical names. */
const NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    adam: 'adam',
    adamw: 'adamw',
    nadam: 'nadam',
    nadamw: 'nadam',
    radam: 'radam',
    adamax: 'adamax',
    adadelta: 'adadelta',
    adagrad: 'adagrad',
    rmsprop: 'rmsprop',
    rmsproptf: 'rmsprop',
    sgd: 'sgd',
    momentum: 'sgd',
    nesterov: 'sgd',
    lion: 'lion',
    signum: 'signum',
    signsgd: 'signsgd',
    lamb: 'lamb',
    lars: 'lars',
    adafactor: 'adafactor',
    asgd: 'asgd',
    rprop: 'rprop',
    lbfgs: 'lbfgs',
    sparseadam: 'sparse_adam',
    amsgrad: 'amsgrad',
    muon: 'muon',
    ftrl: 'ftrl',
    fusedadam: 'adam',
    fusedadamw: 'adamw',
    fusedsgd: 'sgd',
    fusedlamb: 'lamb',
  }),
);

/** Suffixes and prefixes that name an implementation, not an algorithm. */
const VARIANT = /^paged|8bit$|32bit$|4bit$/g;

/** The canonical name of `AdamW`, `adam_w`, `paged_adamw_8bit`, `torch.optim.SGD`; undefined for anything else. */
export function optimizerNamed(text: string): string | undefined {
  if (text.length > 60) return undefined;
  const last = text.slice(text.lastIndexOf('.') + 1);
  const reduced = last
    .toLowerCase()
    .replace(/[\s_-]/g, '')
    .replace(VARIANT, '');
  return NAMES.get(reduced);
}

/** Values of Hugging Face's `optim`: an algorithm and an implementation. Others (`galore_adamw`, …) are other algorithms. */
const HUGGING_FACE =
  /^(?:paged_)?(adamw|adam|lion|sgd|adagrad|rmsprop|adafactor)(?:_(?:torch|hf|apex|fused|xla|npu|bnb|anyprecision|8bit|32bit|4bit|4bit_gl|tpu))*$/;

/** Whether a name is one that only Hugging Face's trainer and what builds on it have (`adamw_bnb_8bit`, not `adamw`). */
export function isHuggingFaceName(text: string): boolean {
  return text.includes('_') && !/^adam_w$/i.test(text) && HUGGING_FACE.test(text.toLowerCase());
}

/** The canonical name of a Hugging Face `optim` value (`adamw_torch_fused`, `paged_lion_8bit`); undefined for others. */
export function huggingFaceOptimizer(text: string): string | undefined {
  return HUGGING_FACE.exec(text.toLowerCase())?.[1];
}
