"""Models for `architectures.py` that are made in other ways than by layers alone: scripted, wrapped, quantised, parametrised."""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from small_models import Of, image, tokens


class SpatialTransformer(nn.Module):
    """A picture that is turned and moved by what a small network sees in it."""

    def __init__(self, aligned):
        super().__init__()
        self.aligned = aligned
        self.place = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 6))
        self.net = nn.Sequential(nn.Conv2d(3, 6, 3, 2), nn.GELU(), nn.Flatten(), nn.Linear(6 * 9, 5))
        with torch.no_grad():
            self.place[-1].bias.copy_(torch.tensor([0.9, 0.1, 0.05, -0.1, 1.1, -0.07]))

    def forward(self, x):
        grid = F.affine_grid(self.place(x).view(-1, 2, 3), list(x.shape), align_corners=self.aligned)
        return self.net(F.grid_sample(x, grid, align_corners=self.aligned, padding_mode="border"))


class Warped(nn.Module):
    """A picture that is warped by a flow, as in optical flow, with the grid as a buffer."""

    def __init__(self):
        super().__init__()
        rows, columns = torch.meshgrid(torch.linspace(-1, 1, 8), torch.linspace(-1, 1, 8), indexing="ij")
        self.register_buffer("grid", torch.stack([columns, rows], -1))
        self.flow, self.out = nn.Conv2d(3, 2, 3, padding=1), nn.Conv2d(3, 2, 1)

    def forward(self, x):
        flow = 0.3 * torch.tanh(self.flow(x)).permute(0, 2, 3, 1)
        return self.out(F.grid_sample(x, self.grid + flow, mode="bicubic", padding_mode="reflection", align_corners=True))


class Outlook(nn.Module):
    """Attention over neighbourhoods by unfold and fold, as VOLO has it."""

    def __init__(self):
        super().__init__()
        self.v, self.scores, self.head = nn.Linear(4, 4), nn.Linear(4, 81), nn.Linear(4, 5)
        self.unfold = nn.Unfold(3, padding=1)

    def forward(self, x):
        v = self.unfold(self.v(x).permute(0, 3, 1, 2)).unflatten(1, (4, 9))
        p = self.scores(x).flatten(1, 2).unflatten(-1, (9, 9)).softmax(-1)
        y = torch.einsum("nckl,nljk->ncjl", v, p).flatten(1, 2)
        return self.head(F.fold(y, (5, 5), 3, padding=1).mean((2, 3)))


def parametrised():
    from torch.nn.utils import parametrizations

    net = nn.Sequential(
        parametrizations.weight_norm(nn.Conv1d(3, 6, 3)),
        nn.GELU(),
        parametrizations.spectral_norm(nn.Conv1d(6, 4, 2)),
        nn.Flatten(),
        parametrizations.weight_norm(nn.Linear(16, 5), dim=None),
    )
    return net, torch.randn(4, 3, 7)


class Adapted(nn.Module):
    """A tied embedding and a frozen layer, both with low-rank adapters."""

    def __init__(self):
        super().__init__()
        self.embed, self.layer = nn.Embedding(30, 8), nn.Linear(8, 8)
        self.down, self.up = nn.Linear(8, 2, bias=False), nn.Linear(2, 8, bias=False)
        self.a, self.b = nn.Parameter(torch.randn(2, 30)), nn.Parameter(torch.randn(8, 2))
        self.layer.requires_grad_(False)

    def forward(self, x):
        h = self.embed(x) + F.embedding(x, self.a.T) @ self.b.T
        h = torch.tanh(self.layer(h) + 0.5 * self.up(self.down(h)))
        return h @ self.embed.weight.T


def low_rank():
    import peft
    import transformers

    config = transformers.GPT2Config(vocab_size=30, n_embd=16, n_layer=1, n_head=2, n_positions=16, attn_implementation="eager", use_cache=False)
    model = transformers.GPT2LMHeadModel(config)
    return Of(peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=["c_attn", "c_proj"])), lambda y: y.logits), tokens()


