"""`showtell evaluate` beside pycocoevalcap with Java (without SPICE) on the same captions; see README.md. Linux only."""

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# How far the two may be apart: what their last digits are rounded to.
TOLERANCE = {"METEOR": 1e-6}


def make_captions(source: Path, images: int, references: int, folder: Path) -> tuple[Path, Path]:
    """References as a COCO captions file, and as candidates half-right captions in COCO's results form: the first
    reference of each image with every third word from that of the next one."""
    opened = gzip.open(source) if source.suffix == ".gz" else source.open("rb")
    with opened as file:
        captions: dict[int, list[str]] = {}
        for annotation in json.load(file)["annotations"]:
            captions.setdefault(annotation["image_id"], []).append(annotation["caption"])
    chosen = [(id, said[:references]) for id, said in captions.items() if len(said) >= references][:images]
    if len(chosen) < images:
        sys.exit(f"Expected {images} images with {references} captions for {source} but received {len(chosen)}")
    annotations = [
        {"id": i * references + k, "image_id": id, "caption": caption}
        for i, (id, said) in enumerate(chosen)
        for k, caption in enumerate(said)
    ]
    results = []
    for i, (id, said) in enumerate(chosen):
        words = said[0].split()
        other = chosen[(i + 1) % images][1][0].split()
        words[::3] = [other[at % len(other)] for at in range(0, len(words), 3)]
        results.append({"image_id": id, "caption": " ".join(words)})
    paths = folder / "references.json", folder / "candidates.json"
    paths[0].write_text(json.dumps({"images": [{"id": id} for id, _ in chosen], "annotations": annotations}))
    paths[1].write_text(json.dumps(results))
    return paths


def score_in_python(references: str, candidates: str, output: str) -> None:
    """What COCOEvalCap does, less SPICE."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.meteor.meteor import Meteor
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    said: dict[int, list[dict]] = {}
    for annotation in json.loads(Path(references).read_text())["annotations"]:
        said.setdefault(annotation["image_id"], []).append(annotation)
    results = {entry["image_id"]: [entry] for entry in json.loads(Path(candidates).read_text())}
    tokenizer = PTBTokenizer()
    truth, found = tokenizer.tokenize(said), tokenizer.tokenize(results)
    scores = {}
    for scorer, names in [
        (Bleu(4), ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4"]),
        (Meteor(), ["METEOR"]),
        (Rouge(), ["ROUGE_L"]),
        (Cider(), ["CIDEr"]),
    ]:
        score, _ = scorer.compute_score(truth, found)
        scores.update(zip(names, score if len(names) > 1 else [score]))
    Path(output).write_text(json.dumps({"corpus": {name: float(score) for name, score in scores.items()}}))


def tree(root: int) -> list[int]:
    """A process and all that it started."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                parent = int(Path(entry.path, "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def measure(command: list[str]) -> tuple[float, int]:
    """Seconds of a command from its start to its end, and the most bytes that it and all it started had resident."""
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(resident, tree(process.pid))))
        time.sleep(0.02)
    seconds = time.perf_counter() - began
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return seconds, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captions", type=Path, required=True, help="a COCO captions file to draw from, gzipped or not")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--references", type=int, default=5, help="of each image")
    parser.add_argument("--runs", type=int, default=3, help="medians are told")
    parser.add_argument("--showtell", default="node bin/showtell.js", help="how to run it")
    options = parser.parse_args()

    from pycocoevalcap.meteor import meteor

    paraphrases = str(Path(meteor.__file__).parent / "data" / "paraphrase-en.gz")
    with tempfile.TemporaryDirectory() as folder:
        references, candidates = make_captions(options.captions, options.images, options.references, Path(folder))
        outputs = {name: str(Path(folder, name)) for name in ["python", "showtell"]}
        evaluate = [*options.showtell.split(), "evaluate", "--references", str(references)]
        evaluate += ["--candidates", str(candidates), "--paraphrases", paraphrases, "--json", outputs["showtell"]]
        commands = {
            "pycocoevalcap, Java": [sys.executable, __file__, "child", str(references), str(candidates), outputs["python"]],
            "showtell evaluate": [*evaluate, "--samples", "1"],
            "with 1,000 samples for intervals": evaluate,
        }
        measured = {name: [measure(command) for _ in range(options.runs)] for name, command in commands.items()}
        corpus = {name: json.loads(Path(path).read_text())["corpus"] for name, path in outputs.items()}

    print(f"{options.images} candidates, {options.images * options.references} references, {options.runs} runs")
    slowest = statistics.median(seconds for seconds, _ in measured["pycocoevalcap, Java"])
    print("|                                  | seconds | times as fast | peak memory, MB |")
    print("| -------------------------------- | ------: | ------------: | --------------: |")
    for name, found in measured.items():
        seconds = statistics.median(seconds for seconds, _ in found)
        peak = max(peak for _, peak in found)
        print(f"| {name:32} | {seconds:7.2f} | {slowest / seconds:13.2f} | {peak / 1e6:15.0f} |")
    print("\n|         | pycocoevalcap | showtell |\n| ------- | ------------: | -------: |")
    for name, score in corpus["python"].items():
        print(f"| {name:7} | {score:13.6f} | {corpus['showtell'][name]:8.6f} |")
    for name, score in corpus["python"].items():
        if abs(score - corpus["showtell"][name]) > TOLERANCE.get(name, 1e-9):
            sys.exit(f"Expected {score} for {name} but received {corpus['showtell'][name]}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        score_in_python(*sys.argv[2:])
    else:
        main()
