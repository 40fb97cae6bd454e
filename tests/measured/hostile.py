"""Pickles that run something when Python reads them, and pickles that take all memory or all time."""

import pickle
import struct

import numpy as np


class Calls:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def text(word):
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def executing(canary):
    """Name -> pickle; reading any of them with Python's unpickler makes a file in the folder ``canary``."""
    import builtins
    import os
    import subprocess

    count = iter(range(1000))

    def shell():
        return f"touch {canary}/{next(count)}"

    def program():
        return f"open({str(canary / str(next(count)))!r}, 'w').close()"

    def protocol0(module, name, argument):
        return f"c{module}\n{name}\n(S'{argument}'\ntR.".encode()

    corpus = {}
    for protocol in range(6):
        corpus[f"system, protocol {protocol}"] = pickle.dumps(Calls(os.system, shell()), protocol)
        corpus[f"exec, protocol {protocol}"] = pickle.dumps(Calls(builtins.exec, program()), protocol)
        corpus[f"eval, protocol {protocol}"] = pickle.dumps(Calls(builtins.eval, program()), protocol)
        corpus[f"popen in a dict, protocol {protocol}"] = pickle.dumps(
            {"nasbench201": {"cifar10": [1.0, Calls(subprocess.getoutput, shell())]}}, protocol
        )
    inst = f"(S'{shell()}'\niposix\nsystem\n."
    obj = b"(cposix\nsystem\n" + text(shell()) + b"o."
    corpus["INST"], corpus["OBJ"] = inst.encode(), obj
    corpus["a global by its other name"] = protocol0("os", "system", shell())
    corpus["NEWOBJ after the call"] = b"\x80\x02cposix\nsystem\n" + text(shell()) + b"\x85R)\x81."
    corpus["STACK_GLOBAL"] = b"\x80\x04" + text("posix") + text("system") + b"\x93" + text(shell()) + b"\x85R."
    corpus["name from the memo"] = (
        b"\x80\x04" + text("system") + b"\x94" + text("posix") + b"h\x00\x93" + text(shell()) + b"\x85R."
    )
    corpus["attribute of an attribute"] = (
        b"\x80\x04" + text("os") + text("path.os.system") + b"\x93" + text(shell()) + b"\x85R."
    )
    corpus["dropped before the end"] = b"\x80\x02cposix\nsystem\n" + text(shell()) + b"\x85R0}."
    corpus["after numbers"] = b"\x80\x02](" + b"G" + b"\0" * 8 + b"e" + obj
    corpus["build of a state"] = pickle.dumps(_Stateful(os.system, shell()), 2)
    corpus["in the shape of an array"] = _array_with(b"cposix\nsystem\n" + text(shell()) + b"\x85R")
    corpus["in place of a dtype"] = (
        b"\x80\x03cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01K\x01\x85"
        b"cposix\nsystem\n" + text(shell()) + b"\x85R\x89C\x01xtb."
    )
    corpus["array of objects"] = pickle.dumps(np.array([Calls(os.system, shell())], object), 2)
    corpus["number of objects"] = (
        b"\x80\x03cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\x02\0\0\0O8K\x00K\x01\x87Rcposix\nsystem\n"
        + text(shell()) + b"\x85R\x86R."
    )  # fmt: skip
    corpus["OrderedDict made of a call"] = (
        b"\x80\x02ccollections\nOrderedDict\ncposix\nsystem\n" + text(shell()) + b"\x85R\x85R."
    )
    corpus["numpy's own exec"] = protocol0("numpy.testing._private.utils", "runstring", program()).replace(
        b"\ntR.", b"\n}tR."
    )
    corpus["second pickle"] = pickle.dumps([1.0]) + pickle.dumps(Calls(os.system, shell()))
    corpus["codec of another kind"] = b"\x80\x02c_codecs\nencode\n(X\x01\0\0\0aX\x06\0\0\0base64tR" + obj
    return corpus


