"""Messages in memory, against what the protobuf package writes and reads."""

import pytest
from onnx import AttributeProto, TensorProto, ValueInfoProto, helper

from edge.protobuf import Message, integer, message

LARGE = "a" * 300  # its length takes two bytes


def test_fields_are_found_as_protobuf_wrote_them() -> None:
    node = helper.make_node("Op", ["x", LARGE, ""], ["y"], name="n", alpha=0.5, axes=[1, -1, 1 << 40])
    read = Message(memoryview(node.SerializeToString()))
    assert read.texts(1) == ["x", LARGE, ""]
    assert read.texts(2) == ["y"]
    assert [AttributeProto.FromString(bytes(one)) for one in read.all(5)] == list(node.attribute)
    assert bytes(read.only(4)) == b"Op"


def test_what_is_left_out_is_gone_and_the_rest_stands_as_it_was() -> None:
    tensor = TensorProto(dims=[2, 300], data_type=1, name="w", raw_data=b"1234", float_data=[1.5], double_data=[2.5])
    rest = b"".join(Message(memoryview(tensor.SerializeToString())).without(8, 9))
    expected = TensorProto(dims=[2, 300], data_type=1, float_data=[1.5], double_data=[2.5])
    assert TensorProto.FromString(rest) == expected


def test_fields_are_written_as_protobuf_reads_them() -> None:
    inner = integer(1, 1) + message(2, message(1, integer(1, 300)))
    content = message(1, LARGE.encode()) + message(2, message(1, inner))
    assert ValueInfoProto.FromString(content) == helper.make_tensor_value_info(LARGE, TensorProto.FLOAT, [300])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x0a", "does not end"),
        (b"\x0a\x05ab", "3 bytes are missing"),
        (b"\x0d\x01\x02", "2 bytes are missing"),
        (b"\x0b", "wire type 3"),
        (b"\x80" * 11, "longer than any"),
    ],
)
def test_what_is_no_message_is_told(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Message(memoryview(content))


@pytest.mark.parametrize("count", [0, 2])
def test_one_field_must_be_one(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} fields 7"):
        Message(memoryview(message(7, b"x") * count)).only(7)
