"""Filters over payloads, in the manner of MongoDB.

    {"year": {"$gte": 2020, "$lt": 2024}, "lang": "en"}
    {"$or": [{"tags": "new"}, {"author.name": {"$in": ["Ada", "Grace"]}}]}

Fields of one object must all match; a bare value means `$eq`. A path such as `author.name` goes
into nested objects, a list on the way stands for each of its elements, and a step that is a
number takes that element. A value that is a list matches when the whole list does or one of its
elements. Types never mix: True is not 1, and numbers compare with numbers only, exactly.

`$eq $ne $gt $gte $lt $lte $in $nin $exists $contains`, and `$and $or $not`. `$ne` and `$nin` are
the opposites of `$eq` and `$in`: a point without the field matches. `$eq` of None matches null and
a missing field; `$exists` asks whether there is anything, null included. `$contains` is for a
list that has an element and for a string that has a part. A datetime or date compares with
strings that are ISO 8601 dates, as moments, in UTC where they name no zone.

At most 32 deep, 4,096 elements in a list of operands or conditions, 10,000 conditions and 100,000
values in all. `matches` is what a filter means; `mask` says the same of columns, and asks for
just the payloads that they cannot tell of, each once.
"""

from abi.store.filter._nodes import And, Filter, Leaf, Not, Or
from abi.store.filter._parse import OPERATORS, parse

__all__ = ["OPERATORS", "And", "Filter", "Leaf", "Not", "Or", "parse"]
