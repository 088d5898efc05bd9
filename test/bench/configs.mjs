// How long the analysis of a long file takes: `node test/bench/configs.mjs`. Goals, after warm-up: 10,000 lines of Python
// whose functions mostly do not concern optimizers under 50 ms; an edit of it faster. Prints medians; judges nothing.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundle } from '../../extension/build.mjs';

const out = mkdtempSync(join(tmpdir(), 'bench-'));
await bundle({
  entryPoints: [fileURLToPath(new URL('../../extension/configs/analyse.ts', import.meta.url))],
  outdir: out,
  sourcemap: false,
});
const { Analyser, analyse } = (await import(pathToFileURL(join(out, 'analyse.js')).href)).default;
rmSync(out, { recursive: true });

const block = (i, word) => `class Net${i}(nn.Module):
    """Two layers."""
    def __init__(self, hidden=128, p=0.1):
        super().__init__()
        self.fc1 = nn.Linear(hidden, hidden * 2, bias=True)
        # a comment
        self.items = {"${word}": 1, "b": [1, 2, 3]}

    def forward(self, x, mask=None):
        if mask is not None:
            x = x * mask[:, None]
        for layer in self.layers:
            x = layer(x) + F.relu(self.fc1(x), inplace=False)
        return self.drop(x).view(-1, 10)

`;
const python = (lines, word) =>
  `import torch\n${Array.from({ length: Math.ceil(lines / 15) }, (_, i) => block(i, word)).join('')}torch.optim.Adam(net.parameters(), lr=1e-3)\n`;
const yaml = `items:\n${'  - {name: a, lr: 0.1, values: [1, 2, 3]}\n'.repeat(2000)}optimizer: adam\nlr: 1e-3\n`;

function median(run, times = 15) {
  const taken = [];
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    run(i);
    taken.push(performance.now() - start);
  }
  return taken.sort((a, b) => a - b)[times >> 1];
}

const report = (name, ms) => console.log(`${name.padEnd(58)} ${ms.toFixed(1).padStart(8)} ms`);
for (const [name, word] of [
  ['10,000 lines of Python', 'a'],
  ['10,000 lines of Python, "lr" in every second function', 'lr'],
]) {
  let text = python(10_000, word);
  report(
    name,
    median((i) => analyse({ path: 'f', language: 'python', text: `${text}#${i}` })),
  );
  const analyser = new Analyser();
  analyser.analyse('f', { language: 'python', text });
  const edit = () => {
    text = `${text.slice(0, text.length >> 1)} ${text.slice(text.length >> 1)}`;
    analyser.analyse('f', { language: 'python', text });
  };
  report('  one character typed in the middle', median(edit));
}
report(
  '200 lines of Python',
  median((i) => analyse({ path: 'f', language: 'python', text: `${python(200, 'lr')}#${i}` })),
);
report(
  '2,000 lines of YAML',
  median(() => analyse({ path: 'f', language: 'yaml', text: yaml }), 5),
);
report(
  '5 MB of Python, one list',
  median(
    () =>
      analyse({
        path: 'f',
        language: 'python',
        text: `import torch\nadam = [\n${'    1.5, 2.5, 3.5,\n'.repeat(250_000)}]\n`,
      }),
    3,
  ),
);
