"""More models for `architectures.py`: what its first table lacks, by library."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from small_models import SMALL, Of, image, language, pictures, timm_model, tokens

BLOCKS = {k: v for k, v in SMALL.items() if k != "vocab_size"}


def transformers():
    import transformers

    return transformers


def hugging(config, model, x, pick, call=None, **more):
    t = transformers()
    made = getattr(t, config)(**{"attn_implementation": "eager", **more})
    return Of(getattr(t, model)(made), pick, call), x


def logits(y):
    return y.logits


def hidden(y):
    return y.last_hidden_state


def segmentation(name, encoder="mobilenet_v2", size=32, **more):
    import segmentation_models_pytorch as smp

    return getattr(smp, name)(encoder, encoder_weights=None, classes=4, **more), image(size, batch=2)


def torchvision_models():
    import torchvision

    return torchvision.models


def fcos_head():
    from torchvision.models.detection.fcos import FCOSHead

    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 32, 3, 4, 1)
            self.head = FCOSHead(32, 1, 3, 1)

        def forward(self, x):
            y = self.head([self.stem(x)])
            return torch.cat([y["cls_logits"], y["bbox_regression"], y["bbox_ctrness"]], -1)

    return Head(), image(16)


def feature_pyramid():
    """A feature pyramid with a region proposal head, as two-stage detectors begin."""
    from torchvision.models.detection.rpn import RPNHead
    from torchvision.ops import FeaturePyramidNetwork

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 12, 3, 2, 1)
            self.pyramid = FeaturePyramidNetwork([8, 12], 6)
            self.head = RPNHead(6, 3)

        def forward(self, x):
            a = F.relu(self.a(x))
            levels = self.pyramid({"a": a, "b": F.relu(self.b(a))})
            scores, boxes = self.head(list(levels.values()))
            return torch.cat([torch.cat([s.flatten(1), d.flatten(1)], 1) for s, d in zip(scores, boxes)], 1)

    return Net(), image(16)


def detr_head():
    """Queries that attend to a picture: scores and boxes, without matching."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 16, 4, 4)
            self.queries = nn.Parameter(torch.randn(5, 16))
            self.places = nn.Parameter(torch.randn(16, 16))
            self.transformer = nn.Transformer(16, 2, 1, 1, 24, 0.0, "gelu", batch_first=True)
            self.score, self.box = nn.Linear(16, 4), nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))

        def forward(self, x):
            memory = self.stem(x).flatten(2).transpose(1, 2) + self.places
            y = self.transformer(memory, self.queries.expand(x.shape[0], -1, -1))
            return torch.cat([self.score(y), self.box(y).sigmoid()], -1)

    return Net(), image(16)


class AssociativeScan(nn.Module):
    """A linear recurrence as Mamba has it, by doubling: log₂ T rounds of shifted products instead of T steps."""

    def __init__(self, width=5):
        super().__init__()
        self.gates, self.inputs, self.head = nn.Linear(3, width), nn.Linear(3, width), nn.Linear(width, 5)

    def forward(self, x):
        a, b = torch.sigmoid(self.gates(x)), self.inputs(x)
        shift = 1
        while shift < x.shape[1]:
            earlier_a = F.pad(a[:, :-shift], (0, 0, shift, 0), value=1.0)
            earlier_b = F.pad(b[:, :-shift], (0, 0, shift, 0))
            a, b = a * earlier_a, a * earlier_b + b
            shift *= 2
        return self.head(b.mean(1))


class LogScan(nn.Module):
    """The same in logarithms: cumulative sums and logcumsumexp, as minGRU and minLSTM write it."""

    def __init__(self, width=5):
        super().__init__()
        self.gates, self.inputs, self.head = nn.Linear(3, width), nn.Linear(3, width), nn.Linear(width, 5)

    def forward(self, x):
        k = self.gates(x)
        log_z, log_coefficients = -F.softplus(-k), -F.softplus(k)
        total = log_coefficients.cumsum(1)
        log_h = total + torch.logcumsumexp(log_z + F.logsigmoid(self.inputs(x)) - total, 1)
        return self.head(log_h.exp().mean(1))


