"""A text of ours, from which tests make vocabularies and strings. It must not change."""

__all__ = ["CODE", "PROSE"]

PROSE = """
The harbour wakes before the town does. Long before the first baker lights his oven, the boats
come in with their nets still dripping, and somebody is already counting the crates aloud: one,
two, three, then twelve, then forty-two. Nobody writes the numbers down. They are remembered, and
by the evening they have grown a little. "It was the best catch since 1987," says the man with the
grey cap, although he said the same thing last week, and the week before that.

Across the water there is an old observatory. Its dome doesn't turn any more, but the instruments
inside are kept clean by a woman called Edith, who isn't an astronomer and never wanted to be. She
likes the quiet. On Tuesdays she opens the shutters, brushes the dust from the brass, and reads the
thermometer twice: once when she arrives, and once when she leaves. In the logbook the temperatures
stand in neat columns - 11.5, 12.25, 9.0, -3.75 - with remarks beside them. "Fog until noon."
"Geese, flying south." "The lamp has failed again; I've asked for another."

What do people remember of a place? Not its streets, which are renamed, nor its shops, which close.
They remember a smell of tar and oranges, a bell that rang a quarter-tone too low, the way that the
light came through the café's window at six o'clock. Memory keeps what measurement throws away. It
would be foolish to complain about that; measurement, after all, keeps what memory throws away, and
between the two of them most things are kept by somebody.

In the winter of that year the engineers arrived with their machines. They were polite and hurried.
They drilled seventeen holes along the breakwater, lowered their instruments into the darkness, and
went away to calculate. We'll hear from them, everybody said, and we did: a report of two hundred
pages, of which the mayor read three. The foundations were sound, it said, provided that nothing
changed. The sea, the temperature, the weight of the cranes and the habits of the ships were listed
among the things that should not change. We laughed about it in the café, naïvely perhaps.

Then the children started a newspaper. It had four pages, cost fifty cents, and appeared whenever
there was something to say. They printed tide tables, recipes (Zoë's grandmother's fish soup:
onions, garlic, saffron, patience), the results of the chess tournament, and an interview with
Edith in which she explained, very precisely, how one adjusts a telescope that will never be used
again. They asked whether she was sad about it. "You're asking the wrong question," she answered.
"Ask whether it's still true." The question was printed in large letters, underneath a drawing of
the dome.
"""

CODE = (
    "def f(x, *args, **kwargs):\n    return [y ** 2 for y in x if y != 0]\n",
    "for (int i = 0; i < n; ++i) {\n\t\tsum += a[i] * b[i];\n\t}\n",
    '{"name": "abi", "version": [1, 2, 3], "ok": true, "x": null}\r\n',
    "SELECT id, COUNT(*) FROM users WHERE age >= 18 GROUP BY id;\n\n",
    "<div class=\"row\">\n  <a href='https://example.org/?q=1&r=2'>link</a>\n</div>",
    "#!/bin/sh\nset -eu\nfor f in *.txt; do echo \"$f\" | sed 's/a/b/g'; done\n",
    "\\begin{equation} \\sum_{i=1}^{n} x_i^2 \\le 1 \\end{equation}",
    "0xDEADBEEF 3.14159e-10 1_000_000 0b1011 127.0.0.1:8080 v1.2.3-rc4",
)
