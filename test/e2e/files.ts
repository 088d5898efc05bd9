const notebook = (...cells: string[]) =>
  JSON.stringify({
    cells: cells.map((source, i) => ({
      cell_type: 'code',
      id: `cell${i}`,
      execution_count: null,
      metadata: {},
      outputs: [],
      source: source.split(/(?<=\n)/),
    })),
    metadata: {
      kernelspec: { name: 'python3', display_name: 'Python 3', language: 'python' },
      language_info: { name: 'python' },
    },
    nbformat: 4,
    nbformat_minor: 5,
  });

/** The workspace of the tests. */
export const FILES: Readonly<Record<string, string>> = {
  'train.py': `import torch
from torch import nn, optim

model = nn.Sequential(nn.Linear(64, 32), nn.GELU(), nn.Linear(32, 10))

optimizer = optim.Adam(model.parameters(), lr=1e-3)
finetune = optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.01)

for x, y in batches:
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
`,
  'problems.py': `from torch import optim

broken = optim.Adam(params, lr=1e-4, betas=(0.9, 1.5))
reversed_memories = optim.Adam(params, lr=1e-4, betas=(0.999, 0.9))
`,
  'config.yaml': `model:
  class_path: torchvision.models.resnet18
optimizer:
  class_path: torch.optim.AdamW
  init_args:
    lr: 1.0e-4
    betas: [0.9, 0.999]
`,
  'ds_config.json': `{
  "optimizer": {
    "type": "AdamW",
    "params": { "lr": 1e-4, "betas": [0.9, 0.95], "eps": 1e-8 }
  }
}
`,
  'config.toml': `[optimizer]
type = "AdamW"
lr = 1e-4
betas = [0.9, 0.95]
`,
  'hostile.yaml': `optimizer:
  class_path: torch.optim.AdamW
  init_args:
    lr: "[x](command:workbench.action.quit) ![](https://evil.example/a.png)<script>1</script>"
    "](https://evil.example)": 3
`,
  'train.ipynb': notebook(
    'from torch import optim\nLR = 1e-4\n',
    'optimizer = optim.Adam(model.parameters(), lr=LR, betas=(0.9, 0.999))\n',
  ),
};
