import { optimizers } from '../optimizers/registry.ts';

/** Parts of names that a text about optimizers has, as alternatives of a pattern that ignores case. */
export const NAME_PARTS =
  'adam|sgd|(?<!il)lion|rmsprop|signum\\b|ada(?:factor|grad|delta|n\\b)|lamb\\b|lars\\b|adopt|muon|prodigy|schedulefree|shampoo|soap|sophia|mindspore\\.nn';
/** Names of their arguments, as whole words or as a part of a longer one. */
export const ARGUMENT_NAMES =
  /\b(?:lr|learning_rate|betas?|beta_?[12]|b[12]|eps(?:ilon)?|weight_decay|momentum)\b|(?:learning_rate|weight_decay|momentum)/i;
/** The one of them that a configuration file is read for even where it has none of the usual keys. */
export const TELLING_PART = 'adam';

/** True for Adam and its kin. */
export const isAdamLike = (name: string): boolean => name.toLowerCase().includes(TELLING_PART);
/** True for Adam itself, a name that the Trainer of transformers does not have. */
export const isPlainAdam = (name: string): boolean => reduced(name) === TELLING_PART;

const reduced = (name: string): string => name.toLowerCase().replace(/[^a-z\d]/g, '');

/** Names of optimizers in strings, reduced to letters and digits, to canonical names: their own, and what else libraries call them. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ...optimizers.flatMap(({ name, aliases = {} }) =>
    [name, ...Object.keys(aliases)].map((own): [string, string] => [reduced(own), own]),
  ),
  ...Object.entries({
    nadamw: 'nadam',
    radam: 'radam',
    adamax: 'adamax',
    adadelta: 'adadelta',
    rmsproptf: 'rmsprop',
    momentum: 'sgd',
    nesterov: 'sgd',
    lamb: 'lamb',
    lars: 'lars',
    adafactor: 'adafactor',
    asgd: 'asgd',
    rprop: 'rprop',
    lbfgs: 'lbfgs',
    sparseadam: 'sparse_adam',
    muon: 'muon',
    ftrl: 'ftrl',
    // Apex, DeepSpeed, NeMo: AdamW unless `adam_w_mode` is off.
    fusedadam: 'adamw',
    distributedfusedadam: 'adamw',
    megatronfusedadam: 'adamw',
    fusedadamw: 'adamw',
    fusedsgd: 'sgd',
    fusedlamb: 'lamb',
    cpuadam: 'adamw',
    deepspeedcpuadam: 'adamw',
    hybridadam: 'adamw',
    // AllenNLP; MosaicML's Composer.
    huggingfaceadamw: 'adamw',
    decoupledadamw: 'adamw',
    decoupledsgdw: 'sgd',
    decoupledlionw: 'lion',
  }),
]);

/**
 * Optimizers for which nothing is predicted, by their names as people write them: what belongs to one is separated by
 * spaces, the first is the title. Names that are also ordinary words count only where something else speaks for them.
 */
