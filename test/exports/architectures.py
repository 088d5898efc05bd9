"""Exports small models of many architectures from PyTorch and compares gradient and q = ∇‖∇E‖₁,ε with PyTorch's own, in float64.

    pip install torch torchvision torchaudio timm transformers diffusers onnx onnxscript segmentation-models-pytorch
    npm run build && python test/exports/architectures.py [--out FOLDER] [--table FILE] [NAME…]

Nothing is downloaded: weights are drawn on the spot. Each model is written with the newer exporter and a free batch axis (a fixed one where
the exporter does not follow it), then `optimizer-bias inspect` computes its numbers. The table lists, for each model, the exporter's
shapes, the number of parameters, and the relative errors ‖ours − PyTorch's‖/‖PyTorch's‖ over all parameters; or what failed.
"""

import argparse
import contextlib
import io
import json
import logging
import os
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

os.environ["HF_HUB_OFFLINE"] = "1"
logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EPSILON = 1e-6


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


MODELS = {
    # vision, timm
    **{
        f"timm {name}": (lambda name=name, size=size: timm_model(name, size))
        for name, size in {
            "mobilenetv3_small_050": 32,
            "efficientnet_lite0": 32,
            "ghostnet_050": 32,
            "lcnet_050": 32,
            "mobilevitv2_050": 64,
            "repvgg_a0": 32,
            "edgenext_xx_small": 32,
            "fbnetv3_b": 32,
            "tinynet_e": 32,
            "mobileone_s0": 32,
            "fastvit_t8": 64,
            "starnet_s1": 32,
        }.items()
    },
    "timm mixer": lambda: (__import__("timm").models.MlpMixer(num_classes=5, img_size=16, patch_size=4, num_blocks=2, embed_dim=16), image(16)),
    "timm vit, registers and layer scale": lambda: (
        __import__("timm").models.VisionTransformer(16, 4, num_classes=5, embed_dim=16, depth=2, num_heads=2, reg_tokens=2, init_values=0.1, qk_norm=True),
        image(16),
    ),
    # vision, torchvision
    "torchvision mobilenet_v2": lambda: vision(tv().mobilenet_v2, width_mult=0.25),
    "torchvision mnasnet": lambda: vision(lambda **k: tv().MNASNet(0.25, **k)),
    "torchvision squeezenet": lambda: vision(tv().squeezenet1_1, 48),
    "torchvision shufflenet": lambda: vision(tv().shufflenet_v2_x0_5),
    **{f"torchvision {name}": (lambda name=name: shaped(name)) for name in ["convnext", "swin", "swin v2", "maxvit", "densenet", "resnext"]},
    # segmentation and detection
    "deeplab head": lambda: heads_of(tv().segmentation.deeplabv3.DeepLabHead(8, 4, (2, 3)), 8),
    "fcn head": lambda: heads_of(tv().segmentation.fcn.FCNHead(8, 4), 8),
    "lraspp": lambda: (Of(tv().segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3), lambda y: y["out"]), image(32, batch=2)),
    "smp unet": lambda: segmentation("Unet"),
    "smp fpn": lambda: segmentation("FPN"),
    "retinanet head": retina_head,
    "ssd head": ssd_head,
    "yolo block": yolo_block,
    # language
    "gpt2": lambda: language("GPT2", "LMHeadModel", vocab_size=30, n_embd=16, n_layer=2, n_head=2, n_positions=16),
    "gpt-neox": lambda: language("GPTNeoX", max_position_embeddings=16, **SMALL),
    "llama": lambda: language("Llama", num_key_value_heads=1, **SMALL),
    "gemma2": lambda: language("Gemma2", num_key_value_heads=1, head_dim=8, sliding_window=4, query_pre_attn_scalar=8, **SMALL),
    "phi3": lambda: language("Phi3", num_key_value_heads=1, pad_token_id=0, **SMALL),
    "qwen3": lambda: language("Qwen3", num_key_value_heads=1, head_dim=8, **SMALL),
    "bloom": lambda: language("Bloom", vocab_size=30, hidden_size=16, n_layer=2, n_head=2),
    "opt": lambda: language("OPT", ffn_dim=32, max_position_embeddings=16, word_embed_proj_dim=16, **{k: v for k, v in SMALL.items() if k != "intermediate_size"}),
    "mixtral": lambda: language("Mixtral", num_key_value_heads=1, num_local_experts=3, num_experts_per_tok=2, experts_implementation="eager", **SMALL),
    "mamba": lambda: language("Mamba", vocab_size=30, hidden_size=8, state_size=4, num_hidden_layers=1, use_mambapy=False, attn_implementation=None),
    "bert": lambda: language("Bert", "MaskedLM", **SMALL),
    "albert": lambda: language("Albert", "MaskedLM", embedding_size=8, **SMALL),
    "electra": lambda: language("Electra", "MaskedLM", embedding_size=8, **SMALL),
    "deberta-v2": lambda: language("DebertaV2", "MaskedLM", relative_attention=True, pos_att_type=["p2c", "c2p"], position_buckets=4, max_position_embeddings=16, **SMALL),
    "mpnet": lambda: language("MPNet", "MaskedLM", **SMALL),
    "distilbert": lambda: language("DistilBert", "MaskedLM", vocab_size=30, dim=16, n_layers=2, n_heads=2, hidden_dim=32),
    "xlnet": lambda: language("XLNet", "LMHeadModel", vocab_size=30, d_model=16, n_layer=2, n_head=2, d_inner=32),
    "t5 encoder": lambda: (
        Of(__import__("transformers").T5EncoderModel(__import__("transformers").T5Config(vocab_size=30, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2)), lambda y: y.last_hidden_state),
        tokens(),
    ),
    # pictures of transformers
    "beit": lambda: pictures("Beit", 16, image_size=16, patch_size=4, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, use_relative_position_bias=True),
    "convnext v2": lambda: pictures("ConvNextV2", depths=[1, 1, 1, 1], hidden_sizes=[4, 8, 8, 8], attn_implementation=None),
    "segformer": lambda: pictures("Segformer", depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 8, 8], num_attention_heads=[1, 1, 2, 2], decoder_hidden_size=8),
    "poolformer": lambda: pictures("PoolFormer", 64, depths=[1, 1, 1, 1], hidden_sizes=[4, 8, 8, 8], attn_implementation=None),
    "cvt": lambda: pictures("Cvt", embed_dim=[4, 8, 8], num_heads=[1, 2, 2], depth=[1, 1, 1], attn_implementation=None),
    # diffusion
    "diffusers UNet2D": lambda: unet("plain"),
    "diffusers UNet2DCondition": lambda: unet("conditioned"),
    "diffusers AutoencoderKL": lambda: unet("autoencoder"),
    "diffusers DiT": diffusion_transformer,
    # sound
    "wav2vec2": lambda: (
        Of(
            __import__("transformers").Wav2Vec2ForCTC(
                __import__("transformers").Wav2Vec2Config(conv_dim=(8, 8), conv_stride=(4, 2), conv_kernel=(8, 3), num_feat_extract_layers=2, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, attn_implementation="eager", **{**SMALL, "vocab_size": 6})
            ),
            lambda y: y.logits,
        ),
        torch.randn(3, 100),
    ),
    **{f"torchaudio {name}": (lambda name=name: torchaudio_model(name)) for name in ["conformer", "conv-tasnet", "wav2letter"]},
    "audio front end": lambda: (AudioFrontEnd(), torch.randn(3, 160)),
    "mel spectrogram": lambda: (Spectrogram(), torch.randn(3, 256)),
    # pieces
    "selective scan": lambda: (SelectiveScan(), torch.randn(3, 6, 3)),
    "mixture of experts": lambda: (TopKExperts(), tokens()),
    "vector quantiser": lambda: (VectorQuantiser(), torch.randn(3, 6)),
    "frozen teacher": lambda: (Branched(), torch.randn(3, 6)),
    "transformer decoder": lambda: (
        Of(nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, 0.0, batch_first=True, norm_first=True), 2), call=lambda m, x: m(x, x * 0.5)),
        torch.randn(3, 5, 8),
    ),
    "bidirectional lstm": lambda: (Of(nn.LSTM(4, 5, 2, batch_first=True, bidirectional=True), lambda y: y[0]), torch.randn(3, 6, 4)),
}


