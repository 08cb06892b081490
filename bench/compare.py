"""The bundle that `npm run bench` measured, in PyTorch eager, beside ViT-GPT2 and BLIP-base; see README.md."""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL
import torch
import transformers
from PIL import Image
from torch import Tensor, nn
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    GPT2Config,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
)

from captioner import Captioner

BEAM_SIZE = 3
NEW_TOKENS = 12
BATCH = 16


def decode(path: Path, size: int) -> np.ndarray:
    with Image.open(path) as image:
        # JPEGs are decoded at the smallest scale that is still large enough.
        image.draft("RGB", (size, size))
        return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC))


def decode_batch(paths: list[Path], size: int, pool: ThreadPoolExecutor) -> Tensor:
    return torch.from_numpy(np.stack(list(pool.map(lambda path: decode(path, size), paths))))


def batches(files: list[Path], size: int) -> Iterator[list[Path]]:
    """Batches without end, each of files that the one before did not have."""
    at = 0
    while True:
        yield [files[(at + i) % len(files)] for i in range(size)]
        at += size


def latency(
    stages: dict[str, Callable], files: list[Path], batch: int, runs: int, warm_up: int
) -> dict[str, float]:
    """Median milliseconds a photo of each stage, which takes what the one before gives, and of all together."""
    found: list[dict[str, float]] = []
    source = batches(files, batch)
    for run in range(warm_up + runs):
        value = next(source)
        times = {}
        for name, stage in stages.items():
            began = time.perf_counter()
            value = stage(value)
            times[name] = (time.perf_counter() - began) * 1000 / batch
        times["total"] = sum(times.values())
        if run >= warm_up:
            found.append(times)
    medians = {name: statistics.median(times[name] for times in found) for name in found[0]}
    told = ", ".join(f"{name} {value:.1f}" for name, value in medians.items())
    print(f"batch {batch}: {told} ms a photo", file=sys.stderr, flush=True)
    return medians


def folder_rate(captioner: Captioner, files: list[Path], pool: ThreadPoolExecutor) -> float:
    """Photos a second of a folder: batches of 16, the next one decoded while the model works on this one."""
    groups = [files[at : at + BATCH] for at in range(0, len(files), BATCH)]
    began = time.perf_counter()
    with ThreadPoolExecutor(1) as ahead, torch.inference_mode():
        coming = ahead.submit(decode_batch, groups[0], captioner.image_size, pool)
        for i in range(len(groups)):
            pixels = coming.result()
            if i + 1 < len(groups):
                coming = ahead.submit(decode_batch, groups[i + 1], captioner.image_size, pool)
            captioner.caption(captioner.encoder(pixels))
    return len(files) / (time.perf_counter() - began)


def vit_gpt2() -> tuple[nn.Module, int]:
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(ViTConfig(), GPT2Config())
    model = VisionEncoderDecoderModel(config=config)
    tokens = {"decoder_start_token_id": 50256, "pad_token_id": 50256, "eos_token_id": 50256}
    for name, token in tokens.items():
        setattr(model.config, name, token)
        setattr(model.generation_config, name, token)
    return model, config.encoder.image_size


def blip_base() -> tuple[nn.Module, int]:
    config = BlipConfig()
    return BlipForConditionalGeneration(config), config.vision_config.image_size


