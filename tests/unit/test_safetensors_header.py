"""The header of a .safetensors file: read rightly from good files, refused clearly from all others."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_zsnr.checkpoint.safetensors_header import (
    LENGTH_BYTES,
    MAX_HEADER_BYTES,
    MAX_JSON_ELEMENTS,
    METADATA_KEY,
    Header,
    HeaderError,
    read_header,
)
from tests.shared.work import function_calls, peak_bytes

unhurried = settings(deadline=None)
"""These examples write files, and how long that takes on a busy machine says nothing."""

SPARSE_MODEL_BYTES = 7_000_000_000
TENSOR = {"dtype": "F16", "shape": [0], "data_offsets": [0, 0]}

names = st.text(max_size=20).filter(lambda name: name != METADATA_KEY)
texts = st.text(max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.just(METADATA_KEY), inner, max_size=3),
    max_leaves=12,
)


def framed(header: bytes) -> bytes:
    return len(header).to_bytes(LENGTH_BYTES, "little") + header


def write(path: Path, content: bytes, size: int = 0) -> str:
    """Write `content`; if `size` is given, lengthen the file to it without using disk space."""
    path.write_bytes(content)
    if size:
        os.truncate(path, size)
    return str(path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("headers")


def refusal(path: str) -> str:
    with pytest.raises(HeaderError) as caught:
        read_header(path)
    return str(caught.value)


class TestGoodFiles:
    def test_names_and_metadata(self, file: Path) -> None:
        header = {METADATA_KEY: {"format": "pt", "ключ": "значение"}, "v_pred": TENSOR, "a.weight": TENSOR}
        expected = Header(frozenset({"v_pred", "a.weight"}), {"format": "pt", "ключ": "значение"})
        assert read_header(write(file, framed(json.dumps(header).encode()))) == expected

    @pytest.mark.parametrize("header", [b"{}", b'{"__metadata__":{}}', b'{"__metadata__":null}', b"{}       "])
    def test_nothing_in_it(self, file: Path, header: bytes) -> None:
        assert read_header(write(file, framed(header))) == Header(frozenset(), {})

    def test_tensors_are_not_read(self, file: Path) -> None:
        path = write(file, framed(json.dumps({"w": TENSOR}).encode()), SPARSE_MODEL_BYTES)
        assert peak_bytes(lambda: read_header(path)) < 200_000
        assert read_header(path).tensor_names == {"w"}

    def test_numbers_are_not_converted(self, file: Path) -> None:
        header = b'{"w":{"dtype":"F16","shape":[' + b"9" * 1_000_000 + b'],"data_offsets":[0,1.5e9999999]}}'
        assert read_header(write(file, framed(header))).tensor_names == {"w"}

    @unhurried
    @given(
        # One tensor or more: without any, the package writes headers that it cannot read back.
        tensors=st.lists(names, min_size=1, max_size=5, unique=True),
        metadata=st.dictionaries(texts, texts, max_size=5),
    )
    def test_agrees_with_the_safetensors_package(
        self, folder: Path, tensors: list[str], metadata: dict[str, str]
    ) -> None:
        numpy = pytest.importorskip("numpy")
        library = pytest.importorskip("safetensors.numpy")
        path = str(folder / "oracle.safetensors")
        library.save_file({name: numpy.zeros(2, "float16") for name in tensors}, path, metadata)
        with library.safe_open(path, framework="numpy") as opened:
            assert read_header(path) == Header(frozenset(opened.keys()), opened.metadata() or {})

    @unhurried
    @given(data=st.data())
    def test_reads_whatever_the_safetensors_package_reads(self, folder: Path, data: st.DataObject) -> None:
        library = pytest.importorskip("safetensors")
        good = framed(json.dumps({METADATA_KEY: {"a": "b"}, "w": TENSOR}).encode())
        place = data.draw(st.integers(LENGTH_BYTES, len(good) - 1))
        damaged = good[:place] + data.draw(st.binary(min_size=1, max_size=1)) + good[place + 1 :]
        path = write(folder / "damaged.safetensors", damaged)
        try:
            with library.safe_open(path, framework="numpy") as opened:
                expected = Header(frozenset(opened.keys()), opened.metadata() or {})
        except library.SafetensorError:
            return
        try:
            found: Header | str = read_header(path)
        except HeaderError as error:
            found = str(error)
        # That package takes a tensor named twice, which the format forbids.
        assert found == expected or "twice" in str(found)


class TestBadFiles:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "it has 0 bytes"),
            (b"\x01\x02\x03", "it has 3 bytes"),
            (b"\xff" * 8, "claims 18446744073709551615 bytes"),
            ((2**32).to_bytes(8, "little") + b"{}", "claims 4294967296 bytes; expected at most 8000000"),
            ((MAX_HEADER_BYTES + 1).to_bytes(8, "little"), "the most that is read"),
            (MAX_HEADER_BYTES.to_bytes(8, "little") + b"{}", "but 2 follow"),
            ((3).to_bytes(8, "little") + b"{}", "claims 3 bytes, but 2 follow"),
            (framed(b""), "begins with b''"),
            (framed(b'[{"a":1}]'), r"begins with b'['"),
            (framed(b' {"a":{}}'), "begins with b' '"),
            (framed("{}".encode("utf-16-le")), "is not JSON"),
            (framed(b'{"\xff":{}}'), "byte 2 of its header is not UTF-8"),
            (framed(b'{"a":'), "is not JSON"),
            (framed(b"{}\x00"), "is not JSON"),
            (framed(b"{}{}"), "is not JSON"),
            (framed(b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}"), "too deeply"),
            (framed(b'{"a":' * 30_000 + b"1" + b"}" * 30_000), "too deeply"),
            (framed(b'{"w":{},"w":{}}'), "name 'w' twice"),
            (framed(b'{"__metadata__":{"k":"v","k":"epsilon"}}'), "name 'k' twice"),
            (framed(b'{"__metadata__":{},"__metadata__":{}}'), "name '__metadata__' twice"),
            (framed(b'{"__metadata__":[]}'), "is a value of type list"),
            (framed(b'{"__metadata__":"text"}'), "is 'text'; expected names with texts"),
            (framed(b'{"__metadata__":{"k":1}}'), "metadata 'k' is a value of type int; expected text"),
            (framed(b'{"__metadata__":{"k":null}}'), "metadata 'k' is a value of type NoneType"),
            (framed(b'{"v_pred":1}'), "entry 'v_pred' is a value of type int"),
            (b"PK\x03\x04" + b"\x00" * 100, "its header claims"),
        ],
    )
    def test_refused_with_words(self, file: Path, content: bytes, words: str) -> None:
        message = refusal(write(file, content))
        assert words in message
        assert "expected" in message

    @pytest.mark.parametrize("value", [b"[]", b'""', b"1.5"])
    def test_too_many_values(self, file: Path, value: bytes) -> None:
        header = b'{"a":[' + (value + b",") * MAX_JSON_ELEMENTS + b"1]}"
        path = write(file, framed(header))
        assert f"expected at most {MAX_JSON_ELEMENTS}" in refusal(path)
        # The bytes of the header once or twice, never the 70 bytes a value that Python would take.
        assert peak_bytes(lambda: refusal(path)) < 3 * len(header)

    @pytest.mark.parametrize("tensors", [30_000, 100_000, 990_000])
    def test_many_tensors(self, file: Path, tensors: int) -> None:
        entries = b",".join(b'"%d":{"dtype":"F16","shape":[0],"data_offsets":[0,0]}' % n for n in range(tensors))
        self.stays_cheap(write(file, framed(b"{" + entries + b"}")))

    @pytest.mark.parametrize("piece", [b'"%d":{}', b'"%d":"%d"', b'"%d":[]', b'"%d":1'])
    @pytest.mark.parametrize("number", [39_999, 59_000, 119_000, 990_000])
    @pytest.mark.parametrize("place", [b"{%s}", b'{"__metadata__":{%s}}', b'{"a":[{%s}]}'])
    def test_many_values(self, file: Path, piece: bytes, number: int, place: bytes) -> None:
        entries = b",".join(piece.replace(b"%d", b"%d" % n) for n in range(number))
        self.stays_cheap(write(file, framed(place.replace(b"%s", entries))))

    @pytest.mark.parametrize("length", [MAX_HEADER_BYTES, 96_000_000])
    @pytest.mark.parametrize("piece", [" ", "a", "\\n", "\\u4e00", "\U0001f600", "7"])
    def test_long_text(self, file: Path, piece: str, length: int) -> None:
        one = piece.encode()
        text = one * ((length - 60) // len(one))
        self.stays_cheap(write(file, framed(b'{"__metadata__":{"a":"\xf0\x9f\x98\x80' + text + b'"}}')))
        self.stays_cheap(write(file, framed(b'{"a":' + text + b"}")))

    def stays_cheap(self, path: str) -> None:
        """Nothing that a folder can hold takes long or much, whether it is refused or read."""

        def read() -> None:
            with contextlib.suppress(HeaderError):
                read_header(path)

        assert function_calls(read) < 2_000_000
        assert peak_bytes(read) < 100_000_000

    def test_the_bounds_leave_real_models_room(self, file: Path) -> None:
        tensor = {"dtype": "F16", "shape": [1280, 1280, 3, 3], "data_offsets": [6_000_000_000, 6_029_491_200]}
        names = [f"model.diffusion_model.output_blocks.{n}.1.transformer_blocks.9.attn2.weight" for n in range(10_000)]
        header = {METADATA_KEY: {"modelspec.thumbnail": "x" * 1_000_000}, **dict.fromkeys(names, tensor)}
        assert len(read_header(write(file, framed(json.dumps(header).encode()))).tensor_names) == 10_000

    @pytest.mark.parametrize("claim", [2**64 - 1, 2**32, MAX_HEADER_BYTES])
    def test_a_lying_length_allocates_nothing(self, file: Path, claim: int) -> None:
        path = write(file, claim.to_bytes(8, "little") + b'{"a":')
        assert peak_bytes(lambda: refusal(path)) < 200_000

    def test_a_long_header_of_something_else_is_not_read(self, file: Path) -> None:
        path = write(file, MAX_HEADER_BYTES.to_bytes(8, "little"), SPARSE_MODEL_BYTES)
        assert peak_bytes(lambda: refusal(path)) < 200_000

    def test_messages_stay_short(self, file: Path) -> None:
        name = "\n\x1b[31m\ud800" + "x" * 100_000
        for header in ({name: 1}, {METADATA_KEY: {name: 1}}, {METADATA_KEY: name}):
            message = refusal(write(file, framed(json.dumps(header).encode())))
            assert len(message) < 300
            assert message.isprintable()

    def test_file_shortened_while_it_is_read(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = write(file, framed(b'{"a":{}}'))
        real = os.fstat

        def before_the_cut(descriptor: int) -> os.stat_result:
            before = real(descriptor)
            os.truncate(path, LENGTH_BYTES + 3)
            return before

        monkeypatch.setattr(os, "fstat", before_the_cut)
        assert "ended after 3 of 8 bytes" in refusal(path)

    def test_not_a_file(self, tmp_path: Path) -> None:
        assert "not a regular file" in refusal(str(tmp_path))

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_a_pipe_is_not_waited_for(self, file: Path) -> None:
        os.mkfifo(file)
        assert "not a regular file" in refusal(str(file))

    def test_a_missing_file_is_an_oserror(self, file: Path) -> None:
        with pytest.raises(FileNotFoundError):
            read_header(str(file))

    @unhurried
    @given(content=st.binary(max_size=60))
    def test_any_bytes(self, folder: Path, content: bytes) -> None:
        self.refused_or_read(folder, content)

    @unhurried
    @given(header=st.binary(max_size=60).map(lambda body: b"{" + body) | json_values.map(json.dumps).map(str.encode))
    def test_any_header(self, folder: Path, header: bytes) -> None:
        self.refused_or_read(folder, framed(header))

    @staticmethod
    def refused_or_read(folder: Path, content: bytes) -> None:
        try:
            header = read_header(write(folder / "any.safetensors", content))
        except HeaderError:
            return
        assert all(isinstance(text, str) for pair in header.metadata.items() for text in pair)
