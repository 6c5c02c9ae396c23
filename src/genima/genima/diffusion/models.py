# SPDX-License-Identifier: Apache-2.0
"""A drawing model and its folder, which has the layout of diffusers.

```
genima.json      what `genima.diffusion.config` describes
unet/ controlnet/ vae/ scheduler/ text_encoder/ tokenizer/ text_encoder_2/ tokenizer_2/ witness/
motion/
```

What a folder lacks is taken from its `base`, another folder or a name on the hub: for SD-Turbo a
folder needs to hold no more than `genima.json` and `controlnet/`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from safetensors import SafetensorError
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer
from transformers.utils import logging as transformers_logging

from genima.diffusion.config import DrawConfig, Guide, Output, from_json, to_json
from genima.diffusion.motion_head import MotionHead
from genima.diffusion.network import DrawNetwork
from genima.diffusion.patch_vae import PatchVAE
from genima.diffusion.prompt import TextEncoders
from genima.diffusion.witness import Witness
from genima.errors import GenimaError, PolicyError
from genima.files import json_bytes, replaced_folder

CONFIG = "genima.json"
# Bars of milliseconds, in the logs of nodes.
diffusers_logging.disable_progress_bar()
transformers_logging.disable_progress_bar()
#: Files are split at this size, so that each can be kept in a git repository.
_SHARD = "15MB"
# Of a model on the hub: not its single-file copies and pickles.
_WANTED = ["*/*.json", "*/*.txt", "*/*.safetensors"]


@dataclass(frozen=True, eq=False)
class DrawModels:
    """Everything that a drawing model consists of.

    Attributes:
        config: How it is put together and asked.
        network: UNet, ControlNet and autoencoder.
        text: Text encoders and tokenizers.
        scheduler: Of diffusers; tells the noise of each time step.
    """

    config: DrawConfig
    network: DrawNetwork
    text: TextEncoders
    scheduler: Any


def save_models(models: DrawModels, folder: Path, parts: tuple[str, ...] = ()) -> None:
    """Write the folder; an older one of that name is replaced.

    Args:
        models: What to write.
        folder: Where to.
        parts: Folders to write, such as `controlnet`; by default all. The others must come from
            `DrawConfig.base`.
    """
    with replaced_folder(folder) as staged:
        (staged / CONFIG).write_bytes(json_bytes(to_json(models.config)))
        for name, part in _parts(models).items():
            if not parts or name in parts:
                _save(part, staged / name)


def _parts(models: DrawModels) -> dict[str, Any]:
    network, text = models.network, models.text
    parts: dict[str, Any] = {
        "unet": network.unet,
        "vae": network.vae,
        "scheduler": models.scheduler,
    }
    if network.controlnet is not None:
        parts["controlnet"] = network.controlnet
    if network.witness is not None:
        parts["witness"] = network.witness
    if network.motion is not None:
        parts["motion"] = network.motion
    for number, (tokenizer, encoder) in enumerate(
        zip(text.tokenizers, text.encoders, strict=True)
    ):
        suffix = "_2" if number else ""
        parts |= {f"tokenizer{suffix}": tokenizer, f"text_encoder{suffix}": encoder}
    return parts


def _save(part: Any, folder: Path) -> None:
    if isinstance(part, PatchVAE):
        part.save_config(folder)
    else:
        split = {"max_shard_size": _SHARD} if isinstance(part, torch.nn.Module) else {}
        part.save_pretrained(folder, **split)
    _forget_origin(folder / "config.json")
    for path in folder.iterdir():
        path.chmod(0o644)  # weights are written for the owner alone, though others use them


def _forget_origin(config: Path) -> None:
    """A folder on its maker's computer is nothing to others."""
    if config.is_file():
        values = json.loads(config.read_text())
        if values.pop("_name_or_path", None) is not None:
            config.write_bytes(json_bytes(values))