const OTHERS =
  `AdEMAMix SimplifiedAdEMAMix, AdaBelief, AdaBound, AdaBoundW, AdaHessian, Adai, AdaMod, AdamP, SGDP, Adan,
ADOPT, Adam-mini Adammini, AdamAtan2, AdaLOMO, LOMO, AdaSmooth, AggMo, AMOS, APOLLO APOLLOAdamW, CAME, D-Adaptation
DAdaptAdam DAdaptAdaGrad DAdaptAdan DAdaptLion DAdaptSGD DAdaptAdamW, DiffGrad, Dion, DoG DoWG LDoG, Fromage, FTRL, GaLore
GaLoreAdamW GaLoreAdafactor QGaLoreAdamW, Gravity, GrokAdamW, Kate, PSGD Kron ForeachPSGDKron, LaProp, LARS FusedLARS,
LAMB DistributedFusedLAMB OneBitLamb, Lookahead, MADGRAD MirrorMADGRAD, MARS, MSVAG, Muon MuonWithAuxAdam
SingleDeviceMuon SingleDeviceMuonWithAuxAdam DistMuon MuonAdamW ForeachMuon, NormMuon NorMuon, Nero, NovoGrad
FusedNovoGrad, PAdam, PID, Prodigy, QHAdam, QHM, Ranger RangerQH RangerVA, Ranger21, SAM, ScheduleFree ScheduleFreeWrapper
AdamWScheduleFree AdamWScheduleFreeReference AdamWScheduleFreePaper SGDScheduleFree RAdamScheduleFree
ScheduleFreeAdamW ScheduleFreeRAdam ScheduleFreeSGD ForeachSFAdamW, Shampoo DistributedShampoo ScalableShampoo, SM3, SOAP
ForeachSOAP, Sophia SophiaG SophiaH, StableAdamW, SWATS, Tiger, Yogi, ZeroOneAdam, AdaFisher, Adalite, AdaNorm,
AccSGD, A2Grad, AdaShift, Avagrad, Grams, ExAdam, Conda, FOCUS, EmoNavi, RACS, Alice, SPAM StableSPAM, SPlus, SRMM, SNGM,
VSGD, TAM, OptimisticAdam, Rprop`
    .split(',')
    .map((entry) => entry.trim().split(/\s+/));

const OTHER_NAMES: ReadonlyMap<string, { readonly optimizer: string; readonly title: string }> = new Map(
  OTHERS.flatMap(([title, ...more]) =>
    [title, ...more].map((name) => [reduced(name), { optimizer: reduced(title), title }] as const),
  ),
);
const TITLES: ReadonlyMap<string, string> = new Map(OTHERS.map(([title]) => [reduced(title), title]));

/** How people write the name of an optimizer for which nothing is predicted; undefined for others. */
export const otherTitle = (optimizer: string): string | undefined => TITLES.get(optimizer);

/** Suffixes and prefixes that name an implementation, not an algorithm. */
const VARIANT = /^paged|(?:blockwise|layerwise)?(?:8bit|32bit|4bit|fp8|bf16)$/g;

/** The canonical name of `AdamW`, `adam_w`, `paged_adamw_8bit`, `torch.optim.SGD`; undefined for anything else. */
export function optimizerNamed(text: string): string | undefined {
  if (text.length > 60) return undefined;
  const last = text.slice(text.lastIndexOf('.') + 1);
  const name = reduced(last).replace(VARIANT, '');
  // timm puts what is done around an optimizer before its name.
  if (name.startsWith('lookahead')) return 'lookahead';
  return NAMES.get(name) ?? OTHER_NAMES.get(name)?.optimizer;
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

const KERAS_CLASSES: ReadonlyMap<string, string> = new Map(
  'Adam AdamW Nadam Adamax Adadelta RMSprop SGD Adagrad Lion Ftrl Adafactor Lamb Muon'
    .split(' ')
    .map((name) => [name.toLowerCase(), name]),
);

/** Keras' class of a name in a text, as `compile` takes it. */
export const kerasClass = (text: string): string | undefined =>
  KERAS_CLASSES.get(text.slice(text.lastIndexOf('>') + 1).toLowerCase());

const TORCH_CLASSES: ReadonlyMap<string, string> = new Map(
  'Adam AdamW NAdam RAdam Adamax Adadelta Adagrad RMSprop SGD ASGD Rprop'
    .split(' ')
    .map((name) => [reduced(name), name]),
);

/** PyTorch's class of a canonical name. */
export const torchClass = (optimizer: string): string | undefined => TORCH_CLASSES.get(optimizer);

/** Classes with a prediction that no table of a library has. */
const WITHOUT_LIBRARY = ['signum'];

/**
 * The canonical name of an optimizer that is known by its class's name alone, in whatever module it is: nothing is predicted for
 * it, or no table of a library has it. Undefined for others.
 */
export function otherOptimizer(name: string): string | undefined {
  const found = reduced(name).replace(VARIANT, '');
  return WITHOUT_LIBRARY.includes(found) ? found : OTHER_NAMES.get(found)?.optimizer;
}
