"""Perceptual losses: what backbones see, where their weights come from, and that the gradient ends in the image."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from mrstyle.errors import InputError
from mrstyle.physics.dce_phantom import Protocol, dce_phantom
from mrstyle_trainer.backbone_export import evened
from mrstyle_trainer.backbones import PerceptualConfig, read_backbone
from mrstyle_trainer.backbones.medicalnet import MedicalNet, medicalnet_weights
from mrstyle_trainer.backbones.vgg import SMALL, VGG, VGG16, vgg16_weights
from mrstyle_trainer.backbones.weights import checked_match, read_weights
from mrstyle_trainer.perceptual import Perception, feature_distance, gram, gram_distance

SMALL_CONFIG = PerceptualConfig.model_validate({})
KINDS = ("vgg16", "medicalnet-resnet18")


def torchvision_weights() -> dict[str, Tensor]:
    """As torchvision names them, in three channels, with convolutions that our stages do not reach and a classifier."""
    torch.manual_seed(0)
    state = VGG(VGG16).state_dict()
    state["features.0.weight"] = torch.randn(64, 3, 3, 3)
    state["features.24.weight"], state["features.24.bias"] = torch.zeros(512, 512, 3, 3), torch.zeros(512)
    return state | {"classifier.6.weight": torch.zeros(10, 5), "classifier.6.bias": torch.zeros(10)}


def medicalnet_file() -> dict[str, Any]:
    """As MedicalNet keeps them: in a checkpoint, with a prefix and a head."""
    torch.manual_seed(0)
    state = {f"module.{name}": value for name, value in MedicalNet().state_dict().items()}
    return {"state_dict": state | {"module.conv_seg.0.weight": torch.zeros(2)}, "epoch": 3}


CONTENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "vgg16": torchvision_weights,
    "medicalnet-resnet18": medicalnet_file,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("weights")
    for kind in KINDS:
        torch.save(CONTENTS[kind](), folder / f"{kind}.pth")
    return {kind: folder / f"{kind}.pth" for kind in KINDS}


def configured(kind: str, path: Path, sha256: str | None = None) -> PerceptualConfig:
    return PerceptualConfig.model_validate({"backbone": kind, "weights": str(path), "sha256": sha256})


def test_the_published_sizes() -> None:
    """Of VGG-16 to relu4_3, in one channel; of ResNet-18 33.0 M values, and 33.1 M with MedicalNet's head."""
    with torch.device("meta"):
        vgg, resnet = VGG(VGG16), MedicalNet()
    assert sum(each.numel() for each in vgg.parameters()) == 7_635_264 - 2 * 64 * 9
    assert sum(each.numel() for each in resnet.parameters()) == 32_986_176
    assert [vgg.features[end - 1].out_channels for end in sorted(vgg.ends)] == [64, 128, 256, 512]


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_a_file(files: dict[str, Path], kind: str) -> None:
    sha256 = hashlib.sha256(files[kind].read_bytes()).hexdigest()
    backbone = read_backbone(configured(kind, files[kind], sha256), 3)
    assert not backbone.training
    assert not any(each.requires_grad for each in backbone.parameters())
    volume = torch.rand(1, 1, 4, 32, 32)
    stages = backbone(volume)
    assert len(stages) == 4
    assert all(stage.ndim == 5 and torch.isfinite(stage).all() for stage in stages)


def test_a_gray_image_is_one_with_three_equal_channels() -> None:
    weights = torchvision_weights()
    ours = VGG(VGG16, mean=0.449, spread=0.226)
    ours.load_state_dict(vgg16_weights(weights))
    image = torch.rand(1, 1, 16, 16)
    gray = ((image - 0.449) / 0.226).expand(-1, 3, -1, -1)
    first = torch.conv2d(gray, weights["features.0.weight"], weights["features.0.bias"], padding=1)
    second = torch.conv2d(first.relu(), weights["features.2.weight"], weights["features.2.bias"], padding=1)
    torch.testing.assert_close(ours(image)[0], second.relu(), rtol=1e-4, atol=1e-3)


def test_the_shortcut_of_medicalnet_thins_and_fills() -> None:
    """With all convolutions zero, what is left of the stages is their shortcut."""
    network = MedicalNet().eval()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.startswith("layer"):
                value.zero_()
    first, second, third, fourth = network(torch.rand(1, 1, 8, 32, 32))
    assert first.shape == (1, 64, 2, 8, 8)
    torch.testing.assert_close(second, torch.cat([first[..., ::2, ::2, ::2], torch.zeros(1, 64, 1, 4, 4)], 1))
    assert (third.shape[1], fourth.shape[1]) == (256, 512)
    assert fourth.shape[2:] == third.shape[2:] == second.shape[2:]
    # The published stem halves what its pooling leaves, the last stages dilate in place of that.
    assert network.get_submodule("layer4.1.conv2").dilation == (4, 4, 4)


def test_the_small_backbone_tells_enhancement_from_shape() -> None:
    """A frame is nearer to one of the same agent of another person by Gram matrices, to itself without by features."""
    see = Perception(read_backbone(SMALL_CONFIG, 2), bfloat16=False)
    protocol = Protocol([0.0, 90.0])  # type: ignore[arg-type]

    def frames(seed: int) -> list[list[Tensor]]:
        series = dce_phantom("kidney", seed).series(protocol)
        with torch.no_grad():
            return [see(torch.from_numpy(frame[:, 0])[None, None]) for frame in series.frames]

    (before, after), (other_before, other_after) = frames(1), frames(2)
    assert gram_distance(after, other_after) < 0.5 * gram_distance(after, other_before)
    assert feature_distance(after, before) < feature_distance(other_after, before)
    # Stages are of one size, so that none drowns the others.
    sizes = torch.tensor([stage.square().mean().sqrt().item() for stage in before])
    assert sizes.min() > 0.25
    assert sizes.max() < 4