class _Stateful:
    def __init__(self, function, argument):
        self.state = Calls(function, argument)


def _array_with(shape):
    return (
        b"\x80\x03cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01" + shape
        + b"cnumpy\ndtype\nX\x02\0\0\0f8K\x00K\x01\x87R\x89C\x08aaaaaaaatb."
    )  # fmt: skip


def strange():
    """Name -> bytes that are no plain values, though nothing in them executes here."""
    reconstruct = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
    return {
        "empty": b"",
        "only STOP": b".",
        "only PROTO": b"\x80\x04",
        "protocol 6": b"\x80\x06N.",
        "protocol twice": b"\x80\x04\x80\x04N.",
        "EXT1": b"\x80\x02\x82\x01.",
        "EXT2": b"\x80\x02\x83\x01\x00.",
        "EXT4": b"\x80\x02\x84\x01\x00\x00\x00.",
        "PERSID": b"Pthing\n.",
        "BINPERSID": b"\x80\x02X\x01\0\0\0aQ.",
        "NEWOBJ": b"\x80\x02ccollections\nOrderedDict\n)\x81.",
        "NEWOBJ_EX": b"\x80\x04ccollections\nOrderedDict\n)}\x92.",
        "OBJ of a known global": b"(ccollections\nOrderedDict\no.",
        "INST of a known global": b"(icollections\nOrderedDict\n.",
        "set": b"\x80\x04\x8f.",
        "frozenset": b"\x80\x04(\x91.",
        "out of band": b"\x80\x05\x97.",
        "read-only out of band": b"\x80\x05N\x98.",
        "DUP": b"N2\x86.",
        "POP": b"NN0.",
        "POP_MARK": b"N(N1.",
        "unknown instruction": b"\xff.",
        "no STOP": b"\x80\x02}",
        "two values": b"NN.",
        "open mark": b"N(.",
        "empty stack": b"a.",
        "below the mark": b"](a.",
        "list of a dict": b"}(K\x01e.",
        "dict of a list": b"](K\x01K\x02u.",
        "key without value": b"}(K\x01u.",
        "key that is a tuple": b"}()K\x01u.",
        "key that is real": b"}(G" + b"\0" * 8 + b"K\x01u.",
        "memo that was never made": b"h\x05.",
        "memo with a gap": b"Nq\x05.",
        "call of text": text("os") + b")R.",
        "call of an array": reconstruct + b")R.",
        "global as value of a call": b"cnumpy\nndarray\n)R.",
        "state of a list": b"]}b.",
        "state twice": b"cnumpy\ndtype\n(X\x02\0\0\0f8K\x00K\x01tR"
        + b"(K\x03X\x01\0\0\0<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb" * 2 + b".",
        "dtype with fields": b"cnumpy\ndtype\n(X\x02\0\0\0f8K\x00K\x01tR(K\x03X\x01\0\0\0<N)}K\x08K\x01K\0tb.",
        "dtype of objects": b"cnumpy\ndtype\n(X\x02\0\0\0O8K\x00K\x01tR.",
        "dtype of text": b"cnumpy\ndtype\n(X\x02\0\0\0U8K\x00K\x01tR.",
        "dtype by expression": b"cnumpy\ndtype\n(X\x05\0\0\0f8,O8K\x00K\x01tR.",
        "array of a negative size": reconstruct
        + b"(K\x01J\xff\xff\xff\xff\x85cnumpy\ndtype\n(X\x02\0\0\0f8K\x00K\x01tR\x89C\x08aaaaaaaatb.",
        "array of other bytes": reconstruct
        + b"(K\x01K\x02\x85cnumpy\ndtype\n(X\x02\0\0\0f8K\x00K\x01tR\x89C\x08aaaaaaaatb.",
        "subclass of an array": b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nmatrix\nK\x00\x85C\x01b\x87R.",
        "text that is none": b"X\x02\0\0\0\xff\xfe.",
        "integer with a word": b"Iseven\n.",
        "real number with a word": b"Fseven\n.",
        "escaped old string": b"S'\\x41'\n.",
        "old string of negative length": b"T\xff\xff\xff\xff.",
        "a global with a dotted name": b"cnumpy.core\nmultiarray.scalar\n.",
    }  # fmt: skip


