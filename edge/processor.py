"""Which processor this is, and which of its features decide how fast models run."""

import platform

# Instruction sets that decide which kernels onnxruntime picks.
X86_FEATURES = (
    *("sse4_2", "avx", "avx2", "fma", "f16c", "avx_vnni"),
    *("avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_int8", "amx_bf16"),
)
ARM_FEATURES = ("asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme")


def read_cpu(path: str = "/proc/cpuinfo") -> tuple[str, tuple[str, ...]]:
    """Return the processor's name and those of its features that matter here."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.partition(":") for line in file]
    except OSError:
        return platform.processor() or platform.machine(), ()
    values = {name.strip().lower(): value.strip() for name, _, value in reversed(lines)}
    flags = set((values.get("flags") or values.get("features") or "").split())
    name = values.get("model name") or values.get("model") or platform.machine()
    return name, tuple(feature for feature in X86_FEATURES + ARM_FEATURES if feature in flags)
