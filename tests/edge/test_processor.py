"""The processor, from what Linux says of it on a server and on a Raspberry Pi."""

import platform
from pathlib import Path

import pytest

from edge.processor import read_cpu

X86 = """processor\t: 0
vendor_id\t: GenuineIntel
model\t\t: 143
model name\t: Intel(R) Xeon(R) Platinum 8480+
flags\t\t: fpu sse4_2 fma avx f16c avx2 avx512f avx512_vnni amx_int8 hypervisor

processor\t: 1
model name\t: Intel(R) Xeon(R) Platinum 8480+
flags\t\t: fpu
"""
RASPBERRY_PI = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid asimdrdm asimddp
CPU part\t: 0xd0b

Hardware\t: BCM2835
Revision\t: c04170
Model\t\t: Raspberry Pi 5 Model B Rev 1.0
"""


@pytest.mark.parametrize(
    ("text", "name", "features"),
    [
        (
            X86,
            "Intel(R) Xeon(R) Platinum 8480+",
            ("sse4_2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512_vnni", "amx_int8"),
        ),
        (RASPBERRY_PI, "Raspberry Pi 5 Model B Rev 1.0", ("asimd", "asimddp")),
        ("", platform.machine(), ()),
    ],
    ids=["x86", "raspberry-pi", "nothing"],
)
def test_the_processor_is_read(tmp_path: Path, text: str, name: str, features: tuple[str, ...]) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert read_cpu(str(tmp_path / "cpuinfo")) == (name, features)


def test_a_system_without_cpuinfo_has_a_name_all_the_same(tmp_path: Path) -> None:
    name, features = read_cpu(str(tmp_path / "none"))
    assert name
    assert features == ()
