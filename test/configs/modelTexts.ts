/** Texts, and for each tensor of the model the line that creates it. */
export const modelTexts: readonly (readonly [title: string, text: string, lines: Record<string, string>])[] = [
  [
    'a class that is a Sequential',
    `class ConvBN(nn.Sequential):
    def __init__(self, i, o):
        super().__init__(
            nn.Conv2d(i, o, 3),
            nn.BatchNorm2d(o),
        )
class Net(nn.Module):
    def __init__(self):
        self.stem = ConvBN(3, 8)
`,
    { 'stem.0.weight': 'nn.Conv2d(i, o, 3),', 'stem.1.bias': 'nn.BatchNorm2d(o),' },
  ],
  [
    'a model inside of a training module',
    `class Lit(LightningModule):
    def __init__(self):
        self.model = nn.Sequential(
            nn.Linear(1, 2),
            nn.ReLU(),
            nn.Linear(2, 2),
        )
`,
    { '0.weight': 'nn.Linear(1, 2),', '2.bias': 'nn.Linear(2, 2),' },
  ],
  [
    'a wrapper around a model that it is given',
    `class Wrapper(nn.Module):
    def __init__(self, inner):
        self.inner = inner
class Net(nn.Module):
    def __init__(self):
        self.fc = nn.Linear(1, 2)
        self.out = nn.Linear(2, 3)
`,
    { 'inner.fc.weight': 'self.fc = nn.Linear(1, 2)', 'inner.out.weight': 'self.out = nn.Linear(2, 3)' },
  ],
  [
    'a list that grows in several ways',
    `class Net(nn.Module):
    def __init__(self):
        layers = [nn.Linear(1, 2)]
        layers += [nn.ReLU(), nn.Linear(2, 3)]
        layers.extend([nn.Tanh(), nn.Linear(3, 4)])
        layers.append(nn.Linear(4, 5))
        layers.insert(0, nn.Linear(1, 1))
        self.net = nn.Sequential(*layers)
`,
    {
      'net.0.weight': 'layers.insert(0, nn.Linear(1, 1))',
      'net.1.weight': 'layers = [nn.Linear(1, 2)]',
      'net.3.weight': 'layers += [nn.ReLU(), nn.Linear(2, 3)]',
      'net.5.weight': 'layers.extend([nn.Tanh(), nn.Linear(3, 4)])',
      'net.6.bias': 'layers.append(nn.Linear(4, 5))',
    },
  ],
  [
    'layers in a loop, with others between, before and behind',
    `class MLP(nn.Module):
    def __init__(self, dims, norm):
        layers = [nn.Flatten(), nn.Linear(9, dims[0])]
        for a, b in zip(dims, dims[1:]):
            layers.append(nn.Linear(a, b))
            if norm:
                layers.append(nn.BatchNorm1d(b))
            layers.append(nn.ReLU())
        layers.append(nn.Linear(dims[-1], 10))
        self.net = nn.Sequential(*layers)
`,
    {
      'net.1.weight': 'layers = [nn.Flatten(), nn.Linear(9, dims[0])]',
      'net.2.weight': 'layers.append(nn.Linear(a, b))',
      'net.3.weight': 'layers.append(nn.BatchNorm1d(b))',
      'net.5.weight': 'layers.append(nn.Linear(a, b))',
      'net.6.weight': 'layers.append(nn.BatchNorm1d(b))',
      'net.8.weight': 'layers.append(nn.Linear(dims[-1], 10))',
    },
  ],
  [
    'stages with a transition between them, told apart by what they hold',
    `class Block(nn.Module):
    def __init__(self):
        self.conv = nn.Conv2d(1, 1, 1)
class Net(nn.Module):
    def __init__(self, depths):
        layers = []
        for i, depth in enumerate(depths):
            stage = []
            for _ in range(depth):
                stage.append(Block())
            layers.append(nn.Sequential(*stage))
            if i + 1 < len(depths):
                layers.append(nn.Sequential(nn.LayerNorm(1), nn.Conv2d(1, 2, 2)))
        self.features = nn.Sequential(*layers)
`,
    {
      'features.0.0.conv.weight': 'self.conv = nn.Conv2d(1, 1, 1)',
      'features.0.1.conv.weight': 'self.conv = nn.Conv2d(1, 1, 1)',
      'features.1.0.weight': 'layers.append(nn.Sequential(nn.LayerNorm(1), nn.Conv2d(1, 2, 2)))',
      'features.1.1.weight': 'layers.append(nn.Sequential(nn.LayerNorm(1), nn.Conv2d(1, 2, 2)))',
      'features.2.0.conv.weight': 'self.conv = nn.Conv2d(1, 1, 1)',
    },
  ],
  [
    'lists in lists, joined, repeated',
    `class Net(nn.Module):
    def __init__(self):
        self.a = nn.Sequential(
            nn.Linear(1, 2),
            *[nn.Linear(2, 2) for _ in range(3)],
            nn.Linear(2, 1),
        )
        self.b = nn.Sequential(*([nn.Linear(3, 3)] + [nn.ReLU(), nn.Linear(3, 4)]))
        self.c = nn.ModuleList([nn.Linear(1, 2)] * 2)
        self.d = nn.ModuleList(nn.Linear(5, 5) for _ in range(2))
`,
    {
      'a.0.weight': 'nn.Linear(1, 2),',
      'a.1.weight': '*[nn.Linear(2, 2) for _ in range(3)],',
      'a.3.weight': '*[nn.Linear(2, 2) for _ in range(3)],',
      'a.4.weight': 'nn.Linear(2, 1),',
      'b.0.weight': 'self.b = nn.Sequential(*([nn.Linear(3, 3)] + [nn.ReLU(), nn.Linear(3, 4)]))',
      'b.2.weight': 'self.b = nn.Sequential(*([nn.Linear(3, 3)] + [nn.ReLU(), nn.Linear(3, 4)]))',
      'c.1.weight': 'self.c = nn.ModuleList([nn.Linear(1, 2)] * 2)',
      'd.1.weight': 'self.d = nn.ModuleList(nn.Linear(5, 5) for _ in range(2))',
    },
  ],
  [
    'where the names leave a doubt, the whole row',
    `class Net(nn.Module):
    def __init__(self, a, b):
        layers = []
        for _ in a:
            layers.append(nn.Linear(1, 1))
        for _ in b:
            layers.append(nn.Linear(1, 1, bias=False))
        self.net = nn.Sequential(*layers)
`,
    {
      'net.0.weight': 'layers.append(nn.Linear(1, 1))',
      'net.1.weight': 'self.net = nn.Sequential(*layers)',
      'net.2.weight': 'layers.append(nn.Linear(1, 1, bias=False))',
    },
  ],
  [
    'names that are put together',
    `class Net(nn.Module):
    def __init__(self):
        for i in range(3):
            setattr(self, f'conv{i}', nn.Conv2d(3, 3, 3))
            self.add_module(f'bn{i}_a', nn.BatchNorm2d(3))
            self.add_module('fc%d' % i, nn.Linear(3, 3))
            self.add_module('{}_out'.format(i), nn.Linear(4, 4))
            self.add_module('up' + str(i), nn.Linear(5, 5))
`,
    {
      'conv0.weight': "setattr(self, f'conv{i}', nn.Conv2d(3, 3, 3))",
      'bn2_a.weight': "self.add_module(f'bn{i}_a', nn.BatchNorm2d(3))",
      'fc1.weight': "self.add_module('fc%d' % i, nn.Linear(3, 3))",
      '1_out.weight': "self.add_module('{}_out'.format(i), nn.Linear(4, 4))",
      'up2.weight': "self.add_module('up' + str(i), nn.Linear(5, 5))",
    },
  ],
  [
    'pairs of names and modules',
    `class Net(nn.Module):
    def __init__(self):
        layers = [("first", nn.Linear(1, 1))]
        layers.append(("second", nn.Linear(2, 2)))
        self.body = nn.Sequential(OrderedDict(layers))
        parts = OrderedDict()
        parts["a"] = nn.Linear(3, 3)
        for i in range(2):
            parts[f"b{i}"] = nn.Linear(4, 4)
        self.head = nn.Sequential(parts)
        self.keys = nn.ModuleDict(dict(
            x=nn.Linear(5, 5),
            y=nn.Linear(6, 6),
        ))
        self.keys["z"] = nn.Linear(7, 7)
        self.keys.update({"w": nn.Linear(8, 8)})
        self.all = nn.ModuleDict({name: nn.Linear(9, 9) for name in names})
`,
    {
      'body.first.weight': 'layers = [("first", nn.Linear(1, 1))]',
      'body.second.weight': 'layers.append(("second", nn.Linear(2, 2)))',
      'head.a.weight': 'parts["a"] = nn.Linear(3, 3)',
      'head.b1.weight': 'parts[f"b{i}"] = nn.Linear(4, 4)',
      'keys.x.weight': 'x=nn.Linear(5, 5),',
      'keys.y.weight': 'y=nn.Linear(6, 6),',
      'keys.z.weight': 'self.keys["z"] = nn.Linear(7, 7)',
      'keys.w.weight': 'self.keys.update({"w": nn.Linear(8, 8)})',
      'all.any.weight': 'self.all = nn.ModuleDict({name: nn.Linear(9, 9) for name in names})',
    },
  ],
  [
    'several targets, and branches of which one is the model',
    `class Net(nn.Module):
    def __init__(self, kind):
        self.q, self.k = nn.Linear(1, 1), nn.Linear(2, 2)
        self.enc, self.dec = build()
        if kind == "a":
            self.features = nn.Sequential(
                nn.Conv2d(1, 1, 1),
                nn.ReLU(),
                nn.Conv2d(1, 2, 3),
            )
        else:
            self.features = nn.Sequential(
                nn.Conv2d(1, 1, 7),
                nn.Conv2d(1, 2, 9),
            )
        if kind:
            self.down = nn.Linear(3, 3)
        else:
            self.down = nn.Identity()
        self.up = nn.Identity() if kind else nn.Linear(4, 4)
`,
    {
      'q.weight': 'self.q, self.k = nn.Linear(1, 1), nn.Linear(2, 2)',
      'k.weight': 'self.q, self.k = nn.Linear(1, 1), nn.Linear(2, 2)',
      'enc.anything.weight': 'self.enc, self.dec = build()',
      'features.0.weight': 'nn.Conv2d(1, 1, 7),',
      'features.1.weight': 'nn.Conv2d(1, 2, 9),',
      'down.weight': 'self.down = nn.Linear(3, 3)',
      'up.weight': 'self.up = nn.Identity() if kind else nn.Linear(4, 4)',
    },
  ],
  [
    'a model from elsewhere with another head',
    `model = torchvision.models.resnet18()
model.fc = nn.Linear(512, 10)
`,
    {
      'conv1.weight': 'model = torchvision.models.resnet18()',
      'layer1.0.conv1.weight': 'model = torchvision.models.resnet18()',
      'fc.weight': 'model.fc = nn.Linear(512, 10)',
    },
  ],
  [
    'a backbone with another head, and what is handed on',
    `class Net(nn.Module):
    def __init__(self):
        self.backbone = timm.create_model("resnet18")
        self.backbone.fc = nn.Linear(512, 10)
        self.fast = torch.compile(nn.Sequential(
            nn.Linear(1, 1),
            copy.deepcopy(nn.Linear(2, 2)),
        ))
        self.norm = nn.utils.weight_norm(nn.Conv1d(1, 1, 1))
`,
    {
      'backbone.conv1.weight': 'self.backbone = timm.create_model("resnet18")',
      'backbone.fc.weight': 'self.backbone.fc = nn.Linear(512, 10)',
      'fast._orig_mod.0.weight': 'nn.Linear(1, 1),',
      'fast._orig_mod.1.weight': 'copy.deepcopy(nn.Linear(2, 2)),',
      'norm.parametrizations.weight.original0': 'self.norm = nn.utils.weight_norm(nn.Conv1d(1, 1, 1))',
    },
  ],
  [
    'classes that inherit, from below and from elsewhere',
    `class Net(Middle):
    def __init__(self):
        self.head = nn.Linear(1, 1)
        self.conv = Conv(1, 1, 1)
class Middle(Base):
    def __init__(self):
        self.middle = nn.Linear(2, 2)
class Base(nn.Module):
    def __init__(self):
        self.stem = nn.Linear(3, 3)
class Conv(nn.Conv2d):
    pass
`,
    {
      'stem.weight': 'self.stem = nn.Linear(3, 3)',
      'middle.weight': 'self.middle = nn.Linear(2, 2)',
      'head.weight': 'self.head = nn.Linear(1, 1)',
      'conv.weight': 'self.conv = Conv(1, 1, 1)',
    },
  ],
  [
    'of two classes with the same names the one that has no more',
    `class Generator(nn.Module):
    def __init__(self):
        self.model = nn.Sequential(*block(1, 2), *block(2, 3), nn.Linear(3, 9), nn.Tanh())
class Discriminator(nn.Module):
    def __init__(self):
        self.model = nn.Sequential(
            nn.Linear(9, 3),
            nn.LeakyReLU(0.2),
            nn.Linear(3, 1),
        )
`,
    { 'model.0.weight': 'nn.Linear(9, 3),', 'model.2.weight': 'nn.Linear(3, 1),' },
  ],
];
