"""Exports small models of many architectures from PyTorch and compares gradient and q = ∇‖∇E‖₁,ε with PyTorch's own, in float64.

    pip install torch torchvision torchaudio timm transformers diffusers onnx onnxscript segmentation-models-pytorch
    npm run build && python test/exports/architectures.py [--out FOLDER] [--results FILE] [--missing] [--limit SECONDS] [NAME…]

Nothing is downloaded: weights are drawn on the spot. Each model is written with the newer exporter and a free batch axis (a fixed one where
the exporter does not follow it), then `optimizer-bias inspect` computes its numbers. The table lists, for each model, the exporter's
shapes, the number of parameters, and the relative errors ‖ours − PyTorch's‖/‖PyTorch's‖ over all parameters; or what failed.
"""

import argparse
import contextlib
import io
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from importlib import metadata

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F

from more_models import MORE
from other_ways import WAYS
from small_models import (
    AudioFrontEnd,
    Branched,
    Of,
    SMALL,
    SelectiveScan,
    Spectrogram,
    TopKExperts,
    VectorQuantiser,
    diffusion_transformer,
    heads_of,
    image,
    language,
    pictures,
    retina_head,
    segmentation,
    shaped,
    ssd_head,
    timm_model,
    tokens,
    torchaudio_model,
    tv,
    unet,
    vision,
    yolo_block,
)

os.environ["HF_HUB_OFFLINE"] = "1"
logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EPSILON = 1e-6


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
    "mixtral": lambda: language("Mixtral", num_key_value_heads=1, num_local_experts=3, num_experts_per_tok=2, experts_implementation="batched_mm", **SMALL),
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
MODELS.update(MORE)
MODELS.update(WAYS)


def quiet():
    stack = contextlib.ExitStack()
    stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
    stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
    return stack


def write(model, x, path, more):
    """The model as ONNX; says whether its batch axis is free."""
    if "older" in more:
        names = dict(input_names=["x"], output_names=["prediction"], dynamic_axes={"x": {0: "n"}})
        with quiet():
            torch.onnx.export(model, (x,), path, dynamo=False, opset_version=20, do_constant_folding=False, **names)
        return "free"
    options = dict(dynamo=True, optimize=False, external_data=False, input_names=["x"], output_names=["prediction"])
    with quiet():
        if "fixed" not in more:
            try:
                shapes = ({0: torch.export.Dim.DYNAMIC},)
                torch.onnx.export(model, (x,), path, dynamic_shapes=shapes, **options)
                return "free"
            except Exception:
                pass
        torch.onnx.export(model, (x,), path, **options)
    return "fixed"


def sinc(x):
    z = torch.where(x == 0, 1.0, x) * float(np.float32(np.pi))
    return torch.where(x == 0, 1.0, torch.sin(z) / z)


def numbers(model, x, y, loss):
    """E, ∇E and q in float64 by PyTorch."""
    model = model.double()
    x = x.double() if x.is_floating_point() else x
    # PyTorch has no second derivative of its fused hardsigmoid: the same function from one that has.
    fused, F.hardsigmoid = F.hardsigmoid, lambda z, inplace=False: F.relu6(z + 3) / 6
    # That of its sinc is not a number at zero; the exporter's π is of single precision.
    own, torch.sinc = torch.sinc, sinc
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        value = loss(model(x), y)
        named = {name: p for name, p in model.named_parameters() if p.requires_grad}
        gradients = torch.autograd.grad(value, named.values(), create_graph=True, allow_unused=True)
        norm = sum(torch.sqrt(g * g + EPSILON).sum() for g in gradients if g is not None)
        products = torch.autograd.grad(norm, named.values(), allow_unused=True)
    F.hardsigmoid, torch.sinc = fused, own
    listed = lambda kind, values: {
        f"{kind}/{name}": v.detach().numpy() for name, v in zip(named, values) if v is not None
    }
    return value.item(), {**listed("gradient", gradients), **listed("normGradient", products)}


def compare(folder, value, expected, loss, aliases, frozen):
    at = lambda name: os.path.join(folder, name)
    command = ["node", os.path.join(ROOT, "dist", "cli.js"), "inspect", "--model", at("model.onnx"), "--data", at("data.npz")]
    command += ["--dtype", "float64", "--eps", str(EPSILON), "--eps-placement", "inside", "--steps", "0", "--arrays", "--out", at("run")]
    command += ["--output", "prediction", "--loss", loss]
    for name in frozen:
        command += ["--freeze", name]
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
        batch = write(model, x, os.path.join(folder, "model.onnx"), more)
    except Exception as error:
        return {"failed": f"PyTorch does not export it: {str(error)[:200]}"}
    value, expected = numbers(model, x, y, loss)
    size = sum(p.numel() for p in model.parameters())
    every = list(model.named_parameters(remove_duplicate=False))
    aliases = {name: [other for other, q in every if q is p] for name, p in model.named_parameters()}
    held = {i.name for i in onnx.load(os.path.join(folder, "model.onnx"), load_external_data=False).graph.initializer}
    frozen = [name for name, p in every if not p.requires_grad and name in held]
    return {"batch": batch, "parameters": size, **compare(folder, value, expected, "cross-entropy" if classes else "mse", aliases, frozen)}


def within(seconds, name, out):
    """The result of `check` from a process of its own, which is ended after so many seconds."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)

    def work():
        os.setsid()
        try:
            theirs.send(check(name, out))
        except Exception as error:
            theirs.send({"failed": f"{type(error).__name__}: {str(error)[:300]}"})

    process = context.Process(target=work)
    process.start()
    theirs.close()
    try:
        return ours.recv() if ours.poll(seconds) else {"failed": f"not done after {seconds} s"}
    except EOFError:
        return {"failed": "the process ended"}
    finally:
        if process.is_alive() and not ours.poll(0):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.join()


def versions():
    names = ["torch", "transformers", "timm", "torchvision", "torchaudio", "diffusers", "onnxscript", "onnx"]
    return ", ".join(f"{name} {metadata.version(name)}" for name in names)


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
    parser.add_argument("--missing", action="store_true", help="only models that have no result")
    parser.add_argument("--limit", type=int, default=600, help="seconds for a model")
    given = parser.parse_args()
    results = {}
    if os.path.exists(given.results):
        with open(given.results) as file:
            results = json.load(file)
    for name in given.names or MODELS:
        if given.missing and name in results:
            continue
        results[name] = within(given.limit, name, given.out)
        print(name, json.dumps(results[name]), flush=True)
        ordered = {known: results[known] for known in MODELS if known in results}
        with open(given.results, "w") as file:
            json.dump(ordered, file, indent=1)
            file.write("\n")
        with open(os.path.splitext(given.results)[0] + ".md", "w") as file:
            file.write(f"# Architectures\n\nWritten by `architectures.py` with {versions()}:\nrelative errors in float64.\n\n")
            file.write(table(ordered))


if __name__ == "__main__":
    main()
