"""Makes the golden files of the zoo: small nets of the reference implementations, with their weights under their own names,
what goes in and what comes out.

    pip install torch torchvision transformers torch_geometric safetensors
    python make.py
"""

import pathlib

import torch
import torchvision.models as tv
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torch_geometric.nn import CGConv
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel

FOLDER = pathlib.Path(__file__).parent


def save(name, net, inputs, outputs, **others):
    """Weights, `input.i` and `output.i`."""
    tensors = {k: v.clone().contiguous() for k, v in net.state_dict().items() if "num_batches" not in k}
    tensors.update(others)
    tensors.update({f"input.{i}": x.contiguous() for i, x in enumerate(inputs)})
    tensors.update({f"output.{i}": y.detach().contiguous() for i, y in enumerate(outputs)})
    save_file(tensors, FOLDER / f"{name}.safetensors")
    (FOLDER / f"{name}.safetensors").chmod(0o644)


def wild(net):
    """Numbers everywhere that are neither 0 nor 1, batch norms' statistics too."""
    for tensor in list(net.parameters()) + [b for b in net.buffers() if b.is_floating_point()]:
        if tensor.dim() < 2:
            tensor.data.uniform_(0.5, 1.5)
    return net.eval()


class LeNet(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, w, 5, padding=2), nn.Conv2d(w, 2 * w + 4, 5)
        self.fc1, self.fc2 = nn.Linear(25 * (2 * w + 4), 20 * w), nn.Linear(20 * w, 14 * w)
        self.head = nn.Linear(14 * w, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2).flatten(1)
        return self.head(F.relu(self.fc2(F.relu(self.fc1(x)))))


def vgg11(w, hidden, classes):
    plan = [w, "M", 2 * w, "M", 4 * w, 4 * w, "M", 8 * w, 8 * w, "M", 8 * w, 8 * w, "M"]
    net = tv.vgg.VGG(tv.vgg.make_layers(plan), classes)
    net.classifier[0] = nn.Linear(8 * w * 49, hidden)
    net.classifier[3] = nn.Linear(hidden, hidden)
    net.classifier[6] = nn.Linear(hidden, classes)
    return net


class SmallResNet(ResNet):
    def __init__(self, block, layers, w, classes):
        nn.Module.__init__(self)
        self._norm_layer, self.inplanes, self.dilation, self.groups, self.base_width = nn.BatchNorm2d, w, 1, 1, 64
        self.conv1, self.bn1 = nn.Conv2d(3, w, 7, 2, 3, bias=False), nn.BatchNorm2d(w)
        self.relu, self.maxpool = nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        for i, n in enumerate(layers):
            setattr(self, f"layer{i + 1}", self._make_layer(block, w * 2**i, n, 1 if i == 0 else 2))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(w * 8 * block.expansion, classes)


class UNet(nn.Module):
    def __init__(self, w, classes):
        super().__init__()
        last = 1
        for i in range(1, 6):
            n = w * 2 ** (i - 1)
            setattr(self, f"a{i}", nn.Conv2d(last, n, 3))
            setattr(self, f"b{i}", nn.Conv2d(n, n, 3))
            last = n
        for i in range(4, 0, -1):
            n = w * 2 ** (i - 1)
            setattr(self, f"up{i}", nn.ConvTranspose2d(2 * n, n, 2, 2))
            setattr(self, f"c{i}", nn.Conv2d(2 * n, n, 3))
            setattr(self, f"d{i}", nn.Conv2d(n, n, 3))
        self.head = nn.Conv2d(w, classes, 1)

    def forward(self, x):
        kept = []
        for i in range(1, 6):
            x = F.relu(getattr(self, f"b{i}")(F.relu(getattr(self, f"a{i}")(x))))
            if i < 5:
                kept.append(x)
                x = F.max_pool2d(x, 2)
        for i in range(4, 0, -1):
            x, skip = getattr(self, f"up{i}")(x), kept[i - 1]
            cut = (skip.shape[-1] - x.shape[-1]) // 2
            x = torch.cat([skip[..., cut:-cut, cut:-cut], x], 1)
            x = F.relu(getattr(self, f"d{i}")(F.relu(getattr(self, f"c{i}")(x))))
        return self.head(x)