def quiet():
    stack = contextlib.ExitStack()
    stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
    stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
    return stack


def write(model, x, path, fixed):
    """The model as ONNX; says whether its batch axis is free."""
    options = dict(dynamo=True, optimize=False, external_data=False, input_names=["x"], output_names=["prediction"])
    with quiet():
        if not fixed:
            try:
                shapes = ({0: torch.export.Dim.DYNAMIC},)
                torch.onnx.export(model, (x,), path, dynamic_shapes=shapes, **options)
                return "free"
            except Exception:
                pass
        torch.onnx.export(model, (x,), path, **options)
    return "fixed"


def numbers(model, x, y, loss):
    """E, ∇E and q in float64 by PyTorch."""
    model = model.double()
    x = x.double() if x.is_floating_point() else x
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        value = loss(model(x), y)
        named = {name: p for name, p in model.named_parameters() if p.requires_grad}
        gradients = torch.autograd.grad(value, named.values(), create_graph=True, allow_unused=True)
        norm = sum(torch.sqrt(g * g + EPSILON).sum() for g in gradients if g is not None)
        products = torch.autograd.grad(norm, named.values(), allow_unused=True)
    listed = lambda kind, values: {
        f"{kind}/{name}": v.detach().numpy() for name, v in zip(named, values) if v is not None
    }
    return value.item(), {**listed("gradient", gradients), **listed("normGradient", products)}


