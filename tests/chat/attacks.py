"""Templates that try to take time or memory, or to get out: each is stopped, or is harmless."""

from __future__ import annotations

__all__ = ["ESCAPES", "FLOODS"]

DOUBLE = "{% set ns = namespace(l=[1]) %}{% for i in range(40) %}{% set ns.l = [ns.l, ns.l] %}"
TUPLES = "{% set ns = namespace(l=(1,)) %}{% for i in range(40) %}{% set ns.l = (ns.l, ns.l) %}"

# What would take more time or memory than a machine has, by name.
FLOODS = {
    "nested loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}"
    "{% endfor %}",
    "a range too long": "{{ range(10**9) | list }}",
    "many long ranges": "{% for i in range(90000) %}{% set x = range(99999) | list %}{% endfor %}",
    "a loop filter": "{% for i in range(99999) %}{% for j in range(99999) if false %}"
    "{% endfor %}{% endfor %}",
    "a recursive loop": "{% for x in [1] recursive %}{{ loop(range(90000)) }}{% endfor %}",
    "a macro that calls itself twice": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}"
    "{% endif %}{% endmacro %}{{ f(60) }}",
    "a macro without end": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "a call block in itself": "{% macro f() %}{{ caller() }}{% endmacro %}{% macro g() %}"
    "{% call f() %}{{ g() }}{{ g() }}{% endcall %}{% endmacro %}{{ g() }}",
    "a block in itself": "{% block b %}{{ self.b() }}{{ self.b() }}{% endblock %}",
    "text repeated": "{{ 'x' * 10**9 }}",
    "a list repeated": "{{ ([1] * 10**9) | length }}",
    "text doubled": "{% set ns = namespace(s='x') %}{% for i in range(99) %}"
    "{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "text doubled by ~": "{% set ns = namespace(s='x') %}{% for i in range(99) %}"
    "{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "text doubled in blocks": "{% set x = 'abcdefgh' %}"
    + "".join("{% set x %}{{ x }}{{ x }}{% endset %}" for _ in range(60)),
    "lists doubled": "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}"
    "{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "a power": "{{ 9 ** (9 ** 9) }}",
    "powers in turn": "{% set ns = namespace(n=3) %}{% for i in range(999) %}"
    "{% set ns.n = ns.n * ns.n %}{% endfor %}",
    "a long number read": "{% set n = ('f' * 9999999) | int(base=16) %}{{ n // 7 % 3 }}",
    "replace each gap": "{{ ('x' * 99999).replace('', 'y' * 99999) }}",
    "the filter replace": "{{ ('x' * 99999) | replace('x', 'y' * 99999) }}",
    "join with a long text": "{{ ('y' * 999999).join(range(99999) | map('string')) }}",
    "the filter join": "{{ range(99999) | map('string') | join('y' * 999999) }}",
    "join one text often": "{{ (['y' * 999999] * 99999) | select | join }}",
    "center": "{{ 'x' | center(10 ** 9) }}",
    "ljust": "{{ 'x'.ljust(999999999) }}",
    "zfill": "{{ 'x'.zfill(999999999) }}",
    "expandtabs": "{{ ('\t' * 9999).expandtabs(999999) }}",
    "indent": "{{ ('x\n' * 99999) | indent(99999) }}",
    "a format width": "{{ '%999999999d' % 1 }}",
    "a format precision": "{{ '%.999999999f' % 1.0 }}",
    "a format width given by *": "{{ '%*d' % (999999999, 1) }}",
    "many format widths": "{{ ('%9999d' * 99999) % range(99999) | list }}",
    "one value in many fields": "{{ ('%(a)s' * 99999) % {'a': 'x' * 99999} }}",
    "the filter format": "{{ '%999999999d' | format(1) }}",
    "str.format with a width": "{{ '{:999999999}'.format('x') }}",
    "str.format with a given width": "{{ '{:{}}'.format('x', 999999999) }}",
    "str.format of one value often": "{{ ('{0}' * 99999).format('x' * 99999) }}",
    "JSON with a wide indent": "{{ [[[1]]] | tojson(indent=999999999) }}",
    "JSON with long separators": "{{ range(9999) | list | tojson(separators=('x' * 99999, '')) }}",
    "JSON of one list often": DOUBLE + "{% endfor %}{{ ns.l | tojson }}",
    "a list in itself printed": DOUBLE + "{% endfor %}{{ ns.l }}",
    "a list in itself as text": DOUBLE + "{% endfor %}{{ ns.l | string | length }}",
    "a list in itself joined": DOUBLE + "{% endfor %}{{ ns.l | join }}",
    "a namespace that holds it": DOUBLE + "{% endfor %}{{ ns }}",
    "lists in themselves compared": "{% set a = namespace(l=[1]) %}{% set b = namespace(l=[1]) %}"
    "{% for i in range(40) %}{% set a.l = [a.l, a.l] %}{% set b.l = [b.l, b.l] %}{% endfor %}"
    "{{ a.l == b.l }}",
    "the same by a test": "{% set a = namespace(l=[1]) %}{% set b = namespace(l=[1]) %}"
    "{% for i in range(40) %}{% set a.l = [a.l, a.l] %}{% set b.l = [b.l, b.l] %}{% endfor %}"
    "{{ a.l is eq b.l }}{{ [a.l].index(b.l) }}",
    "tuples in themselves as a key": TUPLES + "{% endfor %}{{ {ns.l: 1} }}",
    "the same in get": TUPLES + "{% endfor %}{{ {}.get(ns.l) }}{{ {}[ns.l] }}",
    "the same as an index": DOUBLE + "{% endfor %}{{ {}[ns.l].x }}",
    "the same as the name of a filter": TUPLES + "{% endfor %}{{ [1] | map(ns.l) | list }}",
    "the same in unique": TUPLES + "{% endfor %}{{ [ns.l] | unique | list }}",
    "a tuple too deep": "{% set ns = namespace(l=(1,)) %}{% for i in range(90000) %}"
    "{% set ns.l = (ns.l,) %}{% endfor %}{{ {ns.l: 1} }}",
    "sums of lists": "{{ (range(99999) | batch(1) | sum(start=[])) | length }}",
    "batch with filling": "{{ [1] | batch(999999999, 'x') | list | length }}",
    "slice into many": "{{ [1] | slice(999999999) | list | length }}",
    "round": "{{ 1.5 | round(999999999, 'ceil') }}",
    "a search backwards": "{% for i in range(9999) %}"
    "{% set x = ('a' * 999999).rfind('b' + 'a' * 499999) %}{% endfor %}",
    "splitting long texts": "{% for i in range(9999) %}{% set x = ('a ' * 999999).split() %}"
    "{% endfor %}",
    "the characters of a long text": "{{ ('a' * 9999999) | list | length }}",
    "a list that grows": "{% set l = [] %}{% for i in range(99999) %}{% for j in range(99999) %}"
    "{% set _ = l.append(j) %}{% endfor %}{% endfor %}",
    "filters of filters": "{% set n = namespace(x=range(99999)) %}{% for i in range(99) %}"
    "{% set n.x = n.x | select %}{% endfor %}{{ n.x | list | length }}",
    "maps of maps": "{{ range(99999)" + " | map('string')" * 99 + " | list }}",
    "stripping of many characters": "{{ ('a' * 999999).strip('b' * 999999 + 'a') }}",
    "the filter trim of many": "{{ ('a' * 999999) | trim('b' * 999999 + 'a') }}",
    "long texts in a list": "{% set a = 'a' * 4999999 %}{{ a ~ 'b' in [a ~ 'c'] * 99999 }}",
    "long texts in a list by index": "{% set a = 'a' * 4999999 %}"
    "{{ ([a ~ 'c'] * 99999).index(a ~ 'b') }}",
    "long texts in order": "{% set a = 'a' * 999999 %}{{ ([a ~ 'c', a ~ 'b'] * 9999) | sort }}",
    "JSON in ASCII": "{{ ('😀' * 4999999) | tojson(ensure_ascii=true) | length }}",
    "copies by slices": "{% set l = range(99999) | list %}{% for i in range(99999) %}"
    "{% set x = l[:] %}{% endfor %}",
    "search in a range": "{% for i in range(99999) %}{% if 'x' in range(99999) %}{% endif %}"
    "{% endfor %}",
    "constant text in a macro": "{% macro f() %}" + "x" * 20000 + "{% endmacro %}"
    "{% set y %}{% for i in range(99999) %}{{ f() }}{% endfor %}{% endset %}",
    "much output": "{% for i in range(99999) %}" + "x" * 20000 + "{% endfor %}",
    "escapes": "{{ ('&' * 9999999) | e | e | e }}",
    "a long pattern of time": "{{ strftime_now('%c' * 9999999) }}",
    "placeholder text": "{{ lipsum(n=999999) }}",
    **{
        f"a list in itself by the filter {name}": DOUBLE + "{% endfor %}{{ ns.l | " + name + " }}"
        for name in (
            "upper", "lower", "capitalize", "title", "trim", "center", "safe", "wordcount", "int",
            "float", "abs", "truncate", "urlencode", "filesizeformat", "string", "e",
        )
    },
    **{
        f"a view of {name}": DOUBLE + "{% endfor %}{% set d = {'a': ns.l} %}{{ " + text + " }}"
        for name, text in {
            "values": "d.values()", "items": "d.items() ~ 'x'", "keys": "d.items() | join",
            "a field": "'%s' % (d.values(),)", "both": "d.items() == {'a': ns.l}.items()",
            "lists": "d.values() | list | string", "filtered": "d | items | list | tojson",
        }.items()
    },
    "lists just small enough, by a filter": "{% set ns = namespace(l=['abcdefgh']) %}"
    "{% for i in range(15) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}"
    "{% for i in range(9999) %}{% set x = ns.l | title %}{% endfor %}",
    "long texts in a short list": "{% set a = 'a' * 999999 %}{% set l = [] %}"
    "{% for i in range(9999) %}{% set _ = l.append(a) %}{% endfor %}{{ l | title | length }}",
    "a list doubled by its arguments": "{% macro f() %}{{ f(varargs, varargs) }}{% endmacro %}"
    "{{ f('abcdefgh') }}",
    "the same by names": "{% macro f() %}{{ f(a=kwargs, b=kwargs) }}{% endmacro %}{{ f(a=1) }}",
    "a list doubled by times": "{% set ns = namespace(l=['abcdefgh']) %}{% for i in range(40) %}"
    "{% set ns.l = [ns.l] * 2 %}{% endfor %}{{ ns.l | title }}",
    "a list doubled by filling": "{% set ns = namespace(l=['abcdefgh']) %}{% for i in range(40) %}"
    "{% set ns.l = [1] | batch(4, ns.l) | list %}{% endfor %}{{ ns.l | title }}",
    "a tuple too deep in a generator": "{% set ns = namespace(l=(1,)) %}{% for i in range(9999) %}"
    "{% set ns.l = " + "(" * 40 + "ns.l" + ",)" * 40 + " %}{% endfor %}"
    "{% set x = dict([ns.l, 1] | batch(2)) %}",
    "a large key of a namespace": TUPLES + "{% endfor %}{{ namespace([[ns.l, 1]]) }}",
    "many cyclers": "{% set l = [] %}{% for i in range(900) %}"
    "{% set _ = l.append(cycler(*range(99999))) %}{% endfor %}",
    "a format field that does not end": "{{ ('{:' ~ '1' * 400000).format() }}",
    "keys of fields that do not end": "{{ ('%(' * 400000) % {} }}",
    "a width before a comma": "{{ '{:400000000,.3f}'.format(1.5) }}",
    "a width before an underscore": "{{ '{:400000000_.3f}'.format(1.5) }}",
    "a width after brackets in brackets": "{{ ('%(a(b))400000000d' % {'a(b)': 1})[:3] }}",
    "an attribute of many parts": "{{ [] | sort(attribute='a,' * 4000000) }}",
    "a path of many parts": "{{ [] | map(attribute='a.' * 4000000) | list }}",
    "a namespace in itself": "{% set n = namespace() %}{% set n.n = n %}{{ n }}",
    "a list that holds itself": "{% set l = [] %}{% set _ = l.append(l) %}{{ l | tojson }}",
}  # fmt: skip