class Einops(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix, self.channels, self.head = nn.Parameter(0.3 * torch.randn(16, 16)), nn.Linear(12, 12), nn.Linear(12, 5)

    def forward(self, x):
        from einops import einsum, rearrange, reduce, repeat

        h = rearrange(x, "n c (h p) (w q) -> n (h w) (p q c)", p=2, q=2)
        h = h + einsum(self.mix, h, "s t, n t c -> n s c")
        h = F.silu(self.channels(h)) * repeat(reduce(h, "n s c -> n c", "max"), "n c -> n s c", s=16)
        return self.head(reduce(h, "n s c -> n c", "mean"))


class FourierLayer(nn.Module):
    """Complex weights on the lowest frequencies, as in Fourier neural operators."""

    def __init__(self, width=4, modes=3):
        super().__init__()
        self.modes = modes
        self.lift, self.local, self.head = nn.Linear(2, width), nn.Conv1d(width, width, 1), nn.Linear(width, 1)
        self.weights = nn.Parameter(0.3 * torch.randn(width, width, modes, 2))

    def forward(self, x):
        h = self.lift(x).transpose(1, 2)
        f = torch.view_as_real(torch.fft.rfft(h, norm="ortho"))[..., : self.modes, :]
        re = torch.einsum("ncm,cdm->ndm", f[..., 0], self.weights[..., 0]) - torch.einsum("ncm,cdm->ndm", f[..., 1], self.weights[..., 1])
        im = torch.einsum("ncm,cdm->ndm", f[..., 0], self.weights[..., 1]) + torch.einsum("ncm,cdm->ndm", f[..., 1], self.weights[..., 0])
        full = F.pad(torch.stack([re, im], -1), (0, 0, 0, 5 - self.modes))
        h = F.gelu(self.local(h) + torch.fft.irfft(torch.view_as_complex(full), n=8, norm="ortho"))
        return self.head(h.transpose(1, 2))


class Ensemble(nn.Module):
    """Several copies of a network run at once by torch.func."""

    def __init__(self):
        super().__init__()
        nets = [nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5)) for _ in range(3)]
        stacked, _ = torch.func.stack_module_state(nets)
        self.names = list(stacked)
        self.stacked = nn.ParameterList([v.detach() for v in stacked.values()])
        self.skeleton = [copy.deepcopy(nets[0]).to("meta")]

    def forward(self, x):
        one = lambda values, x: torch.func.functional_call(self.skeleton[0], values, (x,))
        return torch.vmap(one, in_dims=(0, None))(dict(zip(self.names, self.stacked)), x).mean(0)


class Masked(nn.Module):
    """Fused attention with a key padding mask and a causal one, groups of queries, and a row that attends to one key."""

    def __init__(self):
        super().__init__()
        self.embed, self.q, self.kv, self.head = nn.Embedding(30, 16), nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 5)

    def forward(self, x):
        h = self.embed(x)
        q = self.q(h).unflatten(-1, (4, 4)).transpose(1, 2)
        k, v = self.kv(h).unflatten(-1, (2, 2, 4)).permute(2, 0, 3, 1, 4)
        steps = torch.arange(x.shape[1])
        mask = (steps[:, None] >= steps) & ((x != 0) | (steps == 0))[:, None, None, :]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)
        return self.head(y.transpose(1, 2).flatten(2).mean(1))


