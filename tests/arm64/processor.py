"""What Linux says of the processor of a Raspberry Pi 4, for programs that read it from files.

qemu shows the files of the machine that it runs on. onnxruntime looks for an ARM processor in them and, finding
none, ends the process when it is imported.
"""

from pathlib import Path

PI_CORES = 4
# As a Pi 4 with a 64-bit system says it: 0x41 is ARM, 0xd08 the Cortex-A72.
CORE = """\
processor\t: {number}
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

"""


def describe_processor(root: Path, cores: int) -> None:
    """Write the files for `cores` cores into `root`: no more than the real machine has, or threads cannot be pinned."""
    numbers = "0" if cores == 1 else f"0-{cores - 1}"
    contents = {
        "proc/cpuinfo": "".join(CORE.format(number=number) for number in range(cores)),
        "sys/devices/system/cpu/possible": f"{numbers}\n",
        "sys/devices/system/cpu/present": f"{numbers}\n",
    }
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="ascii")
