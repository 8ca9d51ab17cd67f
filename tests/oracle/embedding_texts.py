"""500 texts of mixed length and script, the same everywhere and always. They must not change."""

from __future__ import annotations

from random import Random

from tests.oracle.prose import CODE, PROSE

__all__ = ["N_TEXTS", "embedding_texts"]

N_TEXTS = 500
_SEED = 20

_SENTENCES = (
    "The harbour wakes before the town does.",
    "Der Käfer läuft über die nasse Straße, und niemand hält ihn auf.",
    "Où est passée la clé du garçon ? Elle était pourtant là hier.",
    "El niño comió piñas en la montaña; después llovió.",
    "Żółw idzie ścieżką, a jeż śpi pod liściem.",
    "Dvě včely létají nad řekou, příliš žluťoučký kůň.",
    "Ağaçların gölgesinde ıslak bir kedi İzmir'i düşündü.",
    "Con mèo nằm ngủ trên chiếc ghế cũ.",
    "Старый рыбак чинит сети и молчит до вечера.",
    "Ґанок і їжак: обидва сьогодні мокрі.",
    "Ο ψαράς μετράει τα κιβώτια δυνατά.",
    "קשת בענן מעל הים, והילדים רצים.",
    "القارب يعود إلى الميناء قبل الفجر.",
    "کشتی در بندر می‌ماند و باران می‌بارد.",
    "古い灯台の明かりがまた消えた。",
    "カモメは南へ飛んでいく、たぶん。",
    "渔船在天亮之前回到港口。",
    "鐘樓的鐘聲比昨天低了一點。",
    "항구는 마을보다 먼저 깨어난다.",
    "नाव सुबह से पहले बंदरगाह लौटती है।",
    "নদীর ধারে একটা পুরনো ঘর আছে।",
    "படகு கரைக்கு வந்தது.",
    "เรือกลับเข้าท่าก่อนรุ่งสาง",
    "ნავი ნავსადგურში ბრუნდება.",
    "Նավը վերադառնում է նավահանգիստ։",
    "Fish soup: 3 onions, 2.5 l of water, saffron (a pinch) & patience!",
    "see https://example.org/a?b=1&c=%20d#e or mail edith@example.org",
    "🐟🐟 fresh today 🎣 only 5€ — half of £9.50",
    "E = mc², ∑ xᵢ ≤ ∞, ½ + ⅓, α → β, ℝ³",
    "Ｆｕｌｌｗｉｄｔｈ ﬁne ﬂow Ⅷ ① ㌔",
    "sym­met\u200bric zero\u200dwidth e\u0301 a\u030a o\u0308",
)


def embedding_texts() -> list[str]:
    """One sentence, or a few of one script or of several; every tenth text is a long one."""
    random = Random(_SEED)
    prose = [part.strip() for part in PROSE.replace("\n", " ").split(". ") if part.strip()]
    words = PROSE.split()
    texts = [*_SENTENCES, *CODE, "a", "?", "Edith", " ", "[CLS] [MASK] [unused1]", "x" * 120]
    while len(texts) < N_TEXTS:
        kind = len(texts) % 5
        if len(texts) % 10 == 9:
            texts.append(". ".join(random.choices(prose, k=random.randrange(4, 24))))
        elif kind == 0:
            texts.append(" ".join(random.choices(words, k=random.randrange(1, 12))))
        elif kind == 1:
            texts.append(random.choice(_SENTENCES) + " " + random.choice(_SENTENCES))
        elif kind == 2:
            texts.append(random.choice(prose) + " " + random.choice(CODE))
        elif kind == 3:
            texts.append(" ".join(random.choices(_SENTENCES, k=random.randrange(2, 6))))
        else:
            texts.append(random.choice(prose) + ".")
    return texts
