"""How values of each type lie in a parameter node: as texts under a key, as node references, or as parts of both."""

from __future__ import annotations

import enum
import pathlib
import types
import typing

import vtk

from .parameter_types import FloatRange, IsInstance, split_annotation


def storage_of(annotation):
    """The storage for a type; raises TypeError for one that a parameter node cannot hold."""
    type_, _ = split_annotation(annotation)
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if origin in (typing.Union, types.UnionType):
        members = [member for member in arguments if member is not type(None)]
        if all(_is_node(member) for member in members):
            return NodeStorage(tuple(members))
        return OptionalStorage([storage_of(member) for member in members], type(None) in arguments)
    if origin is list:
        return ListStorage(storage_of(arguments[0]))
    if origin is tuple:
        return TupleStorage([storage_of(argument) for argument in arguments])
    if origin is dict:
        return DictStorage(storage_of(arguments[0]), storage_of(arguments[1]))
    if _is_node(type_):
        return NodeStorage((type_,))
    if type_ is FloatRange:
        return RangeStorage()
    if isinstance(type_, type) and issubclass(type_, enum.Enum):
        return EnumStorage(type_)
    if hasattr(type_, "allParameters"):
        return PackStorage(type_)
    if type_ in (str, int, float, bool) or (isinstance(type_, type) and issubclass(type_, pathlib.PurePath)):
        return TextStorage(type_)
    raise TypeError(f"a parameter node cannot hold values of type {type_}")


def _is_node(type_) -> bool:
    return isinstance(type_, type) and issubclass(type_, vtk.vtkObject)


class TextStorage:
    """str, int, float, bool and paths, as text."""

    def __init__(self, type_: type) -> None:
        self.type = type_

    def zero(self):
        return self.type()

    def check(self, value):
        """The value to store; an int where a float is wanted is the only conversion."""
        if self.type is float and type(value) is int:
            return float(value)
        if self.type is int and isinstance(value, bool):
            raise TypeError("value must be int, not bool")
        IsInstance(self.type).validate(value)
        return value

    def is_in(self, node, key: str) -> bool:
        return key in (node.GetParameterNamesAsCommaSeparatedList() or "").split(",")

    def write(self, node, key: str, value) -> None:
        node.SetParameter(key, str(value))

    def read(self, node, key: str):
        text = node.GetParameter(key)
        return text == "True" if self.type is bool else self.type(text)

    def clear(self, node, key: str) -> None:
        node.UnsetParameter(key)


class EnumStorage(TextStorage):
    """Enum members, by name."""

    def zero(self):
        return next(iter(self.type))

    def write(self, node, key: str, value) -> None:
        node.SetParameter(key, value.name)

    def read(self, node, key: str):
        return self.type[node.GetParameter(key)]


class NodeStorage:
    """MRML nodes, as node references: a scene that is imported renames them rightly."""

    def __init__(self, classes: tuple[type, ...]) -> None:
        self.classes = classes

    def zero(self):
        return None

    def check(self, value):
        if value is not None:
            IsInstance(*self.classes).validate(value)
            if value.GetScene() is None:
                raise ValueError(f"{value.GetName()} is in no scene")
        return value

    def is_in(self, node, key: str) -> bool:
        return True  # no reference is None

    def write(self, node, key: str, value) -> None:
        node.SetNodeReferenceID(key, value.GetID() if value is not None else None)

    def read(self, node, key: str):
        return node.GetNodeReference(key)

    def clear(self, node, key: str) -> None:
        node.SetNodeReferenceID(key, None)


class RangeStorage(TextStorage):
    """FloatRange, as two numbers."""

    def __init__(self) -> None:
        super().__init__(FloatRange)

    def write(self, node, key: str, value) -> None:
        node.SetParameter(key, f"{value.minimum} {value.maximum}")

    def read(self, node, key: str):
        return FloatRange(*(float(part) for part in node.GetParameter(key).split()))


class ListStorage:
    """Items under `<key>_<index>`, their number under `<key>_len`; a list that was read writes its changes back."""

    def __init__(self, item) -> None:
        self.item = item

    def zero(self):
        return []

    def check(self, value):
        IsInstance(list).validate(value)
        return [self.item.check(item) for item in value]

    def is_in(self, node, key: str) -> bool:
        return node.GetParameter(f"{key}_len") != ""

    def _length(self, node, key: str) -> int:
        return int(node.GetParameter(f"{key}_len") or 0)

    def write(self, node, key: str, value) -> None:
        for index in range(len(value), self._length(node, key)):
            self.item.clear(node, f"{key}_{index}")
        node.SetParameter(f"{key}_len", str(len(value)))
        for index, item in enumerate(value):
            self.item.write(node, f"{key}_{index}", item)

    def read(self, node, key: str):
        items = [self.item.read(node, f"{key}_{index}") for index in range(self._length(node, key))]
        return WrittenBackList(items, lambda value: self.write(node, key, self.check(list(value))))

    def clear(self, node, key: str) -> None:
        self.write(node, key, [])
        node.UnsetParameter(f"{key}_len")