def load_models(folder: Path, dtype: torch.dtype = torch.float32) -> DrawModels:
    """Read a folder and what it borrows from its base.

    Raises:
        PolicyError: A file is missing, damaged, or of another architecture.
    """
    config = load_config(folder)
    source = _Source(folder, _base(folder, config), dtype)
    controlnet = None
    if config.guide is Guide.CONTROLNET:
        controlnet = source.load("controlnet", ControlNetModel.from_pretrained)
    unet = source.load("unet", UNet2DConditionModel.from_pretrained)
    vae = source.load("vae", _vae)
    tokenizers = [source.load("tokenizer", _tokenizer)]
    encoders = [source.load("text_encoder", CLIPTextModel.from_pretrained)]
    if unet.config.addition_embed_type == "text_time":
        tokenizers.append(source.load("tokenizer_2", _tokenizer))
        load_second = CLIPTextModelWithProjection.from_pretrained
        encoders.append(source.load("text_encoder_2", load_second))
    for number, (tokenizer, encoder) in enumerate(zip(tokenizers, encoders, strict=True)):
        _require_fit(folder, "_2" if number else "", len(tokenizer), encoder.config.vocab_size)
    scheduler = source.load("scheduler", _scheduler)
    witness = motion = None
    if config.output is Output.SPHERES:
        witness = source.load("witness", Witness.from_pretrained)
        motion = source.load("motion", MotionHead.from_pretrained)
    network = DrawNetwork(config, unet, controlnet, vae, witness, motion).eval()
    text = TextEncoders(tokenizers, encoders, config.side_px).eval()
    return DrawModels(config, network, text, scheduler)


def _require_fit(folder: Path, suffix: str, words: int, known: int) -> None:
    # A tokenizer without its files is loaded without a word, and without words.
    if words != known:
        raise PolicyError(
            f"{folder}: tokenizer{suffix} has {words} words, text_encoder{suffix} knows {known}; "
            "a file of the tokenizer is missing, or they are not of one model"
        )


def load_config(folder: Path) -> DrawConfig:
    """Read `genima.json` alone.

    Raises:
        PolicyError: It is missing, no JSON, or says something impossible.
    """
    path = folder / CONFIG
    try:
        return from_json(json.loads(path.read_text()))
    except OSError as error:
        raise PolicyError(
            f"{path}: cannot be read ({error.strerror}); give a folder that "
            "`genima train diffusion` wrote"
        ) from error
    except (GenimaError, ValueError, AttributeError) as error:
        raise PolicyError(f"{path}: {error}") from error


def _base(folder: Path, config: DrawConfig) -> Path | None:
    """Where the base is; a relative one lies beside the folder's own files."""
    if not config.base:
        return None
    local = folder / config.base
    if local.is_dir():
        return local
    try:
        fetched = snapshot_download(
            config.base, allow_patterns=_WANTED, ignore_patterns=["*.fp16.*"]
        )
        return Path(fetched)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise PolicyError(
            f"{folder / CONFIG}: base {config.base!r} is no folder and cannot be had from the "
            f"hub ({reason}); download it, or name its folder"
        ) from error


@dataclass(frozen=True)
class _Source:
    """Finds and reads the parts of a model."""

    folder: Path
    base: Path | None
    dtype: torch.dtype

    def load(self, name: str, read: Callable[..., Any]) -> Any:
        """Read a part; PolicyError if it cannot be."""
        place = self.folder / name
        if not place.is_dir() and self.base is not None:
            place = self.base / name
        try:
            if read in (_vae, _tokenizer, _scheduler):
                part = read(place)
            else:
                part = read(place, local_files_only=True, torch_dtype=self.dtype)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise PolicyError(
                f"{place}: cannot be read, it is missing, damaged or of another architecture: "
                f"{reason}"
            ) from error
        return part


def _tokenizer(folder: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(folder, local_files_only=True)


def _vae(folder: Path) -> Any:
    values = json.loads((folder / "config.json").read_text())
    name = values["_class_name"]
    if name == PatchVAE.__name__:
        return PatchVAE.from_config(values)
    if name not in ("AutoencoderKL", "AutoencoderTiny"):
        raise ValueError(f"{name} is no autoencoder that this suite knows")
    return getattr(diffusers, name).from_pretrained(folder, local_files_only=True)


def _scheduler(folder: Path) -> Any:
    values = json.loads((folder / "scheduler_config.json").read_text())
    return getattr(diffusers, values["_class_name"]).from_config(values)