def generating(model: nn.Module) -> Callable[[Tensor], Tensor]:
    @torch.inference_mode()
    def generate(pixels: Tensor) -> Tensor:
        values = (pixels.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
        # Random weights never end by themselves.
        return model.generate(
            pixel_values=values, num_beams=BEAM_SIZE, min_new_tokens=NEW_TOKENS, max_new_tokens=NEW_TOKENS
        )

    return generate


def check_captions(captioner: Captioner, words: list[str], expected: list[dict], folder: Path) -> float:
    """The same pixels must give the captions that showtell gave, else another model would be timed."""
    pixels = torch.from_numpy(np.stack([decode(folder / photo["file"], captioner.image_size) for photo in expected]))
    with torch.inference_mode():
        found = captioner.caption(captioner.encoder(pixels))
    largest = 0.0
    first_word = captioner.search["firstWord"]
    for photo, (tokens, log_prob) in zip(expected, found, strict=True):
        caption = [words[token - first_word] for token in tokens]
        if caption != photo["tokens"]:
            raise SystemExit(f"{photo['file']}: expected {photo['tokens']} but PyTorch says {caption}")
        largest = max(largest, abs(log_prob - photo["logProb"]))
    return largest


def table(head: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in [head, *rows]
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True, help="what npm run bench -- --photos made")
    parser.add_argument("--showtell", type=Path, required=True, help="what npm run bench -- --json wrote")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="one run of each, to see that it works")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    transformers.logging.set_verbosity_error()
    showtell = json.loads(arguments.showtell.read_text())
    coco = sorted((arguments.photos / "640x480").glob("*.jpg"))
    large = sorted((arguments.photos / "4000x3000").glob("*.jpg"))

    def runs(wanted: int) -> int:
        return 1 if arguments.quick else wanted

    print(
        f"\nPyTorch {torch.__version__}, transformers {transformers.__version__}, Pillow {PIL.__version__}, "
        f"{arguments.threads} threads, beam {BEAM_SIZE}",
        flush=True,
    )
    captioner = Captioner(arguments.bundle, showtell["search"])
    words = json.loads((arguments.bundle / "vocabulary.json").read_text())["words"]
    expected = showtell["captions"]
    difference = check_captions(captioner, words, expected, arguments.photos / f"{captioner.image_size}x{captioner.image_size}")
    print(
        f"The captions of {len(expected)} photos are those of showtell; "
        f"log-probabilities differ by at most {difference:.1e} nats",
        flush=True,
    )

    with ThreadPoolExecutor(arguments.threads) as pool:
        encode = torch.inference_mode()(captioner.encoder)
        stages = {
            "decode": lambda paths: decode_batch(paths, captioner.image_size, pool),
            "encode": encode,
            "search": captioner.caption,
        }
        measured = {
            "this bundle, PyTorch eager": [
                latency(stages, coco, 1, runs(40), runs(5)),
                latency(stages, coco, BATCH, runs(8), runs(2)),
            ]
        }
        rates = [folder_rate(captioner, files[:BATCH] if arguments.quick else files, pool) for files in (coco, large)]
        for name, make in {"ViT-GPT2": vit_gpt2, "BLIP-base": blip_base}.items():
            model, size = make()
            model.eval()
            parameters = sum(value.numel() for value in model.parameters()) / 1e6
            stages = {
                "decode": lambda paths, size=size: decode_batch(paths, size, pool),
                "generate": generating(model),
            }
            measured[f"{name}, {parameters:.0f} M random weights, {size} px"] = [
                latency(stages, coco, 1, runs(4), 1),
                latency(stages, coco, 2 if arguments.quick else BATCH, 1, 0),
            ]
            del model, stages

    ours = {f"showtell ({showtell['machine']['engine']})": showtell["latencies"]}
    print("\nMilliseconds a photo of 640 × 480, medians; × showtell")
    print(
        table(
            ["", "batch", "decode", "encode", "search", "all", "×"],
            [
                [name, str(batch), *parts(times), f"{times['total']:.1f}", f"{times['total'] / base['total']:.1f}"]
                for position, batch in enumerate((1, BATCH))
                for base in [showtell["latencies"][position]]
                for name, both in {**ours, **measured}.items()
                for times in [both[position]]
            ],
        )
    )
    print("\nPhotos a second of a folder, batches of 16")
    print(
        table(
            ["photos", "showtell caption", "this bundle, PyTorch eager", "×"],
            [
                [
                    f"{folder['width']} × {folder['height']}",
                    f"{folder['photosPerSecond']:.1f}",
                    f"{rate:.1f}",
                    f"{folder['photosPerSecond'] / rate:.1f}",
                ]
                for folder, rate in zip(showtell["folders"], rates, strict=True)
            ],
        )
    )


def parts(times: dict[str, float]) -> list[str]:
    """Decode, encode and search; a model of transformers encodes and searches in one call."""
    if "generate" in times:
        return [f"{times['decode']:.1f}", "", f"{times['generate']:.1f}"]
    return [f"{times[name]:.1f}" for name in ("decode", "encode", "search")]


if __name__ == "__main__":
    main()