class SwitchExperts(nn.Module):
    """Top-1 routing with a mask and index_add, and the balancing term in the output."""

    def __init__(self, width=8, experts=3):
        super().__init__()
        self.embed, self.router = nn.Embedding(30, width), nn.Linear(width, experts)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(width, 12), nn.GELU(), nn.Linear(12, width)) for _ in range(experts))
        self.head = nn.Linear(width, 5)

    def forward(self, x):
        h = self.embed(x)
        p = self.router(h).softmax(-1)
        chosen = F.one_hot(p.argmax(-1), len(self.experts)).to(h.dtype)
        y = sum(expert(h) * (chosen * p)[..., i : i + 1] for i, expert in enumerate(self.experts))
        return self.head((h + y).mean(1)) + (chosen.mean(1) * p.mean(1)).sum(-1, keepdim=True)


class SincFilters(nn.Module):
    """Band-pass filters whose cut-offs are learned (SincNet), with logarithmic energies."""

    def __init__(self, filters=6, length=25):
        super().__init__()
        self.low = nn.Parameter(torch.linspace(0.02, 0.3, filters))
        self.band = nn.Parameter(torch.full((filters,), 0.05))
        self.register_buffer("t", torch.arange(-(length // 2), length // 2 + 1).float())
        self.register_buffer("window", torch.hamming_window(length, periodic=False))
        self.net = nn.Sequential(nn.Conv1d(filters, 8, 3), nn.LeakyReLU(0.2), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 5))

    def forward(self, x):
        low = self.low.abs()[:, None]
        high = (low + self.band.abs()[:, None]).clamp(0.01, 0.5)
        filters = (2 * high * torch.sinc(2 * high * self.t) - 2 * low * torch.sinc(2 * low * self.t)) * self.window
        y = F.conv1d(x.unsqueeze(1), filters.unsqueeze(1), stride=4)
        return self.net(torch.log(y.abs() + 1e-3))


class Pcen(nn.Module):
    """Per-channel energy normalisation with a learned smoother over time."""

    def __init__(self, bands=5):
        super().__init__()
        self.filters = nn.Conv1d(1, bands, 16, 8, bias=False)
        self.alpha, self.delta, self.root = (nn.Parameter(torch.full((bands,), v)) for v in (0.9, 2.0, 0.5))
        self.smooth = nn.Parameter(torch.full((bands,), -2.0))
        self.head = nn.Linear(bands, 5)

    def forward(self, x):
        energy = self.filters(x.unsqueeze(1)).pow(2) + 1e-3
        s = torch.sigmoid(self.smooth)
        m = energy[..., 0]
        frames = []
        for t in range(energy.shape[-1]):
            m = (1 - s) * m + s * energy[..., t]
            frames.append((energy[..., t] / m.pow(self.alpha) + self.delta).pow(self.root) - self.delta.pow(self.root))
        return self.head(torch.stack(frames, -1).mean(-1))


def cepstra():
    import torchaudio

    class Net(nn.Module):
        """MFCCs of the data before a recurrent layer."""

        def __init__(self):
            super().__init__()
            self.front = torchaudio.transforms.MFCC(8000, 8, melkwargs=dict(n_fft=64, hop_length=32, n_mels=12))
            self.rnn, self.head = nn.LSTM(8, 6, batch_first=True, bidirectional=True), nn.Linear(12, 5)

        def forward(self, x):
            return self.head(self.rnn(self.front(x).transpose(1, 2))[0].mean(1))

    return Net(), torch.randn(3, 256)


def diffusers_model(name, x, call, **more):
    import diffusers

    return Of(getattr(diffusers, name)(**more), call=call), x


class GraphConvolution(nn.Module):
    """Message passing over given edges by gather and scatter."""

    def __init__(self):
        super().__init__()
        self.register_buffer("source", torch.tensor([0, 1, 2, 3, 4, 0, 2]))
        self.register_buffer("target", torch.tensor([1, 2, 3, 4, 0, 2, 4]))
        self.one, self.two = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x):
        for layer in (self.one, self.two):
            y = layer(x)
            x = torch.tanh(y.index_add(1, self.target, y[:, self.source]))
        return x


def depth():
    model, x = hugging("DPTConfig", "DPTForDepthEstimation", image(16), lambda y: y.predicted_depth, image_size=16, patch_size=4, backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[4, 4, 4, 4], fusion_hidden_size=4, reassemble_factors=[4, 2, 1, 0.5], **{**BLOCKS, "num_hidden_layers": 4})
    # Depths are cut off below 0, where a net without training may be everywhere.
    nn.init.constant_(model.module.head.head[4].bias, 1.0)
    return model, x


TIMM = {
    "regnety_002": 32, "ghostnetv2_100": 64, "hardcorenas_a": 32, "dla46_c": 32, "ese_vovnet19b_dw": 32, "hgnetv2_b0": 32,
    "mixnet_s": 32, "gernet_s": 32, "efficientvit_b0": 32, "efficientvit_m0": 64, "repvit_m0_9": 32, "pvt_v2_b0": 32,
    "mobilenetv4_conv_small_035": 32, "inception_next_atto": 32, "nf_regnet_b0": 32, "convnextv2_atto": 32,
    "resnest14d": 32, "skresnet18": 32, "rexnet_100": 32,
}  # fmt: skip
SIZED = {
    "efficientformerv2_s0": (64, {}),
    "xcit_nano_12_p16_224": (32, {}), "pit_ti_224": (64, {}), "levit_conv_128s": (64, {}), "coat_lite_tiny": (32, {}), "crossvit_tiny_240": (48, {}),
    "volo_d1_224": (32, {}),
    "eva02_tiny_patch14_224": (28, dict(depth=2, embed_dim=24, num_heads=2)),
}  # fmt: skip

MORE = {
    **{f"timm {name}": (lambda name=name, size=size: timm_model(name, size)) for name, size in TIMM.items()},
    **{f"timm {name}": (lambda name=name, size=size, more=more: timm_model(name, size, img_size=size, **more)) for name, (size, more) in SIZED.items()},
    "torchvision deeplabv3_mobilenet": lambda: (
        Of(torchvision_models().segmentation.deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3), lambda y: y["out"]),
        image(32, batch=2),
    ),
    "torchvision regnet_x_400mf": lambda: (torchvision_models().regnet_x_400mf(num_classes=5), image()),
    "torchvision googlenet": lambda: (torchvision_models().googlenet(num_classes=5, aux_logits=False, init_weights=False), image(64)),
    "torchvision mc3_18": lambda: (torchvision_models().video.mc3_18(num_classes=5), torch.rand(2, 3, 4, 16, 16)),
    **{f"smp {name.lower()}": (lambda name=name: segmentation(name)) for name in ["Linknet", "PAN", "PSPNet", "DeepLabV3Plus", "UnetPlusPlus", "UPerNet", "Segformer"]},
    "smp manet": lambda: segmentation("MAnet", encoder_depth=3, decoder_channels=(16, 8, 8)),
    "fcos head": fcos_head,
    "feature pyramid and rpn": feature_pyramid,
    "detr head": detr_head,
    "olmo": lambda: language("Olmo", num_key_value_heads=1, **SMALL),
    "stablelm": lambda: language("StableLm", num_key_value_heads=1, **SMALL),
    "granite": lambda: language("Granite", num_key_value_heads=1, **SMALL),
    "cohere": lambda: language("Cohere", num_key_value_heads=1, pad_token_id=0, bos_token_id=1, eos_token_id=2, **SMALL),
    "mistral, sliding window": lambda: language("Mistral", num_key_value_heads=1, sliding_window=4, **SMALL),
    "gpt-j": lambda: language("GPTJ", vocab_size=30, n_embd=16, n_layer=2, n_head=2, rotary_dim=4, n_positions=16),
    "gpt-bigcode": lambda: language("GPTBigCode", vocab_size=30, n_embd=16, n_layer=2, n_head=2, n_positions=16),
    "codegen": lambda: language("CodeGen", vocab_size=30, n_embd=16, n_layer=2, n_head=4, rotary_dim=4, n_positions=16),
    "roformer": lambda: language("RoFormer", "MaskedLM", embedding_size=16, max_position_embeddings=16, **SMALL),
    "convbert": lambda: language("ConvBert", "MaskedLM", embedding_size=16, **SMALL),
    "fnet": lambda: language("FNet", "MaskedLM", attn_implementation=None, **SMALL),
    "squeezebert": lambda: language("SqueezeBert", "MaskedLM", embedding_size=16, **SMALL),
    "xlm-roberta": lambda: language("XLMRoberta", "MaskedLM", max_position_embeddings=16, **SMALL),
    "mamba2": lambda: language("Mamba2", vocab_size=30, hidden_size=8, state_size=4, num_hidden_layers=1, num_heads=4, head_dim=4, n_groups=1, chunk_size=4, attn_implementation=None),
    "qwen2 moe": lambda: language("Qwen2Moe", num_key_value_heads=1, num_experts=3, num_experts_per_tok=2, moe_intermediate_size=8, shared_expert_intermediate_size=8, experts_implementation="batched_mm", **SMALL),
    "whisper encoder": lambda: hugging(
        "WhisperConfig", "WhisperModel", torch.randn(2, 6, 16), hidden, lambda m, x: m.encoder(x),
        vocab_size=30, num_mel_bins=6, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2, d_model=12, encoder_ffn_dim=16,
        decoder_ffn_dim=16, max_source_positions=8, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
    ),
    "hubert": lambda: hugging(
        "HubertConfig", "HubertModel", torch.randn(3, 100), hidden, conv_dim=(8, 8), conv_stride=(4, 2), conv_kernel=(8, 3), num_feat_extract_layers=2,
        num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, conv_pos_batch_norm=True, **BLOCKS,
    ),
    "audio spectrogram transformer": lambda: hugging("ASTConfig", "ASTModel", torch.randn(2, 12, 8), hidden, patch_size=4, frequency_stride=4, time_stride=4, max_length=12, num_mel_bins=8, **BLOCKS),
    "bart": lambda: hugging(
        "BartConfig", "BartForConditionalGeneration", tokens(), logits, lambda m, x: m(input_ids=x, decoder_input_ids=x.flip(1)), vocab_size=30, d_model=16, encoder_layers=1,
        decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24, max_position_embeddings=16, use_cache=False, forced_eos_token_id=2,
    ),
    "patchtst": lambda: hugging("PatchTSTConfig", "PatchTSTForPrediction", torch.randn(3, 16, 2), lambda y: y.prediction_outputs, num_input_channels=2, context_length=16, prediction_length=4, patch_length=4, patch_stride=4, d_model=8, num_attention_heads=2, num_hidden_layers=1, ffn_dim=12, loss="mse"),
    "dinov2": lambda: pictures("Dinov2", 16, image_size=16, patch_size=4, **BLOCKS),
    "mobilevit": lambda: pictures("MobileViT", image_size=32, patch_size=2, hidden_sizes=[8, 8, 8], neck_hidden_sizes=[4, 4, 8, 8, 8, 8, 8], num_attention_heads=2),
    "levit": lambda: pictures("Levit", 64, image_size=64, hidden_sizes=[8, 8, 8], num_attention_heads=[1, 1, 1], depths=[1, 1, 1], key_dim=[4, 4, 4], attn_implementation=None),
    "dpt": depth,
    "diffusers UNet1D": lambda: diffusers_model(
        "UNet1DModel", torch.randn(2, 3, 16), lambda m, x: m(x, torch.tensor(3)).sample, sample_size=16, in_channels=3, out_channels=3, extra_in_channels=64, time_embedding_type="fourier",
        block_out_channels=(32, 32), down_block_types=("DownBlock1DNoSkip", "DownBlock1D"), up_block_types=("UpBlock1D", "UpBlock1DNoSkip"), mid_block_type="UNetMidBlock1D",
    ),
    "diffusers VQModel": lambda: diffusers_model("VQModel", image(8), lambda m, x: m.decode(m.encode(x).latents, force_not_quantize=True).sample, block_out_channels=(8,), norm_num_groups=4, latent_channels=2, num_vq_embeddings=6),
    "diffusers SD3 transformer": lambda: diffusers_model(
        "SD3Transformer2DModel", image(8, 4), lambda m, x: m(x, x.flatten(2)[:, :3, :6], x.flatten(1)[:, :7], torch.tensor([3]).expand(x.shape[0])).sample, sample_size=8, patch_size=2, in_channels=4,
        out_channels=4, num_layers=1, attention_head_dim=4, num_attention_heads=2, joint_attention_dim=6, caption_projection_dim=8, pooled_projection_dim=7, pos_embed_max_size=8,
    ),
    "diffusers AutoencoderTiny": lambda: diffusers_model("AutoencoderTiny", image(8), lambda m, x: m.decode(m.encode(x).latents).sample, encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1), latent_channels=2, upsampling_scaling_factor=2),
    "associative scan": lambda: (AssociativeScan(), torch.randn(3, 6, 3)),
    "scan in logarithms": lambda: (LogScan(), torch.randn(3, 6, 3)),
    "switch routing": lambda: (SwitchExperts(), tokens()),
    "sinc filters": lambda: (SincFilters(), torch.randn(3, 120)),
    "energy normalisation": lambda: (Pcen(), torch.randn(3, 96)),
    "cepstra": cepstra,
    "graph convolution": lambda: (GraphConvolution(), torch.randn(3, 5, 4)),
}  # fmt: skip
