"""The tail store: what it lets in, what it keeps, what it serves after a restart."""

import os

import numpy as np
import pytest

from nasc_edge.tails import LitertTail, TailStore, answer, load_litert
from nasc_sdk.bundle import Side, sha256
from nasc_sdk.candidate import CutEncoding, Entropy
from nasc_sdk.codec import CutCodec
from nasc_sdk.errors import NascError, RefusedError, RemoteProtocolError, StorageError
from nasc_sdk.runtime.select import open_runtime
from tests.edge.bundles import contract_of, expected_logits, payload_of, real_values, tail_bundle
from tests.support.disks import file_size_limit
from tests.support.tiny_models import conv_chain
from tests.support.without_zstd import printed_without_zstd


@pytest.fixture(scope="module")
def load():
    return load_litert(open_runtime(), check=False)


def test_installed_tail_answers_as_the_model_does(tmp_path, load):
    store, bundle = TailStore(tmp_path, load), tail_bundle()
    contract = store.install(bundle.pack())
    assert contract == bundle.manifest.contract.id
    assert store.contracts == (contract,)
    payload = payload_of(3, seed=9)
    got = answer(store.get(contract), payload, 3, 0)
    logits = np.frombuffer(got.logits, "<f4").reshape(3, -1)
    np.testing.assert_allclose(logits, expected_logits(bundle.model, payload), atol=1e-4)


def test_a_batch_gives_what_its_samples_give_and_keeps_it():
    tail = LitertTail(conv_chain(quantized=False), contract_of(), open_runtime())
    cut = real_values(payload_of(3, seed=4))
    logits = tail.run(cut, 0)
    kept = logits.copy()
    single = [tail.run(cut[index : index + 1], 0) for index in range(3)]
    np.testing.assert_array_equal(np.concatenate(single), kept)
    np.testing.assert_array_equal(logits, kept)


def test_decoding_is_the_contracts():
    payload = payload_of(2)
    np.testing.assert_array_equal(CutCodec(contract_of()).decode(payload, 2), real_values(payload))


def test_restart_serves_the_same_tails(tmp_path, load):
    bundles = [tail_bundle(seed=seed) for seed in (0, 1)]
    first = TailStore(tmp_path, load)
    contracts = {first.install(bundle.pack()) for bundle in bundles}
    second = TailStore(tmp_path, load)
    assert set(second.restore()) == contracts
    assert second.contract_of(sha256(bundles[1].pack())) == bundles[1].manifest.contract.id


def test_a_file_damaged_on_disk_is_not_served(tmp_path, load):
    bundle = tail_bundle()
    TailStore(tmp_path, load).install(bundle.pack())
    (file,) = tmp_path.glob("*.bundle")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    (tmp_path / "half.bundle.77.part").write_bytes(b"rest of an interrupted write")
    store = TailStore(tmp_path, load)
    assert store.restore() == ()
    assert store.get(bundle.manifest.contract.id) is None


def test_a_tail_whose_coding_is_not_installed(tmp_path):
    (tmp_path / "tail").write_bytes(tail_bundle(encoding=CutEncoding(entropy=Entropy.ZSTD)).pack())
    code = (
        "from pathlib import Path\n"
        "from nasc_edge.tails import TailStore, load_litert\n"
        "from nasc_sdk.errors import RefusedError\n"
        "from nasc_sdk.runtime.select import open_runtime\n"
        "store = TailStore(Path(sys.argv[1]), load_litert(open_runtime()))\n"
        "try: store.install(Path(sys.argv[2]).read_bytes())\n"
        "except RefusedError as error: print(error.code, error)\n"
    )
    said = printed_without_zstd(code, tmp_path / "tails", tmp_path / "tail")
    assert said.startswith("unsupported_encoding")
    assert "nasc-sdk[zstd]" in said


def test_dropping_forgets_the_file_too(tmp_path, load):
    store = TailStore(tmp_path, load)
    contract = store.install(tail_bundle().pack())
    store.drop(contract)
    store.drop(contract)
    assert store.get(contract) is None
    assert TailStore(tmp_path, load).restore() == ()


def test_the_same_contract_again_replaces_the_tail(tmp_path, load):
    store = TailStore(tmp_path, load)
    first, second = tail_bundle(), tail_bundle(tolerance=0.5)
    assert store.install(first.pack()) == store.install(second.pack())
    assert [path.stem for path in tmp_path.glob("*.bundle")] == [sha256(second.pack())]


def zeros():
    return np.zeros(256, "<f4").tobytes()


@pytest.mark.parametrize(
    ("bundle", "code"),
    [
        (tail_bundle(side=Side.HEAD), "wrong_side"),
        (tail_bundle(encoding=CutEncoding(bits=3)), "unsupported_encoding"),
        (tail_bundle(encoding=CutEncoding(bits=4)), "golden_mismatch"),
        (tail_bundle(model=b"\0" * 100, golden_output=zeros()), "bad_model"),
        (tail_bundle(model=conv_chain(size=16, quantized=False), golden_output=zeros()), "bad_model"),
        (tail_bundle(model=conv_chain(), golden_output=zeros()), "bad_model"),
        (tail_bundle(golden_output=zeros()), "golden_mismatch"),
        (tail_bundle(golden_output=zeros()[:-4]), "golden_mismatch"),
        (tail_bundle(golden_output=np.full(256, np.nan, "<f4").tobytes()), "golden_mismatch"),
    ],
)
def test_refused_and_nothing_changes(tmp_path, load, bundle, code):
    store = TailStore(tmp_path, load)
    good = store.install(tail_bundle(seed=5).pack())
    with pytest.raises(RefusedError) as caught:
        store.install(bundle.pack())
    assert caught.value.code == code
    assert store.contracts == (good,)
    assert len(list(tmp_path.iterdir())) == 1


def test_truncated_bundles_are_refused(tmp_path, load):
    store, data = TailStore(tmp_path, load), tail_bundle().pack()
    for length in range(0, len(data), 97):
        with pytest.raises(RemoteProtocolError):
            store.install(data[:length])
    assert store.contracts == ()


def test_a_model_that_crashes_the_runtime_is_tried_elsewhere_first(tmp_path):
    model = bytearray(conv_chain(quantized=False))
    model[len(model) // 2 :] = os.urandom(len(model) - len(model) // 2)
    store = TailStore(tmp_path, load_litert(open_runtime()))
    with pytest.raises(NascError):
        store.install(tail_bundle(model=bytes(model), golden_output=zeros()).pack())
    assert store.install(tail_bundle().pack())


def test_a_full_disk_changes_nothing(tmp_path, load):
    store = TailStore(tmp_path, load)
    first = store.install(tail_bundle().pack())
    second = tail_bundle(seed=1).pack()
    with file_size_limit(len(second) - 1), pytest.raises(StorageError, match="File too large"):
        store.install(second)
    assert store.contracts == (first,)
    assert len(list(tmp_path.iterdir())) == 1
    assert store.install(second) in store.contracts


def test_a_tail_for_another_shape_is_refused():
    with pytest.raises(NascError, match="takes"):
        LitertTail(conv_chain(quantized=False, size=16), contract_of(), open_runtime())
