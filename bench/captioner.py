"""A bundle of showtell in PyTorch: the encoder, the decoder and the beam search, as one writes them with PyTorch."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

PAD = 0
# Repeats and first stride of the stages of EfficientNet-Lite2; kernels and channels are those of the weights.
STAGES = [(1, 1), (3, 2), (3, 2), (4, 2), (4, 1), (5, 2), (1, 1)]


def convolution(weights: dict[str, Tensor], layer: str, stride: int = 1, depthwise: bool = False) -> nn.Module:
    """A convolution with TensorFlow's padding, from a filter [height, width, in, out] or [height, width, channels, 1]."""
    kernels = weights[f"{layer}.filter"].permute(*((2, 3) if depthwise else (3, 2)), 0, 1)
    outputs, inputs, kernel, _ = kernels.shape
    total = kernel - stride
    # Uneven padding, the odd pixel at the end, is a layer of its own.
    even = total <= 0 or total % 2 == 0
    conv = nn.Conv2d(
        outputs if depthwise else inputs,
        outputs,
        kernel,
        stride,
        padding=max(total, 0) // 2 if even else 0,
        groups=outputs if depthwise else 1,
    )
    conv.weight.data = kernels.contiguous()
    conv.bias.data = weights[f"{layer}.bias"]
    return conv if even else nn.Sequential(nn.ZeroPad2d((total // 2, total - total // 2) * 2), conv)


class Block(nn.Module):
    """An inverted residual block."""

    def __init__(self, weights: dict[str, Tensor], name: str, stride: int):
        super().__init__()
        layers: list[nn.Module] = []
        if f"{name}.expand.filter" in weights:
            layers += [convolution(weights, f"{name}.expand"), nn.ReLU6(inplace=True)]
        layers += [
            convolution(weights, f"{name}.depthwise", stride, depthwise=True),
            nn.ReLU6(inplace=True),
            convolution(weights, f"{name}.project"),
        ]
        self.layers = nn.Sequential(*layers)
        first = weights.get(f"{name}.expand.filter", weights[f"{name}.depthwise.filter"])
        # The input channels: of an expansion [1, 1, in, out], of a depthwise filter [height, width, channels, 1].
        self.shortcut = stride == 1 and first.shape[2] == weights[f"{name}.project.filter"].shape[3]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.shortcut else self.layers(x)


class Encoder(nn.Module):
    """EfficientNet-Lite2 up to its head convolution, batch norm folded as the bundle has it."""

    def __init__(self, weights: dict[str, Tensor]):
        super().__init__()
        strides = [first if repeat == 0 else 1 for repeats, first in STAGES for repeat in range(repeats)]
        self.layers = nn.Sequential(
            convolution(weights, "stem", 2),
            nn.ReLU6(inplace=True),
            *[Block(weights, f"block{b}", stride) for b, stride in enumerate(strides)],
            convolution(weights, "head"),
            nn.ReLU6(inplace=True),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels uint8 [images, height, width, 3] → features [images, regions, channels]."""
        x = (pixels.permute(0, 3, 1, 2).float() - 127) / 128
        return self.layers(x).flatten(2).transpose(1, 2)


def linear(weights: dict[str, Tensor], w: str, b: str | None) -> nn.Linear:
    weight = weights[w].t().contiguous()
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=b is not None)
    layer.weight.data = weight
    if b is not None:
        layer.bias.data = weights[b]
    return layer


class Decoder(nn.Module):
    """LSTM with gated additive attention over the regions; the output layer shares the word vectors, and what was said,
    the sum of the word vectors so far, is held against the next word if the bundle has weights for it."""

    def __init__(self, weights: dict[str, Tensor]):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(weights["embedding"])
        self.bias = nn.Parameter(weights["bias"])
        self.region = linear(weights, "region.w", "region.b")
        self.initial_hidden = linear(weights, "initial.hidden.w", "initial.hidden.b")
        self.initial_cell = linear(weights, "initial.cell.w", "initial.cell.b")
        self.query = linear(weights, "attention.w_query", None)
        self.key = linear(weights, "attention.w_key", "attention.b")
        self.score = linear(weights, "attention.v", None)
        self.gate = linear(weights, "gate.w", "gate.b")
        self.output = linear(weights, "output.w", "output.b")
        self.remembers = "said.w" in weights
        if self.remembers:
            self.initial_said = linear(weights, "initial.said.w", "initial.said.b")
            self.said = linear(weights, "said.w", "said.b")
        units = weights["gate.w"].shape[0]
        inputs = weights["cell.w"].shape[0] - units
        # PyTorch has the gates in the same order: input, forget, candidate, output.
        self.cell = nn.LSTMCell(inputs, units)
        self.cell.weight_ih.data = weights["cell.w"][:inputs].t().contiguous()
        self.cell.weight_hh.data = weights["cell.w"][inputs:].t().contiguous()
        self.cell.bias_ih.data = weights["cell.b"]
        self.cell.bias_hh.data = torch.zeros_like(weights["cell.b"])

    def start(self, features: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, ...]]:
        """Features → (regions, keys) and the first (hidden, cell[, said]) [images, 1, units or embedding size]."""
        regions = F.relu(self.region(features))
        mean = regions.mean(1, keepdim=True)
        first = [self.initial_hidden, self.initial_cell, *([self.initial_said] if self.remembers else [])]
        state = tuple(torch.tanh(layer(mean)) for layer in first)
        return (regions, self.key(regions)), state

    def forward(
        self, tokens: Tensor, memory: tuple[Tensor, Tensor], state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Tokens [images, hypotheses] → log-probabilities of the next [images, hypotheses, vocabulary], state."""
        regions, keys = memory
        hidden, cell, *said = state
        word = self.embedding(tokens)
        scores = self.score(torch.tanh(self.query(hidden)[:, :, None] + keys[:, None])).squeeze(3)
        context = torch.sigmoid(self.gate(hidden)) * torch.bmm(scores.softmax(2), regions)
        hidden, cell = self.cell(
            torch.cat([word, context], 2).flatten(0, 1), (hidden.flatten(0, 1), cell.flatten(0, 1))
        )
        hidden, cell = (value.unflatten(0, tokens.shape) for value in (hidden, cell))
        output = torch.tanh(self.output(torch.cat([hidden, context, word], 2)))
        if self.remembers:
            said = [said[0] + word]
            output = output - torch.sigmoid(self.said(hidden)) * said[0]
        logits = F.linear(output, self.embedding.weight, self.bias)
        return logits.log_softmax(2), (hidden, cell, *said)


class Captioner(nn.Module):
    """Encoder, decoder and a beam search under showtell's constraints, for whole batches."""

    def __init__(self, bundle: Path, search: dict):
        super().__init__()
        config = json.loads((bundle / "config.json").read_text())
        decoder = config["decoder"]
        # A config names the size of photos where it is not EfficientNet-Lite's usual one.
        self.image_size = config["encoder"].get("imageSize", 224)
        kind = config["encoder"]["name"], decoder["cell"], decoder["attention"]
        if kind != ("efficientnet-lite2", "lstm", "additive"):
            raise SystemExit(f"Expected efficientnet-lite2, lstm, additive in {bundle} but received {kind}")
        weights = {name: value.float() for name, value in load_file(bundle / "model.safetensors").items()}
        self.encoder = Encoder(under(weights, "encoder.")).to(memory_format=torch.channels_last)
        self.decoder = Decoder(under(weights, "decoder."))
        self.search = search
        vocabulary = decoder["vocabularySize"]
        bans = torch.zeros(vocabulary)
        bans[: search["firstWord"]] = float("-inf")

        def marked(tokens: list[int]) -> Tensor:
            mask = torch.zeros(vocabulary, dtype=torch.bool)
            mask[tokens] = True
            return mask

        self.exclusive = marked(search["exclusive"])
        self.never, self.attributes, self.articles, self.between = (
            marked(search["endings"][name]) for name in ("never", "attributes", "articles", "between")
        )
        self.early = bans
        self.free = bans.clone()
        self.free[search["end"]] = 0
        self.last = self.free.masked_fill(self.never | self.attributes, float("-inf"))
        self.full = torch.full_like(bans, float("-inf"))
        self.full[search["end"]] = 0
        self.eval()

    def bias(self, length: int) -> Tensor:
        if length >= self.search["maxLength"]:
            return self.full
        if length == self.search["maxLength"] - 1:
            return self.last
        return self.early if length < self.search["minLength"] else self.free

    def ban_own(self, log_probs: Tensor, said: Tensor, waiting: Tensor) -> None:
        """In place: no content word twice, no n-gram twice, no end where the caption would break off: after "with", or
        after "red" while an article waits for its noun."""
        n, end = self.search["noRepeatNgram"], self.search["end"]
        # The pad token, which never comes, stands for no ban.
        banned = [torch.where(self.exclusive[said], said, PAD)]
        if n > 0 and said.shape[2] >= n:
            windows = said.unfold(2, n, 1)
            repeats = (windows[..., :-1] == said[:, :, None, said.shape[2] - n + 1 :]).all(3)
            banned.append(torch.where(repeats, windows[..., -1], PAD))
        last = said[..., -1]
        open_ended = self.never[last] | (self.attributes[last] & waiting)
        banned.append(torch.where(open_ended, end, PAD)[..., None])
        log_probs.scatter_(2, torch.cat(banned, 2), float("-inf"))

    @torch.inference_mode()
    def caption(self, features: Tensor) -> list[tuple[list[int], float]]:
        """Features of a batch → the best caption of each photo, token ids, with its log-probability."""
        end, penalty, most = (self.search[name] for name in ("end", "lengthPenalty", "maxLength"))
        images = features.shape[0]
        memory, state = self.decoder.start(features)
        tokens = torch.full((images, 1), self.search["start"])
        said = torch.empty(images, 1, 0, dtype=torch.long)
        waiting = torch.zeros(images, 1, dtype=torch.bool)
        totals = torch.zeros(images, 1)
        best = torch.full((images,), float("-inf"))
        best_total = best.clone()
        best_said = torch.zeros(images, most, dtype=torch.long)
        for length in range(most + 1):
            log_probs, state = self.decoder(tokens, memory, state)
            log_probs += self.bias(length)
            if length > 0:
                self.ban_own(log_probs, said, waiting)
            candidates = (totals[..., None] + log_probs).flatten(1)
            totals, chosen = candidates.topk(self.search["beamSize"], 1)
            parents = chosen // log_probs.shape[2]
            tokens = chosen % log_probs.shape[2]
            said = said.take_along_dim(parents[..., None], 1)
            waiting = self.articles[tokens] | (waiting.take_along_dim(parents, 1) & self.between[tokens])

            ended = tokens == end
            scores, which = (totals / max(1, length) ** penalty).masked_fill(~ended, float("-inf")).max(1)
            better = scores > best
            best = torch.where(better, scores, best)
            best_total = torch.where(better, totals.take_along_dim(which[:, None], 1).squeeze(1), best_total)
            finished = said.take_along_dim(which[:, None, None], 1).squeeze(1)
            best_said = torch.where(better[:, None], F.pad(finished, (0, most - length), value=end), best_said)

            totals = totals.masked_fill(ended, float("-inf"))
            # No running hypothesis can still win: words only lower the sum, and no divisor is larger.
            if (totals.amax(1) / most**penalty <= best).all():
                break
            said = torch.cat([said, tokens[..., None]], 2)
            state = tuple(value.take_along_dim(parents[..., None], 1) for value in state)
        return [
            ([token for token in row if token != end], total)
            for row, total in zip(best_said.tolist(), best_total.tolist(), strict=True)
        ]


def under(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