def test_slices_of_a_volume_are_seen_one_by_one() -> None:
    backbone = read_backbone(SMALL_CONFIG, 3)
    volume = torch.rand(2, 1, 3, 16, 16)
    stages, slices = backbone(volume), [backbone(volume[:, :, index]) for index in range(3)]
    for number, stage in enumerate(stages):
        torch.testing.assert_close(stage, torch.stack([each[number] for each in slices], dim=2))


@pytest.mark.parametrize("bfloat16", [False, True])
def test_the_gradient_reaches_the_image_alone(bfloat16: bool) -> None:
    see = Perception(read_backbone(SMALL_CONFIG, 2), bfloat16)
    image = torch.rand(1, 1, 32, 32, requires_grad=True)
    with torch.no_grad():
        wanted = see(torch.rand(1, 1, 32, 32))
    for distance in (feature_distance, gram_distance):
        image.grad = None
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
            value = distance(see(image), wanted)
        assert value.dtype == torch.float32
        value.backward()
        assert image.grad is not None
        assert image.grad.abs().sum() > 0
    assert all(each.grad is None for each in see.backbone.parameters())


def test_gram_matrices_by_hand() -> None:
    one = torch.tensor([[[1.0, 2.0], [0.0, 3.0]]])  # two channels, two places
    torch.testing.assert_close(gram(one), torch.tensor([[[5.0, 6.0], [6.0, 9.0]]]) / 4)
    assert gram_distance([one], [torch.zeros(1, 2, 2)]).item() == pytest.approx((25 + 36 + 36 + 81) / 16)


def test_evened_activations_are_the_old_ones_times_a_factor() -> None:
    torch.manual_seed(0)
    backbone, images = VGG(SMALL), torch.rand(4, 1, 32, 32)
    with torch.inference_mode():
        before = backbone(images)
        after = evened(backbone, images)(images)
    for old, new in zip(before, after, strict=True):
        assert new.square().mean().sqrt().item() == pytest.approx(1.0, rel=1e-3)
        torch.testing.assert_close(new, old / old.square().mean().sqrt(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "dim", "said"),
    [
        ({"backbone": "vgg16"}, 2, "needs its weights; name their file"),
        ({"weights": "x.pth"}, 2, "leave perceptual.weights out"),
        ({"backbone": "vgg16", "weights": "nowhere.pth"}, 2, "Cannot read the weights"),
        ({"backbone": "vgg16", "weights": "weights.h5"}, 2, r"no .safetensors or .pth file"),
        ({"backbone": "medicalnet-resnet18", "weights": "x.pth"}, 2, "sees volumes"),
    ],
)
def test_backbones_that_cannot_be_had(changes: dict[str, Any], dim: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_backbone(PerceptualConfig.model_validate(changes), dim)


def test_a_file_that_is_another_one(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"have the SHA-256 .* not the 0000"):
        read_backbone(configured("vgg16", files["vgg16"], "0" * 64), 2)
    with pytest.raises(InputError, match=r"not those of vgg16: they lack the tensor features.0"):
        read_backbone(configured("vgg16", files["medicalnet-resnet18"]), 2)
    damaged = tmp_path / "cut.pth"
    damaged.write_bytes(files["vgg16"].read_bytes()[:1000])
    with pytest.raises(InputError, match="damaged or holds more than tensors"):
        read_weights(damaged, None)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(b"12345678901234567890")
    with pytest.raises(InputError, match="not a whole safetensors file"):
        read_weights(cut, None)


def test_tensors_of_another_shape_or_value() -> None:
    config, needed = configured("vgg16", Path("x.pth")), {"a": torch.zeros(2, 3)}
    with pytest.raises(InputError, match=r"the tensor a has the shape \(3,\), not \(2, 3\)"):
        checked_match(config, {"a": torch.zeros(3)}, needed)
    with pytest.raises(InputError, match="a tensor b that it does not know"):
        checked_match(config, needed | {"b": torch.zeros(1)}, needed)
    with pytest.raises(InputError, match="a is not finite"):
        checked_match(config, {"a": torch.full((2, 3), torch.nan)}, needed)


class _Caller:
    """Calls a function when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("called"),)


def test_a_pickle_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {"a": _Caller()}}, tmp_path / "bad.pth")
    (tmp_path / "worse.pth").write_bytes(pickle.dumps(_Caller(), protocol=2))
    for name in ("bad.pth", "worse.pth"):
        with pytest.raises(InputError, match="which MRStyle never loads"):
            read_weights(tmp_path / name, None)
    assert not (tmp_path / "called").exists()

    monkeypatch.setattr(torch, "__version__", "2.5.1+cpu")
    torch.save({"a": torch.zeros(1)}, tmp_path / "good.pth")
    with pytest.raises(InputError, match=r"install PyTorch 2\.6"):
        read_weights(tmp_path / "good.pth", None)


def test_safetensors_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_file(medicalnet_file()["state_dict"], path)
    tensors = medicalnet_weights(read_weights(path, None))
    assert tensors.keys() == MedicalNet().state_dict().keys()
    assert read_backbone(configured("medicalnet-resnet18", path), 3)