def bombs():
    """Name -> bytes that ask for too much."""
    laughs = b"(]q\0(" + b"K\1" * 10 + b"e"
    for level in range(1, 10):
        laughs += b"]" + bytes((ord("q"), level)) + b"(" + bytes((ord("h"), level - 1)) * 10 + b"e"
    megabyte = b"X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20)
    return {
        "laughs": b"\x80\x02" + laughs + b"l.",
        "laughs of tuples": b"\x80\x02(K\1" + b"".join(
            b"q" + bytes((i,)) + b"(" + (b"h" + bytes((i,))) * 20 + b"t" for i in range(7)) + b"l.",
        "itself in a list": b"]q\0h\0a.",
        "itself in a dict": b"}q\0K\1h\0s.",
        "itself two deep": b"]q\0]q\1h\0aa.",
        "itself in a tuple": b"]q\0(h\0ta.",
        "deep lists": b"]" * 100_000 + b"a" * 99_999 + b".",
        "deep tuples": b")" + b"\x85" * 500_000 + b".",
        "deep marks": b"(" * 1_000_000 + b"t" * 1_000_000 + b".",
        "lists on the stack": b"]" * 4_000_000 + b".",
        "Nones on the stack": b"N" * 4_000_000 + b".",
        "DUP": b"N" + b"2" * 1_000_000 + b".",
        "memo": b"N" + b"\x94" * 6_000_000 + b".",
        "memo far away": b"Nr\xff\xff\xff\xff.",
        "memo far away, in words": b"Np99999999999\n.",
        "LONG4 of 2 GiB": b"\x80\x02\x8b\xff\xff\xff\x7f.",
        "LONG4 of 1 MiB": b"\x80\x02\x8b\x00\x00\x10\x00" + b"\x7f" * (1 << 20) + b".",
        "LONG1 of 255 bytes": b"\x80\x02\x8a\xff" + b"\x7f" * 255 + b".",
        "LONG4 of negative size": b"\x80\x02\x8b\xff\xff\xff\xff.",
        "LONG of a million digits": b"L" + b"9" * 1_000_000 + b"L\n.",
        "INT of a million digits": b"I" + b"9" * 1_000_000 + b"\n.",
        "FLOAT of a million digits": b"F" + b"9" * 1_000_000 + b"\n.",
        "frame of 2**63": b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f" + b"N.",
        "bytes of 2**63": b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f" + b"N.",
        "text of 4 GiB": b"\x80\x02X\xff\xff\xff\xff.",
        "bytearray of 2**63": b"\x80\x05\x96" + b"\xff" * 7 + b"\x7f" + b"N.",
        "text encoded again and again": b"\x80\x02" + megabyte + b"q\0("
        + b"c_codecs\nencode\n(h\0X\6\0\0\0latin1tR" * 900 + b"t.",
        "wide text": b"\x80\x02(" + (b"X\x03\x00\x10\x00" + b"a" * ((1 << 20) - 1) + "😀".encode()) * 60 + b"t.",
        "dictionaries": b"\x80\x02](" + b"}(K\1K\2u" * 4_000_000 + b"e.",
        "colliding keys": b"\x80\x02}(" + b"".join(b"\x8a\x0b" + (i * (2**61 - 1)).to_bytes(11, "little", signed=True)
            + b"N" for i in range(100_000)) + b"u.",
        "line without end": b"V" + b"a" * (5 << 20),
        "many appends": b"]" + b"Na" * 8_000_000 + b".",
    }  # fmt: skip
