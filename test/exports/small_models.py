"""Small models of many architectures with weights drawn on the spot: each function gives a module and an input for it."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Of(nn.Module):
    """A module whose output is made into one tensor."""

    def __init__(self, module, pick=lambda y: y, call=None):
        super().__init__()
        self.module = module
        self.pick = pick
        self.call = call

    def forward(self, x):
        return self.pick(self.call(self.module, x) if self.call else self.module(x))


def image(size=32, channels=3, batch=3):
    return torch.rand(batch, channels, size, size)


def tokens(length=7, vocabulary=30, batch=3):
    return torch.randint(1, vocabulary, (batch, length))


def timm_model(name, size=32, **more):
    import timm

    return timm.create_model(name, pretrained=False, num_classes=5, **more), image(size)


def vision(build, size=32, **more):
    return build(num_classes=5, **more), image(size)


SMALL = dict(vocab_size=30, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)


def language(name, kind="CausalLM", **more):
    import transformers as t

    config = getattr(t, name + "Config")(**{"attn_implementation": "eager", "use_cache": False, **more})
    model = getattr(t, f"{name}{'For' if kind else ''}{kind}" if kind != "LMHeadModel" else f"{name}LMHeadModel")(config)
    return Of(model, lambda y: y.logits), tokens()


def pictures(name, size=32, channels=3, **more):
    import transformers as t

    config = getattr(t, name + "Config")(**{"num_labels": 5, "attn_implementation": "eager", **more})
    return Of(getattr(t, name + "ForImageClassification")(config), lambda y: y.logits), image(size, channels)


class SelectiveScan(nn.Module):
    """A state-space layer whose steps depend on the input, unrolled over time."""

    def __init__(self, width=6, states=4):
        super().__init__()
        self.embed = nn.Linear(3, width)
        self.step = nn.Linear(width, width)
        self.mix = nn.Linear(width, 2 * states)
        self.log_a = nn.Parameter(torch.log(torch.arange(1.0, states + 1)).repeat(width, 1))
        self.head = nn.Linear(width, 5)
        self.states = states

    def forward(self, x):
        u = self.embed(x)
        delta = F.softplus(self.step(u))
        b, c = self.mix(u).split(self.states, -1)
        decay = torch.exp(-delta.unsqueeze(-1) * self.log_a.exp())
        drive = (delta * u).unsqueeze(-1) * b.unsqueeze(-2)
        h = torch.zeros_like(drive[:, 0])
        ys = []
        for i in range(x.shape[1]):
            h = decay[:, i] * h + drive[:, i]
            ys.append((h * c[:, i].unsqueeze(-2)).sum(-1))
        return self.head(torch.stack(ys, 1).mean(1))


class TopKExperts(nn.Module):
    """A mixture of experts: each token goes through the two that its router prefers."""

    def __init__(self, width=8, experts=4, k=2):
        super().__init__()
        self.embed = nn.Embedding(30, width)
        self.router = nn.Linear(width, experts)
        self.up = nn.Parameter(torch.randn(experts, width, 16) / 4)
        self.down = nn.Parameter(torch.randn(experts, 16, width) / 4)
        self.head = nn.Linear(width, 5)
        self.k = k

    def forward(self, x):
        h = self.embed(x)
        weight, chosen = self.router(h).softmax(-1).topk(self.k, -1)
        weight = weight / weight.sum(-1, keepdim=True)
        every = torch.einsum("bth,ehf->btef", h, self.up)
        every = torch.einsum("btef,efh->bteh", F.silu(every), self.down)
        picked = torch.gather(every, 2, chosen.unsqueeze(-1).expand(-1, -1, -1, h.shape[-1]))
        return self.head((h + (picked * weight.unsqueeze(-1)).sum(2)).mean(1))


class AudioFrontEnd(nn.Module):
    """A learned filter bank: a strided convolution, energies, logarithms, and a recurrent layer."""

    def __init__(self):
        super().__init__()
        self.filters = nn.Conv1d(1, 12, 32, 16, bias=False)
        self.pcen = nn.Parameter(torch.full((12,), 0.5))
        self.rnn = nn.GRU(12, 8, batch_first=True)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        energy = self.filters(x.unsqueeze(1)).pow(2) + 1e-3
        y = torch.log(energy) * self.pcen[:, None]
        return self.head(self.rnn(y.transpose(1, 2))[0][:, -1])


class Spectrogram(nn.Module):
    """A mel spectrogram of the data, which no gradient has to pass, before a small network."""

    def __init__(self):
        super().__init__()
        import torchaudio

        self.front = torchaudio.transforms.MelSpectrogram(8000, n_fft=64, hop_length=32, n_mels=10)
        self.net = nn.Sequential(nn.Conv1d(10, 8, 3, padding=1), nn.GELU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 5))

    def forward(self, x):
        return self.net(torch.log(self.front(x) + 1e-3))


class VectorQuantiser(nn.Module):
    """A straight-through estimator over a codebook."""

    def __init__(self):
        super().__init__()
        self.encode = nn.Linear(6, 4)
        self.codes = nn.Parameter(torch.randn(8, 4))
        self.decode = nn.Linear(4, 5)

    def forward(self, x):
        z = self.encode(x)
        nearest = (z.unsqueeze(1) - self.codes).pow(2).sum(-1).argmin(1)
        return self.decode(z + (self.codes[nearest] - z).detach())


class Branched(nn.Module):
    """A network with a frozen teacher under no_grad and a learned mixture of both."""

    def __init__(self):
        super().__init__()
        self.teacher = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5))
        self.student = nn.Sequential(nn.Linear(6, 8), nn.PReLU(), nn.Linear(8, 5))

    def forward(self, x):
        with torch.no_grad():
            known = self.teacher(x).softmax(-1)
        return self.student(x) + known


def retina_head():
    from torchvision.models.detection.retinanet import RetinaNetHead

    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 32, 3, 4, 1)
            self.head = RetinaNetHead(32, 2, 3, norm_layer=lambda c: nn.GroupNorm(4, c))

        def forward(self, x):
            y = self.head([self.stem(x)])
            return torch.cat([y["cls_logits"], y["bbox_regression"]], -1)

    return Head(), image(16)


def ssd_head():
    from torchvision.models.detection.ssd import SSDHead

    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Conv2d(3, 8, 3, 2, 1)
            self.b = nn.Conv2d(8, 12, 3, 2, 1)
            self.head = SSDHead([8, 12], [2, 3], 4)

        def forward(self, x):
            a = F.relu6(self.a(x))
            b = F.relu6(self.b(a))
            y = self.head([a, b])
            return torch.cat([y["cls_logits"], y["bbox_regression"]], -1)

    return Head(), image(16)


def yolo_block():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            conv = lambda i, o, k=3, s=1: nn.Sequential(nn.Conv2d(i, o, k, s, k // 2, bias=False), nn.BatchNorm2d(o), nn.SiLU())
            self.stem, self.c1, self.c2, self.c3 = conv(3, 8, 3, 2), conv(8, 8), conv(4, 4), conv(12, 16, 1)
            self.spp = nn.MaxPool2d(5, 1, 2)
            self.up = nn.Upsample(scale_factor=2, mode="nearest")
            self.out = nn.Conv2d(48, 21, 1)

        def forward(self, x):
            y = self.c1(self.stem(x))
            a, b = y.chunk(2, 1)
            y = self.c3(torch.cat([a, b, self.c2(b)], 1))
            p = self.spp(y)
            y = torch.cat([y, p, self.spp(p)], 1)
            raw = self.out(self.up(y))
            n, _, h, w = raw.shape
            raw = raw.view(n, 3, 7, h, w).permute(0, 1, 3, 4, 2)
            return torch.cat([raw[..., :2].sigmoid() * 2 - 0.5, raw[..., 2:4].exp(), raw[..., 4:].sigmoid()], -1)

    return Block(), image(8)


def heads_of(module, channels, size=16):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU())
            self.head = module

        def forward(self, x):
            return F.interpolate(self.head(self.stem(x)), x.shape[-2:], mode="bilinear", align_corners=False)

    return Net(), image(size)


def unet(kind):
    import diffusers as d

    small = dict(sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4)
    if kind == "plain":
        model = d.UNet2DModel(
            in_channels=3,
            out_channels=3,
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
            attention_head_dim=4,
            **small,
        )
        return Of(model, call=lambda m, x: m(x, torch.tensor(3)).sample), image(8)
    if kind == "conditioned":
        model = d.UNet2DConditionModel(
            in_channels=3,
            out_channels=3,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=6,
            attention_head_dim=4,
            **small,
        )
        model.set_default_attn_processor()
        call = lambda m, x: m(x, torch.tensor(3), encoder_hidden_states=x.flatten(2)[:, :, :6]).sample
        return Of(model, call=call), image(8)
    model = d.AutoencoderKL(
        block_out_channels=(8,), layers_per_block=1, norm_num_groups=4, latent_channels=2, sample_size=8
    )
    return Of(model, call=lambda m, x: m.decode(m.encode(x).latent_dist.mode()).sample), image(8)


def diffusion_transformer():
    import diffusers as d

    model = d.DiTTransformer2DModel(
        num_attention_heads=2, attention_head_dim=4, in_channels=3, out_channels=3, num_layers=1, sample_size=8, norm_num_groups=1, num_embeds_ada_norm=10
    )
    call = lambda m, x: m(x, timestep=torch.tensor([3]).expand(x.shape[0]), class_labels=torch.tensor([1]).expand(x.shape[0])).sample
    return Of(model, call=call), image(8)


def tv():
    import torchvision

    return torchvision.models


def shaped(name):
    """Architectures of torchvision in small sizes."""
    m = tv()
    if name == "convnext":
        from torchvision.models.convnext import CNBlockConfig

        return m.ConvNeXt([CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)], num_classes=5, layer_scale=0.5), image()
    if name == "swin":
        return m.SwinTransformer([4, 4], 8, [2, 2], [2, 2], [4, 4], num_classes=5, stochastic_depth_prob=0.0), image()
    if name == "swin v2":
        from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2

        return (
            m.SwinTransformer([4, 4], 8, [2, 2], [2, 2], [4, 4], num_classes=5, stochastic_depth_prob=0.0, block=SwinTransformerBlockV2, downsample_layer=PatchMergingV2),
            image(),
        )
    if name == "maxvit":
        return (
            m.MaxVit((32, 32), 8, [8, 16], [1, 1], 4, 0.0, num_classes=5, partition_size=2) if False else m.MaxVit(input_size=(32, 32), stem_channels=8, partition_size=2, block_channels=[8, 16], block_layers=[1, 1], head_dim=4, stochastic_depth_prob=0.0, num_classes=5),
            image(),
        )
    if name == "densenet":
        return m.DenseNet(4, (2, 2), 8, num_classes=5), image()
    if name == "resnext":
        from torchvision.models.resnet import Bottleneck

        return m.ResNet(Bottleneck, [1, 1, 1, 1], num_classes=5, groups=4, width_per_group=4), image()
    raise KeyError(name)


def segmentation(name):
    import segmentation_models_pytorch as smp

    return getattr(smp, name)("mobilenet_v2", encoder_weights=None, classes=4), image(32, batch=2)


def torchaudio_model(name):
    import torchaudio.models as a

    if name == "conformer":
        model = a.Conformer(input_dim=8, num_heads=2, ffn_dim=16, num_layers=1, depthwise_conv_kernel_size=3)
        return Of(model, call=lambda m, x: m(x, torch.full((3,), 9))[0]), torch.randn(3, 9, 8), "fixed"
    if name == "conv-tasnet":
        return a.ConvTasNet(2, 8, 8, 3, 8, 8, 2, 1), torch.randn(3, 1, 64)
    if name == "wav2letter":
        return a.Wav2Letter(5, "mfcc", 6), torch.randn(2, 6, 40)
    raise KeyError(name)