class WaveLayer(nn.Module):
    def __init__(self, w, skip, dilation):
        super().__init__()
        self.dilation = dilation
        self.filter, self.gate = nn.Conv1d(w, w, 2, dilation=dilation), nn.Conv1d(w, w, 2, dilation=dilation)
        self.out_skip, self.out = nn.Conv1d(w, skip, 1), nn.Conv1d(w, w, 1)

    def forward(self, x):
        past = F.pad(x, (self.dilation, 0))
        z = torch.tanh(self.filter(past)) * torch.sigmoid(self.gate(past))
        return self.out(z) + x, self.out_skip(z)


class WaveNet(nn.Module):
    def __init__(self, w, skip, classes):
        super().__init__()
        self.causal = nn.Conv1d(classes, w, 2)
        for i in range(4):
            setattr(self, f"layer{i + 1}", WaveLayer(w, skip, 2**i))
        self.end1, self.end2 = nn.Conv1d(skip, skip, 1), nn.Conv1d(skip, classes, 1)

    def forward(self, x):
        x, total = self.causal(F.pad(x, (1, 0))), 0
        for i in range(4):
            x, skipped = getattr(self, f"layer{i + 1}")(x)
            total = total + skipped
        return self.end2(F.relu(self.end1(F.relu(total))))


class Tagger(nn.Module):
    def __init__(self, vocabulary, features, hidden, tags):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, features)
        self.lstm = nn.LSTM(features, hidden, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, tags)

    def forward(self, x):
        return self.head(self.lstm(self.embed(x))[0])


class Tower(nn.Module):
    def __init__(self, features, w):
        super().__init__()
        self.embed = nn.Embedding(1000, w)
        self.fc1, self.fc2 = nn.Linear(features + w, 2 * w), nn.Linear(2 * w, w)

    def forward(self, id, about):
        return self.fc2(F.relu(self.fc1(torch.cat([about, self.embed(id)[:, 0]], 1))))


class TwoTower(nn.Module):
    def __init__(self, users, items, w):
        super().__init__()
        self.left, self.right = Tower(users, w), Tower(items, w)

    def forward(self, user, who, item, what):
        return (self.left(user, who) * self.right(item, what)).sum(1, keepdim=True)


class DeepSets(nn.Module):
    def __init__(self, features, w):
        super().__init__()
        self.phi1, self.phi2 = nn.Linear(features, w), nn.Linear(w, w)
        self.rho1, self.rho2 = nn.Linear(w, w), nn.Linear(w, 1)

    def forward(self, set, keep):
        h = F.relu(self.phi2(F.relu(self.phi1(set)))) * keep.unsqueeze(-1)
        return self.rho2(F.relu(self.rho1(h.sum(1))))


class Crystals(nn.Module):
    def __init__(self, features, distances, w, hidden):
        super().__init__()
        self.embed = nn.Linear(features, w)
        self.convs = nn.ModuleList([CGConv(w, distances, aggr="add") for _ in range(3)])
        self.fc, self.head = nn.Linear(w, hidden), nn.Linear(hidden, 1)

    def forward(self, atoms, bonds, lengths):
        x = self.embed(atoms)
        for conv in self.convs:
            x = conv(x, bonds, lengths)
        return self.head(F.softplus(self.fc(F.softplus(x.mean(0)))))


def run(name, net, *inputs, after=lambda y: [y]):
    with torch.no_grad():
        save(name, net, inputs, after(net(*inputs)))