# What would reach Python's own objects, or change the caller's.
ESCAPES = (
    "{{ messages.__class__.__mro__ }}",
    "{{ ''.__class__.__base__.__subclasses__() }}",
    "{{ ''['__class__']['__mro__'] }}",
    "{{ '{0.__class__.__mro__}'.format(1) }}",
    "{{ '{m.__class__.__mro__}'.format_map({'m': 1}) }}",
    "{{ [1] | map(attribute='__class__.__mro__') | list }}",
    "{{ messages | selectattr('__class__.__mro__') | list }}",
    "{{ messages | attr('__class__') }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ raise_exception.__globals__ }}",
    "{{ self.__init__.__globals__.x }}",
    "{{ namespace(__class__=1) }}",
    "{% set ns = namespace() %}{% set ns.__class__ = 1 %}",
    "{{ ns.__init__.__globals__ }}",
    "{% macro m() %}{% endmacro %}{{ m._func.__globals__ }}",
    "{{ messages.clear() }}",
    "{{ messages.sort() }}",
    "{{ messages[0].update({}) }}",
    "{{ messages[0].pop('role') }}",
    "{{ messages.extend(messages) }}",
    "{{ ''.encode() }}",
    "{{ ''.maketrans('a', 'b') }}",
    "{{ (1).to_bytes(999999999, 'big') }}",
    "{{ 1 / 0 }}",
    "{{ none.x.y }}",
    "{{ environment.loader.x }}",
    "{{ 'x'.join.__self__.x }}",
    "{{ dict.fromkeys.__self__.x }}",
)
