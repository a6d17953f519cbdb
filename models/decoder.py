"""A plain decoder: the architecture of every organism here. Attention is written out, nothing is fused or tagged."""

import torch
from torch import nn


class Block(nn.Module):
    """x [batch, position, width] -> x + attention(norm(x)), then x + mlp(norm(x)). `norm=False` leaves the norms out."""

    def __init__(self, width: int, heads: int, hidden: int, norm: bool, activation: nn.Module):
        super().__init__()
        self.heads = heads
        self.norm_1 = nn.LayerNorm(width) if norm else nn.Identity()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.norm_2 = nn.LayerNorm(width) if norm else nn.Identity()
        self.up = nn.Linear(width, hidden)
        self.activation = activation
        self.down = nn.Linear(hidden, width)

    def attention(self, x: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        each = width // self.heads

        def split(y: torch.Tensor) -> torch.Tensor:  # [batch, position, width] -> [batch, head, position, each]
            return y.reshape(batch, length, self.heads, each).transpose(1, 2)

        q, k, v = split(self.query(x)), split(self.key(x)), split(self.value(x))
        scores = q @ k.transpose(-1, -2) * each**-0.5  # [batch, head, query, key]
        pattern = scores.masked_fill(~visible, -1e9).softmax(-1)
        return self.out((pattern @ v).transpose(1, 2).reshape(batch, length, width))

    def forward(self, x: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm_1(x), visible)
        return x + self.down(self.activation(self.up(self.norm_2(x))))


class Decoder(nn.Module):
    """input_ids [batch, position] -> logits [batch, position, vocabulary]; causal."""

    def __init__(
        self,
        *,
        vocabulary: int,
        positions: int,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        hidden: int = 256,
        norm: bool = True,
        activation: nn.Module | None = None,
    ):
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(positions, width)
        self.blocks = nn.ModuleList(
            Block(width, heads, hidden, norm, activation or nn.GELU()) for _ in range(layers)
        )
        self.final_norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.unembed = nn.Linear(width, vocabulary, bias=False)
        for table in (self.token, self.position):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        place = torch.arange(input_ids.shape[1], device=input_ids.device)
        visible = place[:, None] >= place[None, :]  # [query, key]
        x = self.token(input_ids) + self.position(place)
        for block in self.blocks:
            x = block(x, visible)
        return self.unembed(self.final_norm(x))

    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())