def transformer():
    net = nn.Transformer(8, 2, 2, 2, 16, batch_first=True).eval()
    source, target = torch.randn(2, 5, 8), torch.randn(2, 4, 8)
    keep = torch.tensor([[1.0, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    with torch.no_grad():
        y = net(
            source,
            target,
            tgt_mask=nn.Transformer.generate_square_subsequent_mask(4),
            src_key_padding_mask=keep == 0,
            memory_key_padding_mask=keep == 0,
        )
    # The three projections of an attention between sequences, in two.
    others = {}
    for i, layer in enumerate(net.decoder.layers):
        for kind, whole in [("weight", layer.multihead_attn.in_proj_weight), ("bias", layer.multihead_attn.in_proj_bias)]:
            query, *rest = whole.detach().chunk(3)
            others[f"decoder.layers.{i}.query.{kind}"] = query.clone()
            others[f"decoder.layers.{i}.key_value.{kind}"] = torch.cat(rest)
    save("transformer", net, [source, keep, target], [y], **others)


def main():
    torch.manual_seed(1)
    image = torch.randn(2, 3, 64, 64)
    run("lenet", LeNet(2).eval(), torch.randn(2, 1, 28, 28))
    run("vgg11", vgg11(2, 8, 5).eval(), torch.randn(2, 3, 64, 64))
    run("resnet18", wild(SmallResNet(BasicBlock, [2, 2, 2, 2], 4, 5)), image)
    run("resnet50", wild(SmallResNet(Bottleneck, [3, 4, 6, 3], 2, 5)), image)
    run("densenet", wild(tv.DenseNet(2, (6, 12, 24, 16), 4, 4, num_classes=5)), image)
    run("mobilenet", wild(tv.MobileNetV2(5, width_mult=1 / 8, round_nearest=1)), image)
    unet, row = UNet(1, 2).eval(), torch.randn(1, 1, 1, 572)
    with torch.no_grad():
        # A picture of one row and one column, so that the file stays small.
        save("unet", unet, [row], [unet(row + row.mT)[..., ::16, ::16]])
    run("wavenet", WaveNet(6, 8, 5).eval(), torch.randn(2, 5, 30))
    tagger = Tagger(20, 6, 5, 4)
    for name, bias in tagger.lstm.named_parameters():
        if "bias_hh" in name:
            bias.data.zero_()  # the original has one bias
    run("tagger", tagger.eval(), torch.randint(20, (2, 7)))
    transformer()
    gpt = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=16, n_embd=16, n_layer=2, n_head=2)).eval()
    run("gpt2", wild(gpt), torch.randint(50, (2, 9)), after=lambda y: [y.logits])
    config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_position_embeddings=16)
    tokens, types = torch.randint(50, (2, 7)), torch.randint(2, (2, 7))
    keep = torch.tensor([[1.0] * 7, [1.0] * 4 + [0.0] * 3])
    bert = wild(BertModel(config))
    with torch.no_grad():
        y = bert(tokens, keep.long(), types)
    save("bert", bert, [tokens, types, keep], [y.last_hidden_state, y.pooler_output])
    vit = tv.VisionTransformer(16, 4, 2, 2, 8, 32, num_classes=5)
    nn.init.normal_(vit.class_token)
    nn.init.normal_(vit.heads.head.weight)
    run("vit", wild(vit), torch.randn(2, 3, 16, 16))
    users = [torch.randint(1000, (3, 1)), torch.randn(3, 4), torch.randint(1000, (3, 1)), torch.randn(3, 5)]
    run("two_tower", TwoTower(4, 5, 3).eval(), *users)
    run("deep_sets", DeepSets(3, 8).eval(), torch.randn(2, 5, 3), torch.tensor([[1.0] * 5, [1.0, 1, 0, 0, 0]]))
    bonds = torch.tensor([[0, 1, 1, 2, 3, 0, 2], [1, 0, 2, 1, 0, 3, 2]])
    run("crystals", Crystals(4, 3, 6, 8).eval(), torch.randn(4, 4), bonds, torch.randn(7, 3))


main()
