"""The data types of resources, also of objects that the table does not know.

Resource ids from 2048 on mean the same in whatever object they stand (the OMA registry's reusable
resources), so a TLV of a humidity sensor can be read without its definition. These are the ids
that the registry's objects 3200 to 3350 use.
"""

from protocol import data_types, object_table

_REUSABLE = {
    data_types.STRING: (5527, 5701, 5706, 5750, 5751, 5823, 5853, 5912),
    data_types.INTEGER: (
        *(5501, 5503, 5504, 5526, 5528, 5529, 5534, 5541, 5542, 5545, 5546, 5547),
        *(5825, 5826, 5827, 5828, 5851, 5852, 5854, 5903, 5904, 5910, 6042, 6049),
    ),
    data_types.FLOAT: (
        *(*range(5507, 5514), 5519, 5520, 5521, 5524, 5525, 5531, 5536, 5537, 5538, 5544, 5548),
        *(*range(5600, 5605), 5650, 5700, *range(5702, 5706), *range(5800, 5807)),
        *(*range(5810, 5817), 5820, 5821, 5900, 6050, 6051, 6052, 6053),
    ),
    data_types.BOOLEAN: (5500, 5502, 5532, 5533, 5543, 5550, 5551, 5850),
    data_types.OPAQUE: (5517, 5522),
    data_types.TIME: (5506, 5518, 5824),
}
_TYPES = {number: data_type for data_type, ids in _REUSABLE.items() for number in ids}


def type_of(path: tuple[int, ...]) -> int | None:
    """Return the data type of the resource that `path` names or lies in; None if unknown."""
    known = object_table.type_of(path)
    return _TYPES.get(path[2]) if known is None and len(path) >= 3 else known


def is_plain(path: tuple[int, ...]) -> bool:
    """Return whether `path` names one resource whose value text/plain can carry as it is.

    Not if it is known to be multiple or opaque.
    """
    if len(path) != 3 or type_of(path) == data_types.OPAQUE:
        return False
    found = object_table.resource(path[0], path[2])
    return found is None or not found.is_multiple
