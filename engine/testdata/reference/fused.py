"""The model of reference.py in PyTorch's fused operations (linear, layer norm, scaled dot-product attention, GELU, SiLU):
what a careful user would write."""
import math

import torch
import torch.nn.functional as F

import reference


class Fused(reference.Model):
    def _linear(self, x, key, bias=True):
        return F.linear(x, self.w[key + ".weight"], self.w[key + ".bias"] if bias else None)

    def _norm(self, x, key, eps):
        return F.layer_norm(x, x.shape[-1:], self.w[key + ".weight"], self.w[key + ".bias"], eps)

    @staticmethod
    def _attend(q, k, v, bias=None):
        return F.scaled_dot_product_attention(q, k, v, bias, scale=1.0).transpose(1, 2).flatten(2)

    def _vision_block(self, x, key):
        cfg = self.cfg["vision"]
        eps, width = cfg["ln_eps"], cfg["head_width"]
        y = self._norm(x, key + "norm1", eps)
        q = F.linear(y, self.w[key + "attn.q_proj.weight"], self.w[key + "attn.q_bias"])
        k = self._linear(y, key + "attn.k_proj", bias=False)
        v = F.linear(y, self.w[key + "attn.v_proj.weight"], self.w[key + "attn.v_bias"])
        q, k, v = (self._heads(t, width) for t in (q, k, v))
        q, k = (torch.cat([t[:, :, :1], reference.rotate(t[:, :, 1:], self.cos, self.sin)], dim=2) for t in (q, k))
        y = self._norm(self._attend(q * width ** -0.5, k, v), key + "attn.inner_attn_ln", eps)
        x = x + self._linear(y, key + "attn.proj")
        y = self._norm(x, key + "norm2", eps)
        y = F.silu(self._linear(y, key + "mlp.w1")) * self._linear(y, key + "mlp.w2")
        return x + self._linear(self._norm(y, key + "mlp.ffn_ln", eps), key + "mlp.w3")

    @staticmethod
    def _bias(mask):
        return None if mask.all() else (1.0 - mask)[:, None, None, :] * -65504.0

    def _bert(self, x, mask):
        cfg = self.cfg["text"]
        bias = self._bias(mask)
        width = cfg["hidden"] // cfg["heads"]
        for i in range(cfg["layers"]):
            key = f"bge_encoder.layer.{i}."
            q, k, v = (self._heads(self._linear(x, key + "attention.self." + n), width)
                       for n in ("query", "key", "value"))
            y = self._linear(self._attend(q / math.sqrt(width), k, v, bias), key + "attention.output.dense")
            x = self._norm(x + y, key + "attention.output.LayerNorm", cfg["ln_eps"])
            y = F.gelu(self._linear(x, key + "intermediate.dense"))
            x = self._norm(x + self._linear(y, key + "output.dense"), key + "output.LayerNorm", cfg["ln_eps"])
        return x
