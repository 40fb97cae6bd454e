"""A real folder of labelled colour images, out of an npm package: for ``nasc-sdk train --dataset folder``.

    npm pack emoji-datasource-google@16.0.0
    tar xzf emoji-datasource-google-16.0.0.tgz
    python benchmarks/emoji_folder.py package runs/emoji
    nasc-sdk train --dataset folder --data runs/emoji --channels 16 --cells 1 --stem-stride 2 --steps 1500 \\
        --evaluate 20 --output runs/emoji-supernet/supernet.safetensors

The package (Apache-2.0) holds 64x64 images and ``emoji.json``, which tells the category of each. Variations of the skin
are left out: they are nearly the same image again, and would be in the training and in the test part at once. So is
the category of five components. 1,906 images in nine classes remain; the largest class has 20.3 % of them.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from pathlib import Path


def main() -> None:
    """Copy every image into the folder of its category."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path, help="the unpacked package")
    parser.add_argument("target", type=Path, help="folder to make; must not be there yet")
    given = parser.parse_args()
    images = given.package / "img" / "google" / "64"
    given.target.mkdir(parents=True)
    counts: Counter[str] = Counter()
    for emoji in json.loads((given.package / "emoji.json").read_text()):
        category = emoji["category"].lower().replace(" & ", "-")
        if category == "component" or not emoji["has_img_google"]:
            continue
        folder = given.target / category
        folder.mkdir(exist_ok=True)
        shutil.copyfile(images / emoji["image"], folder / emoji["image"])
        counts[category] += 1
    for category, count in counts.most_common():
        print(f"{category:16} {count:5}")
    total = sum(counts.values())
    print(f"{'all':16} {total:5}; the largest class: {max(counts.values()) / total:.1%}")


if __name__ == "__main__":
    main()