class Padded(nn.Module):
    """PyTorch's encoder with a mask of padding, which it packs as nested tensors when it can."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(30, 8, padding_idx=0), nn.Linear(8, 5)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 12, 0.0, "gelu", batch_first=True), 2)

    def forward(self, x):
        y = self.encoder(self.embed(x), src_key_padding_mask=x == 0)
        return self.head((y * (x != 0).unsqueeze(-1)).sum(1))


class MixtureDensity(nn.Module):
    """The negative log-likelihood of a mixture of Gaussians for each sample; its targets are among the data."""

    def __init__(self):
        super().__init__()
        self.net, self.out = nn.Sequential(nn.Linear(4, 8), nn.Tanh()), nn.Linear(8, 9)

    def forward(self, x):
        weights, mean, scale = self.out(self.net(x[:, :4])).chunk(3, -1)
        of = torch.distributions.Normal(mean, F.softplus(scale) + 1e-2, validate_args=False).log_prob(x[:, 4:])
        return -torch.logsumexp(weights.log_softmax(-1) + of, -1, keepdim=True)


class NeuralOde(nn.Module):
    """Eight steps of Runge and Kutta through a learned field."""

    def __init__(self):
        super().__init__()
        self.field, self.head = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 4)), nn.Linear(4, 5)

    def forward(self, x):
        step, t = 0.125, torch.zeros_like(x[:, :1])
        f = lambda h, t: self.field(torch.cat([h, t], 1))
        for _ in range(8):
            a = f(x, t)
            b = f(x + step / 2 * a, t + step / 2)
            c = f(x + step / 2 * b, t + step / 2)
            d = f(x + step * c, t + step)
            x, t = x + step / 6 * (a + 2 * b + 2 * c + d), t + step
        return self.head(x)


class RandomField(nn.Module):
    """A linear-chain CRF: the log-partition function by the forward algorithm, less the score of a path."""

    def __init__(self):
        super().__init__()
        self.embed, self.emit, self.moves = nn.Embedding(30, 6), nn.Linear(6, 4), nn.Parameter(torch.randn(4, 4))

    def forward(self, x):
        scores = self.emit(torch.tanh(self.embed(x)))
        path = x % 4
        total, score = scores[:, 0], scores[:, 0].gather(1, path[:, :1])
        for t in range(1, x.shape[1]):
            total = torch.logsumexp(total.unsqueeze(2) + self.moves, 1) + scores[:, t]
            score = score + self.moves[path[:, t - 1], path[:, t]].unsqueeze(1) + scores[:, t].gather(1, path[:, t : t + 1])
        return torch.logsumexp(total, 1, keepdim=True) - score


class Branching(nn.Module):
    """A branch on the size of the data and one on a setting, as `torch.jit.script` keeps them."""

    def __init__(self, wide: bool):
        super().__init__()
        self.wide = wide
        self.a, self.b, self.c = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 5)

    def forward(self, x):
        h = torch.tanh(self.a(x))
        if self.wide:
            h = h + F.silu(self.b(h))
        if x.shape[1] > 3:
            h = h * 2.0
        else:
            h = torch.relu(h)
        for i in range(3):
            h = torch.tanh(self.b(h)) + h * float(i)
        return self.c(h)


def fake_quantised():
    from torch.ao.quantization import FakeQuantize, MinMaxObserver

    class Net(nn.Module):
        """Training aware of quantisation, with scales that have been observed."""

        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 5)
            eight = dict(observer=MinMaxObserver, quant_min=-128, quant_max=127, dtype=torch.qint8, qscheme=torch.per_tensor_symmetric)
            self.of_a, self.of_h, self.of_b = (FakeQuantize(**eight) for _ in range(3))

        def forward(self, x):
            h = self.of_h(torch.tanh(F.linear(x, self.of_a(self.a.weight), self.a.bias)))
            return F.linear(h, self.of_b(self.b.weight), self.b.bias)

    net, x = Net(), torch.randn(6, 4)
    net(x)
    for each in (net.of_a, net.of_h, net.of_b):
        each.disable_observer()
    return net, x


class Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, dy):
        return -0.5 * dy


class Adversarial(nn.Module):
    """A head whose gradient is turned round on its way into the features, by a function with a derivative of its own."""

    def __init__(self):
        super().__init__()
        self.features, self.one, self.two = nn.Linear(4, 8), nn.Linear(8, 5), nn.Linear(8, 5)

    def forward(self, x):
        h = torch.tanh(self.features(x))
        return self.one(h) + self.two(Reversal.apply(h))


WAYS = {
    "spatial transformer": lambda: (SpatialTransformer(False), image(8)),
    "spatial transformer, older exporter": lambda: (SpatialTransformer(True), image(8), "older"),
    "flow warping": lambda: (Warped(), image(8)),
    "unfold and fold": lambda: (Outlook(), torch.randn(3, 5, 5, 4)),
    "parametrizations": parametrised,
    "tied embedding with adapters": lambda: (Adapted(), tokens()),
    "peft LoRA": low_rank,
    "einops": lambda: (Einops(), image(8)),
    "Fourier layer": lambda: (FourierLayer(), torch.randn(3, 8, 2)),
    "torch.func ensemble": lambda: (Ensemble(), torch.randn(6, 4)),
    "attention with masks": lambda: (Masked(), tokens()),
    "encoder with padding": lambda: (Padded(), tokens()),
    "mixture density": lambda: (MixtureDensity(), torch.randn(6, 5)),
    "neural ODE": lambda: (NeuralOde(), torch.randn(6, 4)),
    "conditional random field": lambda: (RandomField(), tokens()),
    "torch.jit.script": lambda: (torch.jit.script(Branching(True)), torch.randn(6, 4), "older"),
    "fake quantisers": lambda: (*fake_quantised(), "older"),
    "custom autograd.Function": lambda: (Adversarial(), torch.randn(6, 4)),
}
