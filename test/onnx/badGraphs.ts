// Files that can be decoded and hold no valid graph, and exactly what is said about each (after the quoted name).
import { float, floats, info, Kind, linear, node, record } from './files.ts';

const text = (value: string) => Buffer.from(value, 'latin1');
const weights = (more: object) => linear({ initializer: [{ ...float('w', [2, 1], [1, 2]), ...more }] });
const f = (name: string, body: string[], more: object = {}) => ({
  name,
  domain: 'my',
  input: ['a'],
  output: ['b'],
  opsetImport: [{ domain: '', version: 17n }],
  node: body.map((line) => node(line, line.startsWith('F') ? { domain: 'my' } : {})),
  ...more,
});
const calling = (...functions: object[]) =>
  linear({ node: [node('F0(x) -> y', { domain: 'my' })] }, { functions: functions as never });

const invalid = 'The file is not valid ONNX (onnx.checker.check_model says more); export the model again.';
const damaged = 'The file is damaged; export the model again.';
const again = 'Export the model again.';
const noGraph = 'It may be truncated, or hold something else than a model; export it again.';

/** Name, bytes, and exactly what is said about them (after the quoted name of the file). */
export const badGraphs: readonly [name: string, bytes: Uint8Array, message: string][] = [
  ['nothing known', record(99, text('abc')), `: the file holds no graph.\n${noGraph}`],
  ['no graph', linear({}, { graph: undefined }), `: the file holds no graph.\n${noGraph}`],
  [
    'no opset_import',
    linear({}, { opsetImport: [] }),
    `: the model declares no operator set (opset_import).\n${again}`,
  ],
  [
    'only another domain',
    linear({}, { opsetImport: [{ domain: 'com.microsoft', version: 1n }] }),
    `, node "y" (MatMul): the model declares no version of the standard operators (opset_import), which this node uses.\n${again}`,
  ],
  [
    'opset 6',
    linear({}, { opsetImport: [{ domain: '', version: 6n }] }),
    ': the model uses opset 6; opsets 7 to 26 are read.\nConvert it with onnx.version_converter.convert_version(model, 17), or export it again with opset_version=17.',
  ],
  [
    'opset 27',
    linear({}, { opsetImport: [{ domain: 'ai.onnx', version: 27n }] }),
    ': the model uses opset 27; opsets 7 to 26 are read.\nExport it again with opset_version=20.',
  ],
  [
    'opset −1',
    linear({}, { opsetImport: [{ domain: '', version: -1n }] }),
    ': the model uses opset -1; opsets 7 to 26 are read.\nConvert it with onnx.version_converter.convert_version(model, 17), or export it again with opset_version=17.',
  ],
  [
    'two opsets',
    linear(
      {},
      {
        opsetImport: [
          { domain: '', version: 13n },
          { domain: 'ai.onnx', version: 17n },
        ],
      },
    ),
    `: the model imports the operator set "ai.onnx" in two versions, 13 and 17.\n${again}`,
  ],
  ['no outputs', linear({ output: [] }), `: the model has no outputs.\n${again}`],
  [
    'two initializers of one name',
    linear({ initializer: [float('w', [], [1]), float('w', [], [2])] }),
    `: two initializers are named "w".\n${again}`,
  ],
  ['initializer without name', weights({ name: '' }), `: an initializer has no name.\n${again}`],
  [
    'two inputs of one name',
    linear({ input: [info('x', [2]), info('x', [2])] }),
    `: two inputs are named "x".\n${invalid}`,
  ],
  ['input without name', linear({ input: [info('', [2])] }), `: an input of the model has no name.\n${again}`],
  [
    'two outputs of one name',
    linear({ node: [node('MatMul(x, w) -> y'), node('Relu(x) -> y')] }),
    `, node "y" (Relu): it computes "y", which is defined already.\n${invalid}`,
  ],
  [
    'output with the name of an input',
    linear({ node: [node('Relu(w) -> x')] }),
    `, node "x" (Relu): it computes "x", which is defined already.\n${invalid}`,
  ],
  [
    'output with the name of an initializer',
    linear({ node: [node('Relu(x) -> w')] }),
    `, node "w" (Relu): it computes "w", which is defined already.\n${invalid}`,
  ],
  [
    'one output twice',
    linear({ node: [node('Split(x) -> y, y')] }),
    `, node "y" (Split): it computes "y", which is defined already.\n${invalid}`,
  ],
  ['node without operator', linear({ node: [node('(x) -> y')] }), `, node "y": node 0 names no operator.\n${invalid}`],
  [
    'cycle',
    linear({ node: [node('Add(x, z) -> y'), node('Relu(y) -> z', { name: 'loop' })] }),
    ', node "y" (Add): the graph has a cycle through this node.\nA graph must not depend on itself; export the model again.',
  ],
  [
    'self-loop',
    linear({ node: [node('Add(x, y) -> y')] }),
    ', node "y" (Add): the graph has a cycle through this node.\nA graph must not depend on itself; export the model again.',
  ],
  [
    'missing inputs',
    linear({ node: [node('Add(a, b) -> y', { name: 'sum' })] }),
    `: the graph uses names that nothing computes: "a" (input of "sum", Add), "b" (input of "sum", Add).\n${invalid}`,
  ],
  [
    'many missing inputs',
    linear({ node: [node('Sum(a, b, c, d, e, f, g) -> y')] }),
    `: the graph uses names that nothing computes: "a" (input of "y", Sum), "b" (input of "y", Sum), "c" (input of "y", Sum), "d" (input of "y", Sum), "e" (input of "y", Sum) and 2 more.\n${invalid}`,
  ],
  [
    'dangling outputs',
    linear({ output: [info('y', []), info('z', []), info('__proto__', [])] }),
    `: the outputs "z", "__proto__" are computed nowhere.\n${invalid}`,
  ],
  [
    'hostile names',
    linear({ node: [node('Add(x, constructor) -> y', { name: '\u202e<b>\u0007`x`' })] }),
    `: the graph uses names that nothing computes: "constructor" (input of "\\u202e<b>\\u0007\`x\`", Add).\n${invalid}`,
  ],
  [
    'long name',
    linear({ output: [info('n'.repeat(100_000), [])] }),
    `: the output "${'n'.repeat(120)}…" is computed nowhere.\n${invalid}`,
  ],
  [
    'attribute twice',
    linear({ node: [node('Relu(x) -> y', { attribute: [{ name: 'a' }, { name: 'a' }] })] }),
    `, node "y" (Relu), attribute "a": there are two of this name.\n${again}`,
  ],
  [
    'negative dimension',
    weights({ dims: [-2n, 1n] }),
    `, initializer "w": it has the impossible shape [-2, 1].\n${damaged}`,
  ],
  [
    'huge dimension',
    weights({ dims: [2n ** 62n, 0n] }),
    `, initializer "w": it has the impossible shape [4611686018427387904, 0].\n${damaged}`,
  ],
  [
    'product beyond 2^53',
    weights({ dims: [2n ** 40n, 2n ** 40n] }),
    `, initializer "w": its shape [1099511627776, 1099511627776] is larger than any file.\n${damaged}`,
  ],
  [
    'product that wraps to the size of the data',
    weights({ dims: [2n ** 32n, 2n ** 32n, 2n] }),
    `, initializer "w": its shape [4294967296, 4294967296, 2] is larger than any file.\n${damaged}`,
  ],
  [
    'a terabyte',
    weights({ dims: [2n ** 38n] }),
    `, initializer "w": its shape [274877906944] and type float32 need 1099511627776 bytes, but the file has 8.\n${damaged}`,
  ],
  [
    'too few bytes',
    weights({ rawData: floats(1) }),
    `, initializer "w": its shape [2, 1] and type float32 need 8 bytes, but the file has 4.\n${damaged}`,
  ],
  [
    'half a value',
    weights({ rawData: new Uint8Array(7) }),
    `, initializer "w": its shape [2, 1] and type float32 need 8 bytes, but the file has 7.\n${damaged}`,
  ],
  [
    'values in the wrong field',
    weights({ rawData: new Uint8Array(), doubleData: [1, 2] }),
    `, initializer "w": its shape [2, 1] and type float32 need 2 values, but the file has 0.\n${damaged}`,
  ],
  [
    'no data',
    weights({ rawData: new Uint8Array() }),
    `, initializer "w": its shape [2, 1] and type float32 need 2 values, but the file has 0.\n${damaged}`,
  ],
  [
    'damaged tensor in an attribute',
    linear({
      node: [
        node('MatMul(x, c) -> y'),
        node('Constant() -> c', {
          attribute: [{ name: 'value', type: Kind.TENSOR, t: float('', [2, 1], [1]) as never }],
        }),
      ],
    }),
    `, node "c" (Constant), attribute "value": its shape [2, 1] and type float32 need 8 bytes, but the file has 4.\n${damaged}`,
  ],
  [
    'recursive function',
    calling(f('F0', ['F1(a) -> b']), f('F1', ['F0(a) -> b'])),
    `: function "F0" calls itself: "F0" → "F1" → "F0".\n${invalid}`,
  ],
  [
    'function that calls itself',
    calling(f('F0', ['F0(a) -> b'])),
    `: function "F0" calls itself: "F0" → "F0".\n${invalid}`,
  ],
  [
    'functions 33 deep',
    calling(...Array.from({ length: 33 }, (_, i) => f(`F${i}`, [i === 32 ? 'Relu(a) -> b' : `F${i + 1}(a) -> b`]))),
    ': functions nest deeper than 32, down to "F32".\nWrite the functions out with onnx.inliner.inline_local_functions.',
  ],
  [
    'functions that double 25 times',
    calling(
      ...Array.from({ length: 25 }, (_, i) =>
        f(`F${i}`, i === 24 ? ['Relu(a) -> b'] : [`F${i + 1}(a) -> c`, `F${i + 1}(c) -> b`]),
      ),
    ),
    ': the model has 16777216 nodes once its functions are written out; at most 1000000 are read.\nExport a smaller model.',
  ],
  [
    'function twice',
    calling(f('F0', ['Relu(a) -> b']), f('F0', ['Tanh(a) -> b'])),
    ': two functions are named "F0" (domain "my").\nOverloaded functions are not supported; inline them (onnx.inliner.inline_local_functions).',
  ],
  [
    'function without output',
    calling(f('F0', ['Relu(a) -> c'])),
    `, function "F0": it does not compute its output "b".\n${invalid}`,
  ],
  [
    'function with a missing input',
    calling(f('F0', ['Add(a, x) -> b'])),
    `: the graph uses names that nothing computes: "x" (input of "b", Add).\n${invalid}`,
  ],
  [
    'function of opset 3',
    calling(f('F0', ['Relu(a) -> b'], { opsetImport: [{ version: 3n }] })),
    ': function "F0" uses opset 3; opsets 7 to 26 are read.\nConvert it with onnx.version_converter.convert_version(model, 17), or export it again with opset_version=17.',
  ],
  [
    'sparse initializer of one name',
    linear({ sparseInitializer: [{ values: float('w', [1], [1]) }] } as never),
    `: two initializers are named "w".\n${again}`,
  ],
];