class TupleStorage:
    """A tuple of fixed length, each part under `<key>_<index>`."""

    def __init__(self, parts: list) -> None:
        self.parts = parts

    def zero(self):
        return tuple(part.zero() for part in self.parts)

    def check(self, value):
        IsInstance(tuple).validate(value)
        if len(value) != len(self.parts):
            raise ValueError(f"tuple must have {len(self.parts)} parts, not {len(value)}")
        return tuple(part.check(item) for part, item in zip(self.parts, value, strict=True))

    def is_in(self, node, key: str) -> bool:
        return all(part.is_in(node, f"{key}_{index}") for index, part in enumerate(self.parts))

    def write(self, node, key: str, value) -> None:
        for index, (part, item) in enumerate(zip(self.parts, value, strict=True)):
            part.write(node, f"{key}_{index}", item)

    def read(self, node, key: str):
        return tuple(part.read(node, f"{key}_{index}") for index, part in enumerate(self.parts))

    def clear(self, node, key: str) -> None:
        for index, part in enumerate(self.parts):
            part.clear(node, f"{key}_{index}")


class DictStorage:
    """A dictionary, as the list of its keys and the list of its values."""

    def __init__(self, key, value) -> None:
        self.keys, self.values = ListStorage(key), ListStorage(value)

    def zero(self):
        return {}

    def check(self, value):
        IsInstance(dict).validate(value)
        return dict(zip(self.keys.check(list(value)), self.values.check(list(value.values())), strict=True))

    def is_in(self, node, key: str) -> bool:
        return self.keys.is_in(node, f"{key}_keys")

    def write(self, node, key: str, value) -> None:
        self.keys.write(node, f"{key}_keys", list(value))
        self.values.write(node, f"{key}_values", list(value.values()))

    def read(self, node, key: str):
        return dict(
            zip(self.keys.read(node, f"{key}_keys"), self.values.read(node, f"{key}_values"), strict=True)
        )

    def clear(self, node, key: str) -> None:
        self.keys.clear(node, f"{key}_keys")
        self.values.clear(node, f"{key}_values")


class OptionalStorage:
    """One of several types, or None: which one lies under `<key>_type`."""

    def __init__(self, members: list, none_allowed: bool) -> None:
        self.members, self.none_allowed = members, none_allowed

    def zero(self):
        return None if self.none_allowed else self.members[0].zero()

    def _member(self, value) -> int:
        for index, member in enumerate(self.members):
            try:
                member.check(value)
                return index
            except (TypeError, ValueError):
                continue
        raise TypeError(f"value must not be {type(value).__name__}")

    def check(self, value):
        if value is None and self.none_allowed:
            return None
        return self.members[self._member(value)].check(value)

    def is_in(self, node, key: str) -> bool:
        return node.GetParameter(f"{key}_type") != ""

    def write(self, node, key: str, value) -> None:
        index = -1 if value is None else self._member(value)
        node.SetParameter(f"{key}_type", str(index))
        if index >= 0:
            self.members[index].write(node, key, value)

    def read(self, node, key: str):
        index = int(node.GetParameter(f"{key}_type"))
        return None if index < 0 else self.members[index].read(node, key)

    def clear(self, node, key: str) -> None:
        node.UnsetParameter(f"{key}_type")


class PackStorage:
    """A parameter pack, each member under `<key>.<member>`; a pack that was read writes its changes back."""

    def __init__(self, pack: type) -> None:
        self.pack = pack

    def zero(self):
        return self.pack()

    def check(self, value):
        IsInstance(self.pack).validate(value)
        return value

    def is_in(self, node, key: str) -> bool:
        return all(p.storage.is_in(node, f"{key}.{name}") for name, p in self.pack.allParameters.items())

    def write(self, node, key: str, value) -> None:
        for name, parameter in self.pack.allParameters.items():
            parameter.storage.write(node, f"{key}.{name}", getattr(value, name))

    def read(self, node, key: str):
        members = {n: p.storage.read(node, f"{key}.{n}") for n, p in self.pack.allParameters.items()}
        pack = self.pack(**members)
        pack._write_back = lambda name, value: self.pack.allParameters[name].storage.write(
            node, f"{key}.{name}", value
        )
        return pack

    def clear(self, node, key: str) -> None:
        for name, parameter in self.pack.allParameters.items():
            parameter.storage.clear(node, f"{key}.{name}")


class WrittenBackList(list):
    """A list that calls `save(self)` after each change."""

    def __init__(self, items, save) -> None:
        super().__init__(items)
        self._save = save


def _saving(name: str):
    plain = getattr(list, name)

    def change(self, *arguments, **named):
        result = plain(self, *arguments, **named)
        self._save(self)
        return result

    return change


for _name in (
    *("append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse"),
    *("__setitem__", "__delitem__", "__iadd__"),
):
    setattr(WrittenBackList, _name, _saving(_name))