def compare(folder, value, expected, loss, aliases):
    at = lambda name: os.path.join(folder, name)
    command = ["node", os.path.join(ROOT, "dist", "cli.js"), "inspect", "--model", at("model.onnx"), "--data", at("data.npz")]
    command += ["--dtype", "float64", "--eps", str(EPSILON), "--eps-placement", "inside", "--steps", "0", "--arrays", "--out", at("run")]
    command += ["--output", "prediction", "--loss", loss]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    if done.returncode != 0:
        return {"failed": (done.stderr or done.stdout).strip()[:400]}
    found = np.load(at("run/arrays.npz"))
    with open(at("run/steps.jsonl")) as file:
        own = json.loads(file.readline())["loss"]
    result = {"loss": abs(own / value - 1)}
    for kind in ("gradient", "normGradient"):
        error = size = 0.0
        for name in expected:
            if name.startswith(kind + "/"):
                theirs = expected[name]
                # A tied parameter has one of its names in the file.
                own = [f"initial/{kind}/{alias}" for alias in aliases[name[len(kind) + 1 :]]]
                ours = next((found[key] for key in own if key in found), np.zeros_like(theirs))
                error += float(((ours - theirs) ** 2).sum())
                size += float((theirs**2).sum())
        result[kind] = (error / size) ** 0.5
    return result


def check(name, out):
    torch.manual_seed(0)
    model, x, *more = MODELS[name]()
    model.eval()
    # Zeros and ones at the start would hide what depends on them.
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.02 * torch.randn_like(p))
    folder = os.path.join(out, name.replace(" ", "-").replace(",", ""))
    os.makedirs(folder, exist_ok=True)
    with torch.no_grad():
        shape = model(x).shape
    classes = len(shape) == 2 and shape[1] == 5
    y = torch.randint(0, 5, (shape[0],)) if classes else torch.randn(shape)
    loss = F.cross_entropy if classes else lambda a, b: F.mse_loss(a, b.double())
    np.savez(os.path.join(folder, "data.npz"), x=x.numpy(), y=y.numpy())
    try:
        batch = write(model, x, os.path.join(folder, "model.onnx"), "fixed" in more)
    except Exception as error:
        return {"failed": f"PyTorch does not export it: {str(error)[:200]}"}
    value, expected = numbers(model, x, y, loss)
    size = sum(p.numel() for p in model.parameters())
    every = list(model.named_parameters(remove_duplicate=False))
    aliases = {name: [other for other, q in every if q is p] for name, p in model.named_parameters()}
    return {"batch": batch, "parameters": size, **compare(folder, value, expected, "cross-entropy" if classes else "mse", aliases)}


def table(results):
    lines = ["| model | batch | parameters | loss | gradient | q |", "| --- | --- | --- | --- | --- | --- |"]
    for name, r in results.items():
        if "failed" in r:
            lines.append(f"| {name} | {r.get('batch', '')} | {r.get('parameters', '')} | {' '.join(r['failed'].split())} | | |")
        else:
            errors = " | ".join(f"{r[kind]:.1e}" for kind in ("loss", "gradient", "normGradient"))
            lines.append(f"| {name} | {r['batch']} | {r['parameters']:,} | {errors} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--out", default=tempfile.mkdtemp())
    parser.add_argument("--results", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "architectures.json"))
    given = parser.parse_args()
    results = {}
    if os.path.exists(given.results):
        with open(given.results) as file:
            results = json.load(file)
    for name in given.names or MODELS:
        try:
            results[name] = check(name, given.out)
        except Exception as error:
            results[name] = {"failed": f"{type(error).__name__}: {str(error)[:300]}"}
        print(name, json.dumps(results[name]), flush=True)
        ordered = {known: results[known] for known in MODELS if known in results}
        with open(given.results, "w") as file:
            json.dump(ordered, file, indent=1)
            file.write("\n")
        with open(os.path.splitext(given.results)[0] + ".md", "w") as file:
            file.write(f"# Architectures\n\nWritten by `architectures.py` with PyTorch {torch.__version__}: relative errors in float64.\n\n")
            file.write(table(ordered))


if __name__ == "__main__":
    main()
